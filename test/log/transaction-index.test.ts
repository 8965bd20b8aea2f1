import { expect, test } from "vitest";
import { decodeAborted, decodeEntries, encodeAborted } from "../../src/log/transaction-index.ts";

const spans = [
  { producerId: 5, firstOffset: 100, lastOffset: 107, lastStableOffset: 103 },
  { producerId: 0x0102030405, firstOffset: 103, lastOffset: 109, lastStableOffset: 110 },
];
const all = { from: 100, to: Number.POSITIVE_INFINITY };

test("transaction index: Kafka's bytes, and a trailer shorter than an entry", () => {
  expect(Buffer.from(encodeAborted(spans, 1)).toString("hex")).toBe(
    "0000" +
      "0000000102030405" +
      "0000000000000067" +
      "000000000000006d" +
      "000000000000006e" +
      "5654584900000002" +
      "5bfb2c22",
  );
  expect(encodeAborted(spans)).toHaveLength(80);
});

test("transaction index: what was written is read, as far as is asked", () => {
  const bytes = encodeAborted(spans);
  expect(decodeAborted(bytes, all)).toEqual(spans);
  expect(decodeAborted(bytes, { from: 100, to: 109 })).toEqual(spans.slice(0, 1));
  expect(decodeAborted(encodeAborted([]), all)).toEqual([]);
});

test("transaction index: any bit changed, any byte missing or added is damage", () => {
  const bytes = encodeAborted(spans);
  for (let bit = 0; bit < bytes.length * 8; bit++) {
    const flipped = bytes.slice();
    flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7));
    expect(decodeAborted(flipped, all), `bit ${bit}`).toBeNull();
  }
  for (let length = 0; length < bytes.length; length++) {
    expect(decodeAborted(bytes.slice(0, length), all), `cut to ${length}`).toBeNull();
  }
  expect(decodeAborted(Buffer.concat([bytes, Buffer.from([0])]), all)).toBeNull();
});

test("transaction index: entries without a trailer can be read apart", () => {
  const bare = encodeAborted(spans).subarray(0, 68);
  expect(decodeEntries(bare, all)).toEqual(spans);
  expect(decodeEntries(bare.subarray(0, 67), all)).toBeNull();
  expect(decodeAborted(bare, all)).toBeNull();
});

test("transaction index: what cannot be true is damage", () => {
  const [first, second] = spans;
  if (first === undefined || second === undefined) throw new Error("two spans");
  const bad = [
    [second, first],
    [{ ...first, firstOffset: 107 }],
    [{ ...first, lastStableOffset: 109 }],
    [{ ...first, producerId: -1 }],
    [{ ...first, lastOffset: 99, firstOffset: 90, lastStableOffset: 95 }],
  ];
  for (const entries of bad) expect(decodeAborted(encodeAborted(entries), all)).toBeNull();
  const version = encodeAborted([first]).subarray(0, 34);
  version[1] = 1;
  expect(decodeEntries(version, all)).toBeNull();
});

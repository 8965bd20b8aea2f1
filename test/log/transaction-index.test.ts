import { expect, test } from "vitest";
import { decodeAborted, encodeAborted } from "../../src/log/transaction-index.ts";

const spans = [
  { producerId: 5, firstOffset: 100, lastOffset: 107, lastStableOffset: 103 },
  { producerId: 0x0102030405, firstOffset: 103, lastOffset: 109, lastStableOffset: 110 },
];
const all = { from: 100, to: Number.POSITIVE_INFINITY };

test("transaction index: Kafka's bytes", () => {
  expect(Buffer.from(encodeAborted(spans, 1)).toString("hex")).toBe(
    "0000" + "0000000102030405" + "0000000000000067" + "000000000000006d" + "000000000000006e",
  );
  expect(encodeAborted(spans)).toHaveLength(68);
});

test("transaction index: what was written is read, as far as is asked", () => {
  const bytes = encodeAborted(spans);
  expect(decodeAborted(bytes, all)).toEqual(spans);
  expect(decodeAborted(bytes, { from: 100, to: 109 })).toEqual(spans.slice(0, 1));
  expect(decodeAborted(new Uint8Array(0), all)).toEqual([]);
});

test("transaction index: what stands behind the range does not count, garbage before it does", () => {
  const torn = Buffer.concat([encodeAborted(spans), Buffer.from("torn")]);
  expect(decodeAborted(torn, { from: 100, to: 109 })).toEqual(spans.slice(0, 1));
  expect(decodeAborted(torn, all)).toBeNull();
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
  const version = encodeAborted([first]);
  version[1] = 1;
  expect(decodeAborted(version, all)).toBeNull();
});

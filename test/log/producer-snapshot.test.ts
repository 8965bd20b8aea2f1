import { expect, test } from "vitest";
import { alreadySafe, type ProducerEntry } from "../../src/log/producer-entry.ts";
import { decodeSnapshot, encodeSnapshot } from "../../src/log/producer-snapshot.ts";

const entry: ProducerEntry = {
  producerId: 0x0102030405,
  producerEpoch: 3,
  coordinatorEpoch: 2,
  lastTimestampMs: 1_700_000_000_000,
  lastSeenMs: 1,
  currentTransactionStart: 40,
  batches: [
    {
      firstSequence: 2 ** 31 - 1,
      lastSequence: 1,
      baseOffset: 40,
      lastOffset: 42,
      timestampMs: 1_700_000_000_000,
      safety: alreadySafe,
    },
  ],
};
const markerOnly = { ...entry, producerId: 7, currentTransactionStart: -1, batches: [] };

test("producer snapshot: Kafka's bytes", () => {
  const hex = Buffer.from(encodeSnapshot([entry, markerOnly])).toString("hex");
  expect(hex.slice(0, 4)).toBe("0001");
  expect(hex.slice(12)).toBe(
    "00000002" +
      "0000000102030405" +
      "0003" +
      "00000001" +
      "000000000000002a" +
      "00000002" +
      "0000018bcfe56800" +
      "00000002" +
      "0000000000000028" +
      "0000000000000007" +
      "0003" +
      "ffffffff" +
      "ffffffffffffffff" +
      "00000000" +
      "0000018bcfe56800" +
      "00000002" +
      "ffffffffffffffff",
  );
  expect(Buffer.from(encodeSnapshot([])).toString("hex")).toBe("000148674bc700000000");
});

test("producer snapshot: what was written is read, over the wrap of sequences too", () => {
  const read = decodeSnapshot(encodeSnapshot([entry, markerOnly]), 99);
  expect(read).toEqual([
    { ...entry, lastSeenMs: 99 },
    { ...markerOnly, lastSeenMs: 99 },
  ]);
  expect(decodeSnapshot(encodeSnapshot([]), 0)).toEqual([]);
});

test("producer snapshot: every flipped bit and every cut is found", () => {
  const good = encodeSnapshot([entry, markerOnly]);
  for (let at = 0; at < good.length; at++) {
    for (let bit = 0; bit < 8; bit++) {
      const bad = good.slice();
      bad[at] = (bad[at] ?? 0) ^ (1 << bit);
      expect(decodeSnapshot(bad, 0), `byte ${at} bit ${bit}`).toBeNull();
    }
    expect(decodeSnapshot(good.subarray(0, at), 0)).toBeNull();
  }
});

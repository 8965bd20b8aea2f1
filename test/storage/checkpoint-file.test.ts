import * as fc from "fast-check";
import { expect, test } from "vitest";
import { decodeCheckpoint, encodeCheckpoint } from "../../src/storage/checkpoint-file.ts";

const offset = fc.nat(Number.MAX_SAFE_INTEGER);
const entry = fc.record({
  recoveryPoint: offset,
  logStartOffset: offset,
  segmentBase: offset,
  position: offset,
});
const name = fc
  .tuple(fc.stringMatching(/^[a-z._-]{1,20}x$/), fc.nat(2 ** 31 - 1))
  .map(([topic, partition]) => `${topic}-${partition}`);
const checkpoints = fc.array(fc.tuple(name, entry), { maxLength: 20 }).map((list) => new Map(list));

test("checkpoint: any entries: come back as they were, whatever their order", () => {
  fc.assert(
    fc.property(checkpoints, (entries) => {
      const { bytes, crc } = encodeCheckpoint(entries);
      expect(decodeCheckpoint(bytes)).toEqual({ entries, crc });
      expect(encodeCheckpoint(new Map([...entries].toReversed())).bytes).toEqual(bytes);
    }),
  );
});

const sample = encodeCheckpoint(
  new Map([
    ["orders-0", { recoveryPoint: 17, logStartOffset: 3, segmentBase: 8, position: 4_096 }],
    ["__consumer_offsets-0", { recoveryPoint: 1, logStartOffset: 0, segmentBase: 0, position: 61 }],
  ]),
).bytes;

test("checkpoint: the text an operator sees", () => {
  expect(Buffer.from(sample).toString().split("\n").slice(1)).toEqual([
    "__consumer_offsets-0 1 0 0 61",
    "orders-0 17 3 8 4096",
    "",
  ]);
});

test("checkpoint: every bit flipped, every length cut: refused", () => {
  for (let bit = 0; bit < sample.length * 8; bit++) {
    const at = bit >> 3;
    const flipped = sample.with(at, (sample[at] ?? 0) ^ (1 << (bit & 7)));
    expect([bit, decodeCheckpoint(flipped)]).toEqual([bit, null]);
  }
  for (let length = 0; length < sample.length; length++) {
    expect([length, decodeCheckpoint(sample.subarray(0, length))]).toEqual([length, null]);
  }
});

test("checkpoint: any bytes: refused without a throw", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      expect(decodeCheckpoint(bytes)).toBeNull();
    }),
  );
});

import { beforeAll, describe, expect, test } from "vitest";
import { viewOf } from "../../src/base/bytes.ts";
import { LogError } from "../../src/base/error.ts";
import { checkBatch, checkRecords } from "../../src/record/batch-check.ts";
import { attributesAt, codecOf, stampAppendTime } from "../../src/record/batch-header.ts";
import { codecIdOf, codecNames, prepareCompression } from "../../src/record/compression.ts";
import { recompressBatch } from "../../src/record/recompress.ts";
import { batchOf, recordsOf } from "../support/batches.ts";

beforeAll(prepareCompression);

const anything = { isKeyRequired: false, timestampMinMs: -Infinity, timestampMaxMs: Infinity };
const sample = Array.from({ length: 50 }, (_, index) => ({
  key: `key-${index}`,
  value: "the same text ".repeat(index),
  timestampMs: 1_000 - index,
}));
const options = {
  baseOffset: 9_000,
  leaderEpoch: 2,
  producer: { producerId: 4, producerEpoch: 1, baseSequence: 77 },
};

// The header without length, checksum and codec bits.
function identityOf(batch: Uint8Array): string {
  const header = batch.slice(0, 61);
  header.fill(0, 8, 12);
  header.fill(0, 17, 21);
  header[22] = (header[22] ?? 0) & ~7;
  return Buffer.from(header).toString("hex");
}

describe("recompress", () => {
  test("from every codec to every other: records and header stay, the checksum holds", () => {
    for (const from of codecNames) {
      const batch = batchOf(sample, { ...options, codec: from });
      for (const to of codecNames) {
        const other = recompressBatch(batch, to, null);
        expect(codecOf(attributesAt(viewOf(other), 0))).toBe(codecIdOf(to));
        expect(identityOf(other)).toBe(identityOf(batch));
        expect(recordsOf(other)).toEqual(recordsOf(batch));
        expect(checkBatch(other, 0, { batchBytesMax: 1e6 })).toBe(other.length);
        expect(checkRecords(other, anything)).toBe(1_000);
      }
    }
  });

  test("the codec it has: the batch itself comes back, else it is left as it was", () => {
    const batch = batchOf(sample, { codec: "lz4" });
    const copy = batch.slice();
    expect(recompressBatch(batch, "lz4", null)).toBe(batch);
    recompressBatch(batch, "gzip", 9);
    expect(batch).toEqual(copy);
  });

  test("append time and a producer id beyond 2^53: are kept to the bit", () => {
    const batch = batchOf(sample);
    viewOf(batch).setBigInt64(43, 2n ** 62n + 1n);
    stampAppendTime(batch, 5);
    expect(identityOf(recompressBatch(batch, "zstd", null))).toBe(identityOf(batch));
  });

  test("a higher level: makes less of the same text", () => {
    const text = Array.from({ length: 3_000 }, (_, index) => ({ value: `row ${index ** 2}` }));
    const batch = batchOf(text);
    for (const codec of ["gzip", "zstd"] as const) {
      const fast = recompressBatch(batch, codec, 1);
      const small = recompressBatch(batch, codec, 9);
      expect(small.length).toBeLessThan(fast.length);
      expect(recordsOf(small)).toEqual(recordsOf(batch));
    }
  });

  test("records that are not of their codec: are refused by name", () => {
    const batch = batchOf(sample);
    viewOf(batch).setUint16(21, codecIdOf("snappy"));
    expect(() => recompressBatch(batch, "none", null)).toThrow(LogError);
  });
});

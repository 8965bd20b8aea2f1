import { beforeAll, describe, expect, test } from "vitest";
import { viewOf } from "../../src/base/bytes.ts";
import { LogError } from "../../src/base/error.ts";
import { seededRandom } from "../../src/base/random.ts";
import { setBaseOffset, stampAppendTime, withCodec } from "../../src/record/batch-header.ts";
import {
  codecIdOf,
  codecNames,
  compress,
  prepareCompression,
} from "../../src/record/compression.ts";
import { RecordCursor } from "../../src/record/record-cursor.ts";
import { joinBatch } from "../../src/record/recompress.ts";
import { clientBatch, commitMarker } from "../support/batch-vectors.ts";
import { batchOf, recordsOf } from "../support/batches.ts";

beforeAll(prepareCompression);

const sample = Array.from({ length: 20 }, (_, index) => ({
  key: `key-${index}`,
  value: index % 3 === 0 ? null : `value ${index} `.repeat(index),
  headers: index % 4 === 0 ? [{ key: "trace", value: index === 4 ? null : "abc" }] : [],
}));

// A batch whose records are the given hex, with a header that declares them.
function batchWith(recordsHex: string, recordCount = 1): Uint8Array {
  const batch = joinBatch(clientBatch.subarray(0, 61), "none", Buffer.from(recordsHex, "hex"));
  const view = viewOf(batch);
  view.setInt32(57, recordCount);
  view.setInt32(23, Math.max(0, recordCount - 1));
  return batch;
}

function walk(batch: Uint8Array): number {
  const cursor = new RecordCursor();
  cursor.reset(batch, { maxDecompressedBytes: 1 << 20 });
  let steps = 0;
  while (cursor.next()) {
    steps++;
    while (cursor.nextHeader()) steps++;
  }
  return steps;
}

function codeOf(work: () => unknown): string {
  try {
    work();
  } catch (error) {
    // Anything else is the failure this is looking for.
    if (!(error instanceof LogError)) throw error;
    return error.code;
  }
  return "none";
}

describe("record cursor: reading", () => {
  test("the known batches: every field is found", () => {
    expect(recordsOf(clientBatch)).toEqual([
      {
        offset: 0,
        key: "k",
        value: "v",
        timestampMs: 1_700_000_000_000,
        headers: [{ key: "h", value: "1" }],
      },
    ]);
    const cursor = new RecordCursor();
    cursor.reset(commitMarker);
    expect(cursor.next()).toBe(true);
    expect(cursor.offset).toBe(5);
    const { bytes, keyStart, keyEnd, valueStart, valueEnd } = cursor;
    expect(Buffer.from(bytes.subarray(keyStart, keyEnd)).toString("hex")).toBe("00000001");
    expect(Buffer.from(bytes.subarray(valueStart, valueEnd)).toString("hex")).toBe("000000000000");
    expect(cursor.next()).toBe(false);
    expect(cursor.next()).toBe(false);
  });

  test("plain records: are read where they lie, and the batch is not written", () => {
    const batch = batchOf(sample);
    const copy = batch.slice();
    const cursor = new RecordCursor();
    cursor.reset(batch);
    expect(cursor.bytes).toBe(batch);
    while (cursor.next());
    expect(batch).toEqual(copy);
  });

  test("null and empty: are told apart, in keys, values and headers", () => {
    const given = [
      { key: null, value: "" },
      { key: "", value: null, headers: [{ key: "", value: "" }] },
    ];
    expect(recordsOf(batchOf(given))).toMatchObject(given);
  });

  test("headers that nobody walks: are passed over", () => {
    const cursor = new RecordCursor();
    cursor.reset(batchOf(sample));
    const counts: number[] = [];
    while (cursor.next()) counts.push(cursor.headerCount);
    expect(counts).toEqual(sample.map((record) => record.headers.length));
  });

  test("records end to end: cover the batch after its header", () => {
    const batch = batchOf(sample);
    const cursor = new RecordCursor();
    cursor.reset(batch);
    let end = 61;
    while (cursor.next()) {
      expect(cursor.recordStart).toBe(end);
      end = cursor.recordEnd;
    }
    expect(end).toBe(batch.length);
  });

  test("append time: every record takes the batch's", () => {
    const batch = batchOf([{ timestampMs: 1 }, { timestampMs: 2 }]);
    stampAppendTime(batch, 77);
    expect(recordsOf(batch).map((record) => record.timestampMs)).toEqual([77, 77]);
  });

  test("offsets with holes, as compaction leaves them: are given as stored", () => {
    const cursor = new RecordCursor();
    cursor.reset(batchWithHoles());
    const offsets: number[] = [];
    while (cursor.next()) offsets.push(cursor.offset);
    expect(offsets).toEqual([101, 104]);
  });

  test("one cursor for batches of every codec: starts afresh each time", () => {
    const cursor = new RecordCursor();
    for (const codec of [...codecNames, ...codecNames]) {
      cursor.reset(batchOf(sample, { codec, baseOffset: 10 }));
      let count = 0;
      while (cursor.next()) expect(cursor.offset).toBe(10 + count++);
      expect(count).toBe(sample.length);
    }
  });
});

// Two records with offset deltas 1 and 4 of 9.
function batchWithHoles(): Uint8Array {
  const batch = batchWith("0c000002010100" + "0c000008010100", 2);
  viewOf(batch).setInt32(23, 9);
  setBaseOffset(viewOf(batch), 0, 100);
  return batch;
}

describe("record cursor: hostile bytes", () => {
  test.each([
    ["length past the batch", "0e000000010100", "record passes the batch"],
    ["negative length", "01", "record passes the batch"],
    ["no length at all", "", "varint is cut off"],
    ["empty record", "00", "record is empty"],
    ["cut off before the key", "06000000", "varint is cut off"],
    ["key past the record", "0c000000080100", "key passes the record"],
    ["key length below -1", "0c000000030100", "key passes the record"],
    ["value past the record", "0c000000010800", "value passes the record"],
    ["negative header count", "0c000000010101", "header count"],
    ["header count that cannot fit", "0c00000001017e", "header count"],
    ["bytes after the headers", "0e00000001010000", "left in the record"],
    ["offset delta below zero", "0c000001010100", "do not ascend"],
    ["offset delta past the last", "0c000002010100", "do not ascend"],
    ["bytes after the last record", "0c00000001010000", "left after the last record"],
    ["null header key", "10000000010102" + "0101", "header key is null"],
    ["header value past the record", "10000000010102" + "0008", "header value passes"],
    ["bytes after its headers", "12000000010102" + "000100", "left after the headers"],
  ])("%s: is INVALID_RECORD for that reason", (_what, hex, reason) => {
    const batch = batchWith(hex);
    expect(codeOf(() => walk(batch))).toBe("INVALID_RECORD");
    expect(() => walk(batch)).toThrow(reason);
  });

  test("a record more than there are: is INVALID_RECORD", () => {
    expect(codeOf(() => walk(batchWith("0c000000010100", 2)))).toBe("INVALID_RECORD");
  });

  test("the same offset twice: is INVALID_RECORD", () => {
    const hex = "0c000000010100".repeat(2);
    expect(codeOf(() => walk(batchWith(hex, 2)))).toBe("INVALID_RECORD");
  });

  test.each([
    ["shorter than a header", clientBatch.subarray(0, 60)],
    ["cut off", clientBatch.subarray(0, 73)],
    ["with a byte too many", Buffer.concat([clientBatch, Buffer.of(0)])],
    ["empty", new Uint8Array(0)],
  ])("a batch %s: is CORRUPT_MESSAGE", (_what, bytes) => {
    expect(codeOf(() => walk(bytes))).toBe("CORRUPT_MESSAGE");
  });

  test("a codec that does not exist: is UNSUPPORTED_COMPRESSION_TYPE", () => {
    for (const id of [5, 6, 7]) {
      const batch = clientBatch.slice();
      viewOf(batch).setUint16(21, withCodec(0, id));
      expect(codeOf(() => walk(batch))).toBe("UNSUPPORTED_COMPRESSION_TYPE");
    }
  });

  test("after a failed reset: the cursor stands at no record of the batch before", () => {
    const cursor = new RecordCursor();
    cursor.reset(batchOf(sample));
    cursor.next();
    expect(codeOf(() => cursor.reset(new Uint8Array(3)))).toBe("CORRUPT_MESSAGE");
    expect(codeOf(() => cursor.next())).toBe("INVALID_RECORD");
  });

  test.each(codecNames)("mutated records, %s: end in a named error or in few steps", (codec) => {
    const random = seededRandom(11 + codecIdOf(codec));
    const original = batchOf(sample, { codec });
    const outcomes = new Set<string>();
    for (let run = 0; run < 400; run++) {
      const batch = original.slice();
      const changes = 1 + random.below(4);
      for (let change = 0; change < changes; change++) {
        batch[61 + random.below(batch.length - 61)] = random.below(256);
      }
      let steps = 0;
      outcomes.add(codeOf(() => (steps = walk(batch))));
      expect(steps).toBeLessThan(1_000);
    }
    // The mutations must really reach the refusals.
    expect(outcomes).toContain("INVALID_RECORD");
    expect(recordsOf(original)).toHaveLength(sample.length);
  });

  test("mutated records under an intact codec: end in a named error or in few steps", () => {
    const random = seededRandom(12);
    const plain = batchOf(sample);
    for (let run = 0; run < 3_000; run++) {
      const batch = plain.slice();
      batch[61 + random.below(batch.length - 61)] = random.below(256);
      if (run % 10 > 0) {
        codeOf(() => walk(batch));
        continue;
      }
      const records = compress("snappy", batch.subarray(61), null);
      codeOf(() => walk(joinBatch(batch.subarray(0, 61), "snappy", records)));
    }
  });

  test("random bytes behind any header: end in a named error", () => {
    const random = seededRandom(13);
    for (let run = 0; run < 3_000; run++) {
      const batch = random.bytes(61 + random.below(80));
      const view = viewOf(batch);
      view.setInt32(8, batch.length - 12);
      view.setInt8(16, 2);
      // Half of the runs have a header that lets the records be reached.
      if (run % 2 === 0) {
        batch.set(clientBatch.subarray(0, 8));
        batch.set(clientBatch.subarray(21, 57), 21);
        view.setUint16(21, random.below(5));
        view.setInt32(23, 1_000);
        view.setInt32(57, 1 + random.below(1_000));
      }
      expect(codeOf(() => walk(batch))).not.toBe("none");
    }
  });
});

import fc from "fast-check";
import { beforeAll, describe, expect, test } from "vitest";
import { AssertionFailure } from "../../src/base/assert.ts";
import { viewOf } from "../../src/base/bytes.ts";
import {
  BatchBuilder,
  builtBatch,
  noHeaders,
  type RecordFields,
} from "../../src/record/batch-builder.ts";
import { checkBatch, checkRecords } from "../../src/record/batch-check.ts";
import {
  baseSequenceAt,
  crcAt,
  maxTimestampAt,
  producerEpochAt,
  producerIdAt,
} from "../../src/record/batch-header.ts";
import { codecNames, prepareCompression } from "../../src/record/compression.ts";
import { clientBatch } from "../support/batch-vectors.ts";
import { batchOf, recordsOf } from "../support/batches.ts";

const runs = { seed: 2, numRuns: 150 };
const anything = { isKeyRequired: false, timestampMinMs: -Infinity, timestampMaxMs: Infinity };

beforeAll(prepareCompression);

const text = fc.string({ unit: "grapheme", maxLength: 200 });
const part = fc.oneof(fc.constant(null), text);
const records = fc.array(
  fc.record({
    key: part,
    value: part,
    timestampMs: fc.oneof(fc.nat(), fc.integer({ min: 0, max: 2 ** 52 })),
    headers: fc.array(fc.record({ key: text, value: part }), { maxLength: 3 }),
  }),
  { minLength: 1, maxLength: 12 },
);

function plain(value: string, timestampMs = 5): RecordFields {
  return { timestampMs, key: null, value, headers: noHeaders };
}

describe("what is known of a built batch", () => {
  const builder = new BatchBuilder();
  builder.append(plain("a", 7));
  builder.append(plain("b", 3));
  builder.append(plain("c", 9));

  test("its smallest timestamp and the checksum in its header", () => {
    const batch = builder.build();
    const built = builtBatch(batch);
    const crc = crcAt(viewOf(batch), 0);
    expect(built).toEqual({ crc, minTimestampMs: 3, areKeyed: false });
    const producer = { producerId: 1, producerEpoch: 0, baseSequence: 0 };
    expect(builtBatch(builder.build({ producer }))?.minTimestampMs).toBe(3);
  });

  test("whether all of its records have keys", () => {
    const other = new BatchBuilder();
    other.append({ ...plain("a"), key: "k" });
    other.append({ ...plain("b"), key: "" });
    expect(builtBatch(other.build())?.areKeyed).toBe(true);
    other.append(plain("c"));
    expect(builtBatch(other.build())?.areKeyed).toBe(false);
    other.reset();
    other.append({ ...plain("d"), key: "k" });
    expect(builtBatch(other.build())?.areKeyed).toBe(true);
  });

  test("nothing of copies and views, nor of compressed batches", () => {
    const batch = builder.build();
    expect(builtBatch(Uint8Array.from(batch))).toBeNull();
    expect(builtBatch(batch.subarray(0))).toBeNull();
    expect(builtBatch(builder.build({ codec: "gzip" }))).toBeNull();
  });

  test("of a reset builder: nothing is left of the batch before", () => {
    const reused = new BatchBuilder();
    reused.append(plain("a", 1));
    reused.reset();
    reused.append(plain("b", 8));
    expect(builtBatch(reused.build())?.minTimestampMs).toBe(8);
  });
});

describe("batch builder", () => {
  test("the known record: gives the known bytes", () => {
    const batch = batchOf([{ key: "k", value: "v", headers: [{ key: "h", value: "1" }] }]);
    expect(batch).toEqual(clientBatch);
  });

  test.each(codecNames)("any records, %s: come back, and the batch passes every check", (codec) => {
    const property = fc.property(records, (given) => {
      const batch = batchOf(given, { codec, baseOffset: 1_000 });
      expect(recordsOf(batch)).toEqual(
        given.map((record, index) => ({ ...record, offset: 1_000 + index })),
      );
      expect(checkBatch(batch, 0, { batchBytesMax: batch.length })).toBe(batch.length);
      const newest = Math.max(...given.map((record) => record.timestampMs));
      expect(checkRecords(batch, anything)).toBe(newest);
      expect(maxTimestampAt(viewOf(batch), 0)).toBe(newest);
    });
    fc.assert(property, { ...runs, numRuns: 60 });
  });

  test("text and its UTF-8 bytes: build the same batch", () => {
    const property = fc.property(records, (given) => {
      const encoded = (value: string | null): Uint8Array | null =>
        value === null ? null : new Uint8Array(Buffer.from(value));
      const bytes = given.map((record) => ({
        ...record,
        key: encoded(record.key),
        value: encoded(record.value),
      }));
      expect(batchOf(bytes)).toEqual(batchOf(given));
    });
    fc.assert(property, runs);
  });

  test("a lone surrogate: is stored as the replacement character, its length counted right", () => {
    expect(recordsOf(batchOf([{ key: "\ud800", value: "a\udfff" }]))).toMatchObject([
      { key: "\ufffd", value: "a\ufffd" },
    ]);
  });

  test("a range of a larger buffer: only the range is stored, at every length", () => {
    const source = Uint8Array.from({ length: 1_000 }, (_, index) => index % 251);
    const builder = new BatchBuilder();
    for (let length = 0; length < 400; length++) {
      builder.reset();
      const record = { timestampMs: 0, key: source, value: source, headers: noHeaders };
      expect(builder.sizeAfter(record, 7, 7 + length)).toBe(
        builder.sizeAfter({ ...record, value: source.slice(7, 7 + length) }),
      );
      builder.append(record, 7, 7 + length);
      builder.append(record, 0, 1);
      const ranged = builder.build();
      builder.reset();
      builder.append({ ...record, value: source.slice(7, 7 + length) });
      builder.append({ ...record, value: source.slice(0, 1) });
      expect(Buffer.compare(builder.build(), ranged)).toBe(0);
    }
  });

  test("ranges of two buffers in turn: each record has its own bytes", () => {
    const builder = new BatchBuilder();
    const sources = ["a", "b", "a"].map((letter) => Buffer.from(letter.repeat(300)));
    for (const value of sources) {
      builder.append({ timestampMs: 0, key: null, value, headers: noHeaders }, 10, 70);
    }
    const values = recordsOf(builder.build()).map((record) => record.value);
    expect(values).toEqual(["a".repeat(60), "b".repeat(60), "a".repeat(60)]);
  });

  test("the size foretold: is the size after the append and of the batch", () => {
    const property = fc.property(records, (given) => {
      const builder = new BatchBuilder();
      for (const record of given) {
        const expected = builder.sizeAfter(record);
        builder.append(record);
        expect(builder.sizeBytes).toBe(expected);
      }
      expect(builder.count).toBe(given.length);
      expect(builder.build().length).toBe(builder.sizeBytes);
    });
    fc.assert(property, runs);
  });

  test("a batch that was built: is not changed by what the builder does next", () => {
    const builder = new BatchBuilder();
    builder.append(plain("first"));
    const first = builder.build();
    const copy = first.slice();
    builder.reset();
    builder.append(plain("other"));
    builder.build();
    expect(first).toEqual(copy);
  });

  test("records after a build without reset: join the ones before", () => {
    const builder = new BatchBuilder();
    builder.append(plain("a"));
    builder.build();
    builder.append(plain("b"));
    expect(recordsOf(builder.build()).map((record) => record.value)).toEqual(["a", "b"]);
  });

  test("a reset: forgets records and times, also after a batch of many megabytes", () => {
    const builder = new BatchBuilder();
    builder.append(plain("x".repeat(5 * 1024 * 1024), 9_000));
    builder.reset();
    expect([builder.count, builder.sizeBytes]).toEqual([0, 61]);
    builder.append(plain("y", 3));
    expect(builder.build()).toEqual(batchOf([{ value: "y", timestampMs: 3 }]));
  });

  test("times that go back: the maximum is kept, each record has its own", () => {
    const batch = batchOf([5, 9, 1].map((timestampMs) => ({ timestampMs })));
    expect(recordsOf(batch).map((record) => record.timestampMs)).toEqual([5, 9, 1]);
    expect(maxTimestampAt(viewOf(batch), 0)).toBe(9);
  });

  test("a producer: stands in the header", () => {
    const producer = { producerId: 2 ** 40, producerEpoch: 3, baseSequence: 17 };
    const view = viewOf(batchOf([{ value: "a" }], { producer }));
    expect(producerIdAt(view, 0)).toBe(2 ** 40);
    expect([producerEpochAt(view, 0), baseSequenceAt(view, 0)]).toEqual([3, 17]);
  });

  test("no records: building is a program error", () => {
    expect(() => new BatchBuilder().build()).toThrow(AssertionFailure);
  });
});

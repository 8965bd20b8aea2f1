import fc from "fast-check";
import { expect, test } from "vitest";
import type { LogError } from "../../../src/base/error.ts";
import { RecordDraft } from "../../../src/doors/http/record-draft.ts";
import { recordBytesBound, requireAcceptable, Staging } from "../../../src/doors/http/staging.ts";
import { viewOf } from "../../../src/base/bytes.ts";
import { BatchBuilder } from "../../../src/record/batch-builder.ts";
import { baseSequenceAt, producerEpochAt, producerIdAt } from "../../../src/record/batch-header.ts";
import { recordsOf } from "../../support/batches.ts";

const accepts = {
  batchBytesMax: 1_048_588,
  timestampBeforeMsMax: Infinity,
  timestampAfterMsMax: Infinity,
};
const topic = { name: "t", topicId: "1", partitionCount: 3, internal: false, accepts };
const options = {
  topic,
  partition: null,
  stickyPartition: 1,
  nowMs: 77,
  batchBytesMax: 300,
  producer: null,
};

function draftOf(fields: { key?: string; value?: string; partition?: number }): RecordDraft {
  const draft = new RecordDraft();
  if (fields.key !== undefined) draft.key = Buffer.from(fields.key);
  if (fields.partition !== undefined) draft.partition = fields.partition;
  const bytes = Buffer.from(fields.value ?? "");
  draft.setValue(bytes, 0, bytes.length);
  return draft;
}

test("partition: the record's own, then the request's, then the key's, then the sticky one", () => {
  const partitionsOf = (staging: Staging): number[] => {
    return staging.finish(null).map(({ partition }) => partition);
  };
  const plain = new Staging(options);
  plain.add(draftOf({ partition: 2, key: "k" }));
  plain.add(draftOf({}));
  expect(partitionsOf(plain)).toEqual([2, 1]);
  const asked = new Staging({ ...options, partition: 0 });
  asked.add(draftOf({ key: "21" }));
  asked.add(draftOf({ partition: 2 }));
  expect(partitionsOf(asked)).toEqual([0, 2]);
  expect(() => new Staging(options).add(draftOf({ partition: 3 }))).toThrow(/0 to 2, not 3/);
});

test("batches: closed before the limit; places follow the request's order", () => {
  const staging = new Staging(options);
  for (let index = 0; index < 10; index++) {
    staging.add(draftOf({ partition: index % 2, value: `${index}`.repeat(60) }));
  }
  const parts = staging.finish(null);
  for (const { batches } of parts) {
    expect(batches.length).toBeGreaterThan(1);
    for (const batch of batches) expect(batch.length).toBeLessThanOrEqual(300);
    const values = batches.flatMap((batch) => recordsOf(batch).map(({ value }) => value));
    expect(values).toHaveLength(5);
  }
  const results = parts.map(({ partition }) => ({
    topic: "t",
    partition,
    error: null,
    detail: null,
    recordIndex: null,
    isDuplicate: false,
    baseOffset: partition * 100,
    logAppendTimeMs: -1,
    logStartOffset: 0,
    logEndOffset: 0,
    durability: "fsync" as const,
  }));
  expect(staging.placesOf(results).slice(0, 4)).toEqual([
    { partition: 0, offset: 0 },
    { partition: 1, offset: 100 },
    { partition: 0, offset: 1 },
    { partition: 1, offset: 101 },
  ]);
});

test("the bound of a record's size: never below what it takes", () => {
  const record = fc.record({
    key: fc.option(fc.string()),
    value: fc.string({ maxLength: 300 }),
    headers: fc.array(fc.record({ key: fc.string({ unit: "binary" }), value: fc.string() })),
    timestampMs: fc.nat({ max: Number.MAX_SAFE_INTEGER }),
  });
  fc.assert(
    fc.property(record, ({ key, value, headers, timestampMs }) => {
      const builder = new BatchBuilder();
      builder.append(draftOf({}));
      const before = builder.sizeBytes;
      const draft = draftOf(key === null ? { value } : { key, value });
      draft.headers = headers;
      draft.timestampMs = timestampMs;
      builder.append(draft, draft.valueStart, draft.valueEnd);
      return builder.sizeBytes - before <= recordBytesBound(draft);
    }),
    { seed: 6 },
  );
});

test("acceptable: a record is refused by the time and size its topic takes, exactly", () => {
  const strict = { batchBytesMax: 200, timestampBeforeMsMax: 10, timestampAfterMsMax: 5 };
  const limited = { ...options, topic: { ...topic, accepts: strict }, nowMs: 1000 };
  const outcome = (timestampMs: number, valueBytes: number): string => {
    const draft = draftOf({ value: "v".repeat(valueBytes) });
    draft.timestampMs = timestampMs;
    try {
      requireAcceptable(draft, limited, 7);
      return "ok";
    } catch (error) {
      const { code, facts } = error as LogError;
      return `${code} ${facts["index"]}`;
    }
  };
  expect([-1, 990, 1005].map((timeMs) => outcome(timeMs, 1))).toEqual(["ok", "ok", "ok"]);
  expect([0, 989, 1006].map((timeMs) => outcome(timeMs, 1))).toEqual(
    Array(3).fill("INVALID_TIMESTAMP 7"),
  );
  const largest = Array.from({ length: 200 }, (_each, bytes) => bytes).filter(
    (bytes) => outcome(-1, bytes) === "ok",
  );
  const builder = new BatchBuilder();
  builder.append(draftOf({ value: "v".repeat(largest.length - 1) }), 0, largest.length - 1);
  expect(builder.build().length).toBe(200);
  expect(outcome(-1, largest.length)).toBe("MESSAGE_TOO_LARGE 7");
});

test("a producer's request: one batch with its identity, all partitions named, or refused", () => {
  const producer = { producerId: 7, producerEpoch: 1, baseSequence: 40 };
  const staging = new Staging({ ...options, producer, partition: 2 });
  staging.add(draftOf({ value: "a" }));
  staging.add(draftOf({ value: "b", partition: 2, key: "k" }));
  staging.requireOnePartition();
  const [part] = staging.finish(null);
  const [batch = new Uint8Array(0)] = part?.batches ?? [];
  expect(part?.batches).toHaveLength(1);
  const view = viewOf(batch);
  expect([producerIdAt(view, 0), producerEpochAt(view, 0), baseSequenceAt(view, 0)]).toEqual([
    7, 1, 40,
  ]);
  const unnamed = new Staging({ ...options, producer });
  expect(() => unnamed.add(draftOf({ key: "k" }))).toThrow(/one partition/);
  const two = new Staging({ ...options, producer });
  two.add(draftOf({ partition: 0 }));
  two.add(draftOf({ partition: 1 }));
  expect(() => two.requireOnePartition()).toThrow(/there are 2/);
});

test("a producer's request: full to the last byte, refused beyond, a large record alone is taken", () => {
  const producer = { producerId: 7, producerEpoch: 0, baseSequence: 0 };
  const sizeOf = (count: number): number => {
    const builder = new BatchBuilder();
    for (let left = count; left > 0; left--) {
      builder.append({ timestampMs: 77, key: null, value: "v".repeat(20), headers: [] });
    }
    return builder.sizeBytes;
  };
  const limited = { ...options, producer, partition: 0, batchBytesMax: sizeOf(5) };
  const staging = new Staging(limited);
  for (let count = 0; count < 5; count++) staging.add(draftOf({ value: "v".repeat(20) }));
  expect(() => staging.add(draftOf({}))).toThrow(/one batch: its first 5 records/);
  const large = new Staging(limited);
  large.add(draftOf({ value: "v".repeat(1000) }));
  expect(large.finish(null)[0]?.batches).toHaveLength(1);
});

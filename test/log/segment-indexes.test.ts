import { expect, test } from "vitest";
import { viewOf } from "../../src/base/bytes.ts";
import { SegmentIndexes } from "../../src/log/segment-indexes.ts";
import { batchOf } from "../support/batches.ts";

// Batches of two records each at offsets 100, 102, ...; the timestamps are those of the second record.
function indexesOf(times: readonly number[], intervalBytes: number): SegmentIndexes {
  const indexes = new SegmentIndexes(100);
  let position = 0;
  times.forEach((timestampMs, index) => {
    const records = [{ timestampMs: 0 }, { timestampMs }];
    const batch = batchOf(records, { baseOffset: 100 + index * 2 });
    indexes.addBatch(viewOf(batch), 0, { position, intervalBytes });
    position += batch.length;
  });
  return indexes;
}

const sizeOfBatch = batchOf([{ timestampMs: 0 }, { timestampMs: 5 }]).length;

test("segment indexes: an entry once more than the interval has gone by, never for the first batch", () => {
  const { offsets } = indexesOf([1, 2, 3, 4, 5], sizeOfBatch);
  // After two batches the bytes since the last entry exceed the interval, so the third gets one, then the fifth.
  expect([0, 1].map((entry) => offsets.relativeOffsetOf(entry))).toEqual([5, 9]);
  expect([0, 1].map((entry) => offsets.positionOf(entry))).toEqual([
    2 * sizeOfBatch,
    4 * sizeOfBatch,
  ]);
  expect(offsets.count).toBe(2);
});

test("segment indexes: the time entry is the largest so far, with the last offset of its batch", () => {
  const indexes = indexesOf([9, 2, 3, 4, 20], sizeOfBatch);
  const { times } = indexes;
  expect([times.timestampOf(0), times.relativeOffsetOf(0)]).toEqual([9, 1]);
  expect([times.timestampOf(1), times.relativeOffsetOf(1)]).toEqual([20, 9]);
  expect(times.count).toBe(2);
});

test("segment indexes: sealing adds the largest time once", () => {
  const indexes = indexesOf([1, 2, 30, 4], sizeOfBatch * 10);
  expect(indexes.times.count).toBe(0);
  indexes.seal();
  indexes.seal();
  expect([indexes.times.timestampOf(0), indexes.times.relativeOffsetOf(0)]).toEqual([30, 5]);
  expect(indexes.times.count).toBe(1);
});

test("segment indexes: records without a time make no time entry", () => {
  const indexes = indexesOf([-1, -1], 0);
  indexes.seal();
  expect(indexes.times.count).toBe(1);
  expect(indexes.times.timestampOf(0)).toBe(0);
});

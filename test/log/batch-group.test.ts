import { expect, test } from "vitest";
import { viewOf } from "../../src/base/bytes.ts";
import { BatchGroup, StampedBatches } from "../../src/log/batch-group.ts";
import { baseOffsetAt, leaderEpochAt } from "../../src/record/batch-header.ts";
import { settle } from "../support/fake-clock.ts";
import { batchOfValues } from "../support/log-fixture.ts";

test("stamped batches: offsets follow each other, the epoch is 0, sums are right", () => {
  const chunks = [batchOfValues(["a", "b"], 50), batchOfValues(["c"], 40)];
  const batches = new StampedBatches(chunks, 7);
  expect(batches.views.map((view) => baseOffsetAt(view, 0))).toEqual([7, 9]);
  expect(batches.views.map((view) => leaderEpochAt(view, 0))).toEqual([0, 0]);
  expect(batches).toMatchObject({ baseOffset: 7, nextOffset: 10, recordCount: 3 });
  expect(batches.maxTimestampMs).toBe(51);
  expect(batches.bytes).toBe((chunks[0]?.length ?? 0) + (chunks[1]?.length ?? 0));
});

test("stamped batches: half a batch, or one without an offset, is a program error", () => {
  const batch = batchOfValues(["a"]);
  expect(() => new StampedBatches([batch.subarray(0, 65)], 0)).toThrowError(/whole/);
  viewOf(batch).setInt32(23, -1);
  expect(() => new StampedBatches([batch], 0)).toThrowError(/at least one/);
});

test("batch group: takes only what follows, needs a sync once one of its appends does", () => {
  const group = new BatchGroup(5, false);
  group.add(new StampedBatches([batchOfValues(["a"])], 5), false);
  expect(group.needsSync).toBe(false);
  group.add(new StampedBatches([batchOfValues(["b"])], 6), true);
  group.add(new StampedBatches([batchOfValues(["c"])], 7), false);
  expect(group).toMatchObject({ needsSync: true, nextOffset: 8, recordCount: 3 });
  expect(() => group.add(new StampedBatches([batchOfValues(["d"])], 9), true)).toThrowError();
});

test("batch group: a rejection that nobody awaits is harmless, one that is awaited arrives", async () => {
  const group = new BatchGroup(0, false);
  const unhandled: unknown[] = [];
  const listener = (reason: unknown): number => unhandled.push(reason);
  process.on("unhandledRejection", listener);
  group.reject(new Error("refused"));
  await settle();
  process.off("unhandledRejection", listener);
  expect(unhandled).toEqual([]);
  await expect(group.written.promise).rejects.toThrowError("refused");
  await expect(group.durable.promise).rejects.toThrowError("refused");
});

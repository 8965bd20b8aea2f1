import { expect, test } from "vitest";
import { PendingOffsets } from "../../src/group/pending-offsets.ts";

function pendingAt(offset: number, topicId = "id") {
  return {
    offset,
    metadata: "",
    committedAtMs: 0,
    topicId,
    leaderEpoch: -1,
    producerEpoch: 0,
    sequence: 1,
  };
}

function put(pending: PendingOffsets, producerId: number, partition: number, offset: number): void {
  pending.put({ producerId, topic: "t", partition }, pendingAt(offset));
}

test("pending offsets: by producer and by partition; null forgets", () => {
  const pending = new PendingOffsets();
  expect(pending.isEmpty).toBe(true);
  put(pending, 1, 0, 5);
  put(pending, 1, 1, 6);
  put(pending, 2, 0, 7);
  const offsetsOf = (entries: Iterable<{ committed: { offset: number } }>): number[] => {
    return [...entries].map(({ committed }) => committed.offset);
  };
  expect(offsetsOf(pending.ofProducer(1))).toEqual([5, 6]);
  expect(offsetsOf(pending.ofProducer(3))).toEqual([]);
  expect(offsetsOf(pending.ofPartition("t", 0))).toEqual([5, 7]);
  expect(offsetsOf(pending.entries())).toEqual([5, 6, 7]);
  pending.put({ producerId: 2, topic: "t", partition: 0 }, null);
  pending.put({ producerId: 9, topic: "t", partition: 0 }, null);
  expect(offsetsOf(pending.ofPartition("t", 0))).toEqual([5]);
  pending.clear();
  expect(pending.isEmpty).toBe(true);
});

test("pending offsets: a topic goes, its successor's stay", () => {
  const pending = new PendingOffsets();
  put(pending, 1, 0, 5);
  pending.put({ producerId: 2, topic: "t", partition: 0 }, pendingAt(6, "new"));
  expect(pending.hasTopic("t", "id")).toBe(true);
  pending.removeTopic("t", "id");
  expect(pending.hasTopic("t", "id")).toBe(false);
  expect([...pending.entries()].map(({ producerId }) => producerId)).toEqual([2]);
  pending.removeTopic("t", "new");
  expect(pending.isEmpty).toBe(true);
});

test("pending offsets: cleared in the middle of a walk: the walk ends", () => {
  const pending = new PendingOffsets();
  for (const partition of [0, 1, 2]) put(pending, 1, partition, partition);
  const seen: number[] = [];
  for (const { partition } of pending.entries()) {
    seen.push(partition);
    pending.clear();
  }
  expect(seen).toEqual([0]);
});

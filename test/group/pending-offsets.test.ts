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

/** Offsets 0, 1 and so on, one a producer and partition. */
function put(pending: PendingOffsets, ...places: (readonly [number, number])[]): void {
  for (const [offset, [producerId, partition]] of places.entries()) {
    pending.put({ producerId, topic: "t", partition }, pendingAt(offset));
  }
}

test("pending offsets: by producer and by partition; null forgets", () => {
  const pending = new PendingOffsets();
  expect(pending.isEmpty).toBe(true);
  put(pending, [1, 0], [1, 1], [2, 0]);
  const offsetsOf = (entries: Iterable<{ committed: { offset: number } }>): number[] => {
    return [...entries].map(({ committed }) => committed.offset);
  };
  expect(offsetsOf(pending.ofProducer(1))).toEqual([0, 1]);
  expect(offsetsOf(pending.ofProducer(3))).toEqual([]);
  expect(offsetsOf(pending.ofPartition("t", 0))).toEqual([0, 2]);
  expect(offsetsOf(pending.entries())).toEqual([0, 1, 2]);
  pending.put({ producerId: 2, topic: "t", partition: 0 }, null);
  pending.put({ producerId: 9, topic: "t", partition: 0 }, null);
  expect(offsetsOf(pending.ofPartition("t", 0))).toEqual([0]);
  pending.clear();
  expect(pending.isEmpty).toBe(true);
});

test("pending offsets: a topic goes, its successor's stay", () => {
  const pending = new PendingOffsets();
  put(pending, [1, 0]);
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
  put(pending, [1, 0], [1, 1], [1, 2]);
  const seen: number[] = [];
  for (const { partition } of pending.entries()) {
    seen.push(partition);
    pending.clear();
  }
  expect(seen).toEqual([0]);
});

import { describe, expect, test } from "vitest";
import {
  type Committed,
  type ExpiryRule,
  lapsedOffsets,
  OffsetTable,
} from "../../src/group/offsets.ts";

function committed(offset: number, fields: Partial<Committed> = {}): Committed {
  return { offset, metadata: "", committedAtMs: 1000, topicId: "id", leaderEpoch: -1, ...fields };
}

function rule(fields: Partial<ExpiryRule> = {}): ExpiryRule {
  return {
    nowMs: 2000,
    retentionMs: 1000,
    emptySinceMs: null,
    subscribedTopics: new Set(),
    ...fields,
  };
}

describe("committed offsets", () => {
  test("put and find: the last one counts; null removes", () => {
    const offsets = new OffsetTable();
    offsets.put("t", 0, committed(1));
    offsets.put("t", 0, committed(2));
    offsets.put("t", 1, committed(3));
    expect(offsets.find("t", 0)?.offset).toBe(2);
    offsets.put("t", 0, null);
    offsets.put("u", 0, null);
    expect(offsets.find("t", 0)).toBe(null);
    expect([...offsets.entries()].map(({ partition }) => partition)).toEqual([1]);
    offsets.put("t", 1, null);
    expect(offsets.isEmpty).toBe(true);
    expect([...offsets.topics()]).toEqual([]);
  });

  test("a topic is gone: only the offsets of that topic's id go", () => {
    const offsets = new OffsetTable();
    offsets.put("t", 0, committed(1, { topicId: "old" }));
    offsets.put("t", 1, committed(2, { topicId: "new" }));
    expect(offsets.hasTopic("t", "old")).toBe(true);
    offsets.removeTopic("t", "old");
    expect(offsets.hasTopic("t", "old")).toBe(false);
    expect(offsets.find("t", 0)).toBe(null);
    expect(offsets.find("t", 1)?.offset).toBe(2);
  });

  test("lapsing: after the retention, from the commit on", () => {
    const offsets = new OffsetTable();
    offsets.put("t", 0, committed(1, { committedAtMs: 1000 }));
    offsets.put("t", 1, committed(1, { committedAtMs: 1001 }));
    expect(lapsedOffsets(offsets, rule(), 10).map(({ partition }) => partition)).toEqual([0]);
  });

  test("lapsing: counts from when the group lost its last member, if that was later", () => {
    const offsets = new OffsetTable();
    offsets.put("t", 0, committed(1, { committedAtMs: 1000 }));
    expect(lapsedOffsets(offsets, rule({ emptySinceMs: 1500 }), 10)).toEqual([]);
    expect(lapsedOffsets(offsets, rule({ emptySinceMs: 500 }), 10).length).toBe(1);
    expect(lapsedOffsets(offsets, rule({ emptySinceMs: 1500, nowMs: 2500 }), 10).length).toBe(1);
  });

  test("lapsing: never while members read the topic; and as many at a time as asked for", () => {
    const offsets = new OffsetTable();
    for (let partition = 0; partition < 5; partition++) {
      offsets.put("read", partition, committed(1));
      offsets.put("left", partition, committed(1));
    }
    const lapsed = lapsedOffsets(offsets, rule({ subscribedTopics: new Set(["read"]) }), 3);
    expect(lapsed.map(({ topic }) => topic)).toEqual(["left", "left", "left"]);
  });
});

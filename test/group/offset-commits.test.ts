import { beforeEach, describe, expect, test } from "vitest";
import { GroupMachine } from "../../src/group/group-machine.ts";
import { defaultGroupLimits } from "../../src/group/group-context.ts";
import type { OffsetCommitPartition } from "../../src/services.ts";
import { beat, TopicTable } from "../support/group-world.ts";
import { refusalOf, runOn } from "../support/machine-run.ts";

let topics: TopicTable;
let machine: GroupMachine;

beforeEach(() => {
  topics = new TopicTable();
  topics.set("t", 2);
  machine = new GroupMachine({
    topics: topics.lookup,
    topicNames: topics.names,
    limits: defaultGroupLimits,
  });
});

function at(partition: number, fields: Partial<OffsetCommitPartition> = {}): OffsetCommitPartition {
  return { topic: "t", partition, offset: 1, metadata: "", ...fields };
}

function commit(
  memberId: string,
  memberEpoch: number,
  ...offsets: OffsetCommitPartition[]
): string {
  return refusalOf(machine, machine.offsets.commit({ group: "g", memberId, memberEpoch, offsets }));
}

function heartbeat(memberId: string, memberEpoch: number, owned: readonly number[] | null): void {
  const ownedPartitions =
    owned === null ? null : owned.length === 0 ? [] : [{ topic: "t", partitions: owned }];
  const request = beat({ memberId, memberEpoch, subscribedTopics: ["t"], ownedPartitions });
  runOn(machine, machine.heartbeat(request));
}

function offsetOf(partition: number): number {
  return machine.committedOffsets("g", [{ topic: "t", partition }])[0]?.offset ?? Number.NaN;
}

describe("commit: without members", () => {
  test("makes the group; the last commit counts; nothing committed reads as -1", () => {
    expect(commit("", -1, at(0, { offset: 5, metadata: "note" }))).toBe("ok");
    expect(commit("", -1, at(0, { offset: 3 }))).toBe("ok");
    expect(machine.find("g")?.state).toBe("EMPTY");
    expect(offsetOf(0)).toBe(3);
    expect(machine.committedOffsets("g", [at(1)])).toEqual([
      {
        topic: "t",
        partition: 1,
        offset: -1,
        metadata: "",
        leaderEpoch: -1,
        committedAtMs: -1,
        error: null,
      },
    ]);
    expect(machine.committedOffsets("other", null)).toEqual([]);
  });

  test("what cannot be committed: refused whole, and makes no group", () => {
    expect(commit("", -1, at(0), at(2))).toBe("UNKNOWN_TOPIC_OR_PARTITION");
    expect(commit("", -1, at(0), at(-1))).toBe("UNKNOWN_TOPIC_OR_PARTITION");
    expect(commit("", -1, at(0.5))).toBe("UNKNOWN_TOPIC_OR_PARTITION");
    expect(commit("", -1, at(0, { topic: "none" }))).toBe("UNKNOWN_TOPIC_OR_PARTITION");
    for (const offset of [-1, 0.5, 2 ** 53, Number.NaN]) {
      expect(commit("", -1, at(1), at(0, { offset })), `${offset}`).toBe("INVALID_REQUEST");
    }
    const long = commit("", -1, at(0, { metadata: "é".repeat(2049) }));
    expect(long).toBe("OFFSET_METADATA_TOO_LARGE");
    expect(machine.find("g")).toBe(null);
    expect(commit("", -1, at(0, { metadata: "é".repeat(2048) }))).toBe("ok");
  });

  test("a member that the group does not know: fenced", () => {
    expect(commit("a", 1, at(0))).toBe("FENCED_MEMBER_EPOCH");
    expect(commit("a", -1, at(0))).toBe("FENCED_MEMBER_EPOCH");
    expect(commit("", 3, at(0))).toBe("FENCED_MEMBER_EPOCH");
  });
});

describe("commit: with members", () => {
  test("only members may; at their epoch, for what they have", () => {
    heartbeat("a", 0, []);
    expect(commit("", -1, at(0))).toBe("NON_EMPTY_GROUP");
    expect(commit("b", 1, at(0))).toBe("FENCED_MEMBER_EPOCH");
    expect(commit("a", 0, at(0))).toBe("STALE_MEMBER_EPOCH");
    expect(commit("a", 2, at(0))).toBe("STALE_MEMBER_EPOCH");
    expect(commit("a", 1, at(0), at(1))).toBe("ok");
    expect(commit("a", -1, at(0))).toBe("ok");
  });

  test("while giving up: may commit what it gives up; after that no more", () => {
    heartbeat("a", 0, []);
    heartbeat("b", 0, []);
    heartbeat("a", 1, [0, 1]);
    const group = machine.find("g");
    const kept = group?.members.get("a")?.assigned.get("t") ?? [];
    const [lost = -1] = group?.members.get("a")?.revoking.get("t") ?? [];
    expect(commit("a", 1, at(lost))).toBe("ok");
    expect(commit("b", 2, at(lost))).toBe("STALE_MEMBER_EPOCH");
    expect(commit("b", -1, at(lost))).toBe("STALE_MEMBER_EPOCH");
    heartbeat("a", 1, kept);
    heartbeat("b", 2, []);
    expect(commit("a", 1, at(kept[0] ?? -1))).toBe("STALE_MEMBER_EPOCH");
    expect(commit("a", 2, at(kept[0] ?? -1))).toBe("ok");
    expect(commit("a", 2, at(lost))).toBe("STALE_MEMBER_EPOCH");
    expect(commit("a", -1, at(lost))).toBe("STALE_MEMBER_EPOCH");
    expect(commit("b", 2, at(lost))).toBe("ok");
  });
});

describe("alter", () => {
  test("sets offsets while nobody reads, of a group that may be new", () => {
    const alter = () => refusalOf(machine, machine.offsets.alter("g", [at(0, { offset: 9 })]));
    expect(alter()).toBe("ok");
    expect(offsetOf(0)).toBe(9);
    heartbeat("a", 0, []);
    expect(alter()).toBe("NON_EMPTY_GROUP");
  });
});

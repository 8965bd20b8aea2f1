import { beforeEach, describe, expect, test } from "vitest";
import { GroupMachine } from "../../src/group/group-machine.ts";
import { defaultGroupLimits } from "../../src/group/group-context.ts";
import type { CommittedOffset, TransactionalOffsetCommit } from "../../src/services.ts";
import { beat, TopicTable } from "../support/group-world.ts";
import { refusalOf, runOn } from "../support/machine-run.ts";

const dayMs = 86_400_000;
const stable = { member: null, requireStable: true };

let topics: TopicTable;
let machine: GroupMachine;

beforeEach(() => {
  topics = new TopicTable();
  topics.set("t", 4);
  topics.set("u", 3);
  machine = new GroupMachine({
    topics: topics.lookup,
    topicNames: topics.names,
    limits: defaultGroupLimits,
  });
});

function join(memberId: string, nowMs?: number): void {
  const request = beat({ memberId, subscribedTopics: ["t"], ownedPartitions: [] });
  runOn(machine, machine.heartbeat(request), nowMs);
}

function leave(memberId: string, nowMs?: number): void {
  runOn(machine, machine.heartbeat(beat({ memberId, memberEpoch: -1 })), nowMs);
}

interface CommitFields {
  readonly group?: string;
  readonly topic?: string;
  readonly partition?: number;
  readonly offset?: number;
  readonly nowMs?: number;
}

function commit(fields: CommitFields = {}): void {
  const { group = "g", topic = "t", partition = 0, offset = 1, nowMs } = fields;
  const offsets = [{ topic, partition, offset, metadata: "" }];
  const request = { group, memberId: "", memberEpoch: -1, offsets };
  runOn(machine, machine.offsets.commit(request), nowMs);
}

/** A transaction's commit of one offset; producer 1 unless another is named. */
function txn(fields: Partial<TransactionalOffsetCommit> & CommitFields = {}) {
  const { topic = "t", partition = 0, offset = 10, ...rest } = fields;
  return machine.offsets.commitTransactional({
    group: "g",
    transactionalId: "tx",
    producerId: 1,
    producerEpoch: 0,
    memberId: "",
    groupInstanceId: null,
    generationIdOrMemberEpoch: -1,
    offsets: [{ topic, partition, offset, metadata: "m", leaderEpoch: 3 }],
    ...rest,
  });
}

function begin(fields: Parameters<typeof txn>[0] = {}): void {
  runOn(machine, txn(fields));
}

function end(isCommit: boolean, producerId = 1, producerEpoch = 0) {
  const producer = { producerId, producerEpoch };
  return runOn(machine, machine.offsets.endTransaction("g", producer, isCommit)).events;
}

function find(partition = 0, options?: typeof stable): CommittedOffset | undefined {
  return machine.committedOffsets("g", [{ topic: "t", partition }], options)[0];
}

function offsetOf(partition = 0): number | undefined {
  return find(partition)?.offset;
}

describe("offset commands: what is committed", () => {
  test("listed by topic and partition; asked for by name, in the order asked", () => {
    for (const [topic, partition] of [
      ["u", 1],
      ["t", 2],
      ["t", 0],
    ] as const) {
      commit({ topic, partition });
    }
    const all = machine.committedOffsets("g", null);
    expect(all.map(({ topic, partition }) => `${topic}${partition}`)).toEqual(["t0", "t2", "u1"]);
    const asked = [
      { topic: "u", partition: 1 },
      { topic: "t", partition: 1 },
    ];
    expect(machine.committedOffsets("g", asked).map(({ offset }) => offset)).toEqual([1, -1]);
  });

  test("a deleted topic: its offsets go in all groups, those of its successor stay", () => {
    const oldId = topics.lookup("t")?.topicId ?? "";
    commit({ group: "g" });
    commit({ group: "h" });
    topics.topics.delete("t");
    topics.set("t", 1);
    commit({ group: "k" });
    const { events } = runOn(machine, machine.offsets.forgetTopic("t", oldId));
    expect(events.length).toBe(1);
    expect(["g", "h", "k"].map((group) => machine.committedOffsets(group, null).length)).toEqual([
      0, 0, 1,
    ]);
    expect(runOn(machine, machine.offsets.forgetTopic("t", oldId)).events).toEqual([]);
  });

  test("lapsed: forgotten in slices, then the group; a group with members stays", () => {
    topics.set("wide", 1500);
    for (let partition = 0; partition < 1500; partition++) {
      commit({ topic: "wide", partition, nowMs: 0 });
    }
    const expire = (nowMs: number) => runOn(machine, machine.offsets.expire("g"), nowMs);
    expect(expire(7 * dayMs - 1)).toEqual({ events: [], reply: false });
    expect(expire(7 * dayMs)).toMatchObject({ reply: true });
    expect(machine.committedOffsets("g", null).length).toBe(500);
    expect(expire(7 * dayMs).reply).toBe(true);
    expect(machine.find("g")?.offsets.isEmpty).toBe(true);
    join("a");
    expect(expire(7 * dayMs)).toEqual({ events: [], reply: false });
    leave("a");
    expect(expire(7 * dayMs).reply).toBe(false);
    expect(machine.find("g")).toBe(null);
    expect(expire(7 * dayMs)).toEqual({ events: [], reply: false });
  });

  test("not lapsed: what members read, and what they read until a while ago", () => {
    commit({ topic: "t", nowMs: 0 });
    commit({ topic: "u", nowMs: 0 });
    join("a", 0);
    runOn(machine, machine.offsets.expire("g"), 8 * dayMs);
    expect(machine.committedOffsets("g", null).map(({ topic }) => topic)).toEqual(["t"]);
    leave("a", 8 * dayMs);
    runOn(machine, machine.offsets.expire("g"), 14 * dayMs);
    expect(machine.committedOffsets("g", null).length).toBe(1);
    runOn(machine, machine.offsets.expire("g"), 15 * dayMs);
    expect(machine.committedOffsets("g", null).length).toBe(0);
  });
});

describe("offset commands: in Kafka's way", () => {
  function kafka(memberId: string, memberEpoch: number, group = "g") {
    const offsets = [
      { topic: "t", partition: 0, offset: 5, metadata: "", leaderEpoch: 7 },
      { topic: "t", partition: 9, offset: 5, metadata: "" },
      { topic: "none", partition: 0, offset: 5, metadata: "" },
      { topic: "t", partition: 1, offset: 5, metadata: "x".repeat(4097) },
    ];
    return machine.offsets.commit({ group, memberId, memberEpoch, offsets, allOrNone: false });
  }

  test("a bad partition is named, the others commit, and read as they were committed", () => {
    const { reply } = runOn(machine, kafka("", -1));
    expect(reply.map(({ error }) => error)).toEqual([
      null,
      "UNKNOWN_TOPIC_OR_PARTITION",
      "UNKNOWN_TOPIC_OR_PARTITION",
      "OFFSET_METADATA_TOO_LARGE",
    ]);
    expect(machine.committedOffsets("g", null)).toEqual([
      {
        topic: "t",
        partition: 0,
        offset: 5,
        metadata: "",
        leaderEpoch: 7,
        committedAtMs: 1_000_000,
        error: null,
      },
    ]);
  });

  test("nothing is good: no group is made", () => {
    const offsets = [{ topic: "none", partition: 0, offset: 5, metadata: "" }];
    const request = { group: "g", memberId: "", memberEpoch: -1, offsets, allOrNone: false };
    runOn(machine, machine.offsets.commit(request));
    expect(machine.find("g")).toBe(null);
  });

  test("members: the epoch is checked, not what they have", () => {
    expect(refusalOf(machine, kafka("a", 1))).toBe("GROUP_ID_NOT_FOUND");
    join("a");
    join("b");
    expect(refusalOf(machine, kafka("b", 2))).toBe("ok");
    expect(refusalOf(machine, kafka("b", 1))).toBe("STALE_MEMBER_EPOCH");
    expect(refusalOf(machine, kafka("b", -1))).toBe("STALE_MEMBER_EPOCH");
    expect(refusalOf(machine, kafka("c", 2))).toBe("UNKNOWN_MEMBER_ID");
    expect(refusalOf(machine, kafka("", -1))).toBe("UNKNOWN_MEMBER_ID");
  });

  test("asking: a member is checked when it is named", () => {
    const ask = (memberId: string, memberEpoch: number): string => {
      const options = { member: { memberId, memberEpoch }, requireStable: false };
      return refusalOf(machine, () => {
        return { events: [], reply: machine.committedOffsets("g", null, options) };
      });
    };
    expect(ask("a", 1)).toBe("ok");
    join("a");
    expect(ask("a", 1)).toBe("ok");
    expect(ask("", -1)).toBe("ok");
    expect(ask("a", 2)).toBe("STALE_MEMBER_EPOCH");
    expect(ask("b", 1)).toBe("UNKNOWN_MEMBER_ID");
  });
});

describe("offset commands: deleting", () => {
  test("forgotten, unless members read the topic; what there is not is no error", () => {
    commit();
    commit({ topic: "u", partition: 1 });
    join("a");
    const places = [
      { topic: "t", partition: 0 },
      { topic: "u", partition: 1 },
      { topic: "u", partition: 2 },
      { topic: "none", partition: 0 },
    ];
    const { reply } = runOn(machine, machine.offsets.delete("g", places));
    expect(reply.map(({ error }) => error)).toEqual([
      "GROUP_SUBSCRIBED_TO_TOPIC",
      null,
      null,
      "UNKNOWN_TOPIC_OR_PARTITION",
    ]);
    expect(machine.committedOffsets("g", null).map(({ topic }) => topic)).toEqual(["t"]);
    leave("a");
    runOn(machine, machine.offsets.delete("g", places));
    expect(machine.committedOffsets("g", null)).toEqual([]);
    expect(refusalOf(machine, machine.offsets.delete("h", places))).toBe("GROUP_ID_NOT_FOUND");
  });
});

describe("offset commands: transactions", () => {
  test("pending: unseen, refused to those who want stable ones; then committed", () => {
    commit({ offset: 5 });
    begin();
    begin({ partition: 1 });
    expect([offsetOf(0), offsetOf(1)]).toEqual([5, -1]);
    expect(find(0, stable)).toMatchObject({ offset: -1, error: "UNSTABLE_OFFSET_COMMIT" });
    expect(find(2, stable)).toMatchObject({ offset: -1, error: null });
    expect(machine.committedOffsets("g", null).length).toBe(1);
    expect(machine.committedOffsets("g", null, stable).map(({ error }) => error)).toEqual([
      "UNSTABLE_OFFSET_COMMIT",
      "UNSTABLE_OFFSET_COMMIT",
    ]);
    end(true);
    expect(find(0, stable)).toMatchObject({
      offset: 10,
      metadata: "m",
      leaderEpoch: 3,
      error: null,
    });
    expect(offsetOf(1)).toBe(10);
    expect(end(true)).toEqual([]);
    expect(end(false)).toEqual([]);
  });

  test("aborted: as if it had never been, also in a group it made", () => {
    begin();
    begin({ offset: 11 });
    end(false);
    expect(find(0, stable)).toMatchObject({ offset: -1, error: null });
    expect(machine.find("g")?.state).toBe("EMPTY");
    expect(end(true)).toEqual([]);
  });

  test("what was committed last counts, whoever ends first", () => {
    begin({ offset: 10 });
    begin({ offset: 20, producerId: 2 });
    end(true, 2);
    end(true, 1);
    expect(offsetOf()).toBe(20);

    begin({ offset: 30 });
    begin({ offset: 40, producerId: 2 });
    end(true, 1);
    expect([offsetOf(), find(0, stable)?.error]).toEqual([30, "UNSTABLE_OFFSET_COMMIT"]);
    end(true, 2);
    expect(offsetOf()).toBe(40);

    begin({ offset: 50 });
    commit({ offset: 60 });
    expect(find(0, stable)).toMatchObject({ offset: 60, error: null });
    end(true);
    expect(offsetOf()).toBe(60);

    commit({ offset: 70 });
    begin({ offset: 80, producerId: 2 });
    begin({ offset: 90 });
    begin({ offset: 80, producerId: 2 });
    end(false, 2);
    end(true, 1);
    expect(offsetOf()).toBe(90);
  });

  test("the end of an older epoch leaves what a newer one has pending", () => {
    begin({ producerEpoch: 4 });
    expect(end(false, 1, 3)).toEqual([]);
    end(true, 1, 5);
    expect(offsetOf()).toBe(10);
  });

  test("a member that is named is checked, one that is not is not", () => {
    expect(refusalOf(machine, txn({ generationIdOrMemberEpoch: 1 }))).toBe("ILLEGAL_GENERATION");
    join("a");
    const by = (memberId: string, generationIdOrMemberEpoch: number): string => {
      return refusalOf(machine, txn({ memberId, generationIdOrMemberEpoch }));
    };
    expect(by("", -1)).toBe("ok");
    expect(by("a", 1)).toBe("ok");
    expect(by("a", 2)).toBe("ILLEGAL_GENERATION");
    expect(by("b", 1)).toBe("UNKNOWN_MEMBER_ID");
    const { reply } = runOn(machine, txn({ partition: 7 }));
    expect(reply).toEqual([{ topic: "t", partition: 7, error: "UNKNOWN_TOPIC_OR_PARTITION" }]);
  });

  test("a group with pending offsets does not lapse, but may be deleted", () => {
    begin();
    expect(runOn(machine, machine.offsets.expire("g"), 30 * dayMs).events).toEqual([]);
    runOn(machine, machine.delete("g"));
    expect(end(true)).toEqual([]);
    expect(machine.find("g")).toBe(null);
    begin();
    end(false);
    runOn(machine, machine.offsets.expire("g"));
    expect(machine.find("g")).toBe(null);
  });

  test("a deleted topic: nothing of it is committed any more", () => {
    begin();
    const topicId = topics.lookup("t")?.topicId ?? "";
    topics.topics.delete("t");
    expect(runOn(machine, machine.offsets.forgetTopic("t", topicId)).events.length).toBe(1);
    expect(end(true)).toEqual([]);
  });
});

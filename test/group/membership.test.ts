import { beforeEach, describe, expect, test } from "vitest";
import { GroupMachine } from "../../src/group/group-machine.ts";
import { defaultGroupLimits } from "../../src/group/group-context.ts";
import type { GroupHeartbeatRequest, GroupHeartbeatResult } from "../../src/services.ts";
import { beat, namesOf, TopicTable } from "../support/group-world.ts";
import { refusalOf, runOn } from "../support/machine-run.ts";

let topics: TopicTable;
let machine: GroupMachine;

beforeEach(() => {
  topics = new TopicTable();
  topics.set("t", 4);
  machine = new GroupMachine({
    topics: topics.lookup,
    topicNames: topics.names,
    limits: { ...defaultGroupLimits, membersPerGroupMax: 3, topicsPerMemberMax: 5 },
  });
});

type Fields = Partial<GroupHeartbeatRequest>;

function join(memberId: string, fields: Fields = {}): GroupHeartbeatResult {
  const request = beat({ memberId, subscribedTopics: ["t"], ownedPartitions: [], ...fields });
  return runOn(machine, machine.heartbeat(request)).reply;
}

function heartbeat(memberId: string, memberEpoch: number, fields: Fields = {}) {
  const request = beat({ memberId, memberEpoch, rebalanceTimeoutMs: -1, ...fields });
  return runOn(machine, machine.heartbeat(request));
}

function owning(...partitions: number[]): Fields {
  return { ownedPartitions: partitions.length === 0 ? [] : [{ topic: "t", partitions }] };
}

function refusal(memberId: string, fields: Fields): string {
  return refusalOf(machine, machine.heartbeat(beat({ memberId, ...fields })));
}

describe("membership: joining", () => {
  test("the first member: epoch 1 and everything", () => {
    const reply = join("a");
    expect(reply.memberEpoch).toBe(1);
    expect(reply.heartbeatIntervalMs).toBe(5000);
    expect(namesOf(reply.assignment ?? [])).toEqual(["t-0", "t-1", "t-2", "t-3"]);
  });

  test("a second member: owns nothing until the first has let go of its half", () => {
    join("a");
    const second = join("b");
    expect(second).toMatchObject({ memberEpoch: 2, assignment: [] });
    const told = heartbeat("a", 1, owning(0, 1, 2, 3)).reply;
    expect(told.memberEpoch).toBe(1);
    const kept = told.assignment?.[0]?.partitions ?? [];
    expect(kept.length).toBe(2);
    expect(heartbeat("b", 2).reply.assignment).toBe(null);
    expect(heartbeat("a", 1, owning(...kept)).reply.memberEpoch).toBe(2);
    const given = heartbeat("b", 2, owning()).reply.assignment?.[0]?.partitions ?? [];
    expect(new Set([...kept, ...given])).toEqual(new Set([0, 1, 2, 3]));
  });

  test("a topic that is not there yet: assigned when it is made", () => {
    expect(join("a", { subscribedTopics: ["later"] }).assignment).toEqual([]);
    topics.set("later", 2);
    runOn(machine, machine.refreshTopics("g"));
    const { reply } = heartbeat("a", 1, owning());
    expect(reply.memberEpoch).toBe(2);
    expect(namesOf(reply.assignment ?? [])).toEqual(["later-0", "later-1"]);
  });

  test("nothing is too slow for it: the longest rebalance timeout a client can ask for", () => {
    expect(join("a", { rebalanceTimeoutMs: 2 ** 31 - 1 }).memberEpoch).toBe(1);
  });

  test("joining again: the same epoch and assignment, in full, and nothing written", () => {
    const first = join("a");
    const request = beat({ memberId: "a", subscribedTopics: ["t"], ownedPartitions: [] });
    const again = runOn(machine, machine.heartbeat(request));
    expect(again.reply).toEqual(first);
    expect(again.events).toEqual([]);
  });

  test("joining again while giving up: holds nothing any more, so the rest is free at once", () => {
    join("a");
    join("b");
    heartbeat("a", 1, owning(0, 1, 2, 3));
    expect(join("a").memberEpoch).toBe(2);
    expect(heartbeat("b", 2, owning()).reply.assignment?.[0]?.partitions.length).toBe(2);
  });

  test("what cannot join: refused by name, and no group is left behind", () => {
    const good: Fields = { subscribedTopics: ["t"], ownedPartitions: [] };
    const names = ["", "x".repeat(256), "a\nb", "a\u0000", "\ud800"];
    for (const name of names) {
      expect(refusal("m", { ...good, group: name }), JSON.stringify(name)).toBe("INVALID_GROUP_ID");
      expect(refusal(name, good)).toBe("INVALID_GROUP_ID");
    }
    expect(refusal("m", { ...good, group: "😀".repeat(255) })).toBe("ok");
    runOn(
      machine,
      machine.heartbeat(beat({ memberId: "m", group: "😀".repeat(255), memberEpoch: -1 })),
    );
    runOn(machine, machine.delete("😀".repeat(255)));
    expect(refusal("m", { ...good, subscribedTopics: null })).toBe("INVALID_REQUEST");
    expect(refusal("m", { ...good, ...owning(1) })).toBe("INVALID_REQUEST");
    expect(refusal("m", { ...good, rebalanceTimeoutMs: -1 })).toBe("INVALID_REQUEST");
    expect(refusal("m", { ...good, rebalanceTimeoutMs: 2 ** 31 })).toBe("INVALID_REQUEST");
    expect(refusal("m", { ...good, memberEpoch: -3 })).toBe("INVALID_REQUEST");
    expect(refusal("m", { ...good, memberEpoch: 1.5 })).toBe("INVALID_REQUEST");
    for (const sessionTimeoutMs of [0, 99, 1_800_001, 1000.5, Number.NaN]) {
      expect(refusal("m", { ...good, sessionTimeoutMs })).toBe("INVALID_SESSION_TIMEOUT");
    }
    const many = Array.from({ length: 6 }, (_, index) => `t${index}`);
    expect(refusal("m", { ...good, subscribedTopics: many })).toBe("INVALID_REQUEST");
    expect([...machine.groups()]).toEqual([]);
  });

  test("a request that says everything is answered in full, others only with news", () => {
    const full = { subscribedTopics: ["t"], rebalanceTimeoutMs: 60_000, ...owning(0, 1, 2, 3) };
    join("a");
    expect(namesOf(heartbeat("a", 1, full).reply.assignment ?? []).length).toBe(4);
    expect(heartbeat("a", 1, { ...full, rebalanceTimeoutMs: -1 }).reply.assignment).toBe(null);
    expect(heartbeat("a", 1, { ...full, ownedPartitions: null }).reply.assignment).toBe(null);
    expect(heartbeat("a", 1, { ...full, subscribedTopics: null }).reply.assignment).toBe(null);
  });

  test("a full group: refuses one more, not those it has", () => {
    for (const memberId of ["a", "b", "c"]) join(memberId);
    const good: Fields = { subscribedTopics: ["t"], ownedPartitions: [] };
    expect(refusal("d", good)).toBe("GROUP_MAX_SIZE_REACHED");
    expect(refusal("c", good)).toBe("ok");
  });
});

describe("membership: heartbeats", () => {
  test("without news: nothing is written and no assignment told", () => {
    join("a");
    const { events, reply } = heartbeat("a", 1, owning(0, 1, 2, 3));
    expect(events).toEqual([]);
    expect(reply).toMatchObject({ memberEpoch: 1, assignment: null });
    expect(heartbeat("a", 1).events).toEqual([]);
  });

  test("an answer was lost: the epoch before is taken, and the assignment told again", () => {
    join("a");
    join("b");
    heartbeat("a", 1, owning(0, 1, 2, 3));
    const kept = machine.find("g")?.members.get("a")?.assigned.get("t") ?? [];
    const lost = heartbeat("a", 1, owning(...kept)).reply;
    expect(lost.memberEpoch).toBe(2);
    const again = heartbeat("a", 1, owning(...kept)).reply;
    expect(again.memberEpoch).toBe(2);
    expect(again.assignment?.[0]?.partitions).toEqual(kept);
  });

  test("the epoch before with partitions it has not: fenced; so are epochs never given", () => {
    join("a");
    join("b");
    heartbeat("a", 1, owning(0, 1, 2, 3));
    const kept = machine.find("g")?.members.get("a")?.assigned.get("t") ?? [];
    heartbeat("a", 1, owning(...kept));
    expect(refusal("a", { memberEpoch: 1, ...owning(0, 1, 2, 3) })).toBe("FENCED_MEMBER_EPOCH");
    expect(refusal("a", { memberEpoch: 1 })).toBe("FENCED_MEMBER_EPOCH");
    expect(refusal("a", { memberEpoch: 3 })).toBe("FENCED_MEMBER_EPOCH");
    expect(refusal("x", { memberEpoch: 1 })).toBe("UNKNOWN_MEMBER_ID");
    expect(refusal("x", { memberEpoch: -1 })).toBe("UNKNOWN_MEMBER_ID");
  });

  test("another subscription: a new target in the same answer", () => {
    topics.set("u", 1);
    join("a");
    const { reply } = heartbeat("a", 1, {
      subscribedTopics: ["u", "t", "t"],
      ...owning(0, 1, 2, 3),
    });
    expect(reply.memberEpoch).toBe(2);
    expect(namesOf(reply.assignment ?? []).length).toBe(5);
    const same = heartbeat("a", 2, { subscribedTopics: ["t", "u"] });
    expect(same.events).toEqual([]);
  });

  test("another vote: the group follows the majority", () => {
    topics.set("u", 4);
    const both = { subscribedTopics: ["t", "u"] };
    join("a", { ...both, serverAssignor: "range" });
    join("b", { ...both, serverAssignor: "range" });
    const target = machine.find("g")?.targetOf("a");
    expect(target?.get("t")).toEqual([0, 1]);
    expect(target?.get("u")).toEqual([0, 1]);
  });

  test("another connection: the client's address counts from its join", () => {
    join("a");
    expect(heartbeat("a", 1, { clientHost: "/10.0.0.9", clientId: "other" }).events).toEqual([]);
  });

  test("a shorter session: asked to beat three times within it", () => {
    join("a");
    const { reply, events } = heartbeat("a", 1, { sessionTimeoutMs: 900 });
    expect(reply.heartbeatIntervalMs).toBe(300);
    expect(events.length).toBe(1);
  });
});

describe("membership: leaving", () => {
  test("a member leaves: the others may have its partitions at once", () => {
    join("a");
    join("b");
    const left = heartbeat("a", -1).reply;
    expect(left).toEqual({
      memberId: "a",
      memberEpoch: -1,
      heartbeatIntervalMs: 0,
      assignment: null,
    });
    const { reply } = heartbeat("b", 2, owning());
    expect(reply.memberEpoch).toBe(3);
    expect(reply.assignment?.[0]?.partitions).toEqual([0, 1, 2, 3]);
  });

  test("the last member leaves: the group stays, empty, its epoch goes on", () => {
    join("a");
    heartbeat("a", -1);
    expect(machine.find("g")?.state).toBe("EMPTY");
    expect(machine.find("g")?.header.emptySinceMs).toBe(1_000_000);
    expect(join("b").memberEpoch).toBe(3);
    expect(machine.find("g")?.header.emptySinceMs).toBe(null);
  });

  test("expiry: removes a member that is due, and nothing twice", () => {
    join("a");
    expect(
      runOn(
        machine,
        machine.expire("g", "a", () => false),
      ).events,
    ).toEqual([]);
    expect(
      runOn(
        machine,
        machine.expire("g", "a", () => true),
      ).events.length,
    ).toBeGreaterThan(0);
    expect(
      runOn(
        machine,
        machine.expire("g", "a", () => true),
      ).events,
    ).toEqual([]);
    expect(
      runOn(
        machine,
        machine.expire("none", "a", () => true),
      ).events,
    ).toEqual([]);
  });
});

describe("membership: topics change", () => {
  test("more partitions: they are assigned; the same topics again: nothing", () => {
    join("a");
    expect(runOn(machine, machine.refreshTopics("g")).events).toEqual([]);
    topics.set("t", 6);
    runOn(machine, machine.refreshTopics("g"));
    expect(heartbeat("a", 1, owning(0, 1, 2, 3)).reply.assignment?.[0]?.partitions.length).toBe(6);
    expect(runOn(machine, machine.refreshTopics("g")).events).toEqual([]);
  });

  test("the topic is deleted: its readers give it up", () => {
    join("a");
    topics.topics.delete("t");
    runOn(machine, machine.refreshTopics("g"));
    expect(heartbeat("a", 1, owning(0, 1, 2, 3)).reply.assignment).toEqual([]);
    expect(heartbeat("a", 1, owning()).reply.memberEpoch).toBe(2);
    expect(machine.find("g")?.state).toBe("STABLE");
  });
});

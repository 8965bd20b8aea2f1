import { beforeEach, describe, expect, test } from "vitest";
import { defaultGroupLimits } from "../../src/group/group-context.ts";
import { GroupMachine } from "../../src/group/group-machine.ts";
import type { GroupHeartbeatRequest, GroupHeartbeatResult } from "../../src/services.ts";
import { beat, namesOf, TopicTable } from "../support/group-world.ts";
import { refusalOf, runOn } from "../support/machine-run.ts";

let machine: GroupMachine;

beforeEach(() => {
  const topics = new TopicTable();
  topics.set("t", 4);
  topics.set("u", 2);
  machine = new GroupMachine({
    topics: topics.lookup,
    topicNames: topics.names,
    limits: defaultGroupLimits,
  });
});

type Fields = Partial<GroupHeartbeatRequest>;

const joining = { subscribedTopics: ["t"], ownedPartitions: [] };

function join(memberId: string, instanceId: string | null, fields: Fields = {}) {
  return runOn(machine, machine.heartbeat(beat({ memberId, instanceId, ...joining, ...fields })));
}

function heartbeat(memberId: string, memberEpoch: number, fields: Fields = {}) {
  const request = beat({ memberId, memberEpoch, rebalanceTimeoutMs: -1, ...fields });
  return runOn(machine, machine.heartbeat(request));
}

function refusal(memberId: string, fields: Fields): string {
  return refusalOf(machine, machine.heartbeat(beat({ memberId, ...fields })));
}

function given({ assignment }: GroupHeartbeatResult): readonly string[] {
  return namesOf(assignment ?? []);
}

function membersOf(): readonly string[] {
  return machine.describe("g", () => 0).members.map(({ memberId }) => memberId);
}

describe("static members: away for a moment", () => {
  test("its partitions wait for it; it comes back under a new id to the same, in the same epoch", () => {
    const had = given(join("a1", "a").reply);
    const left = heartbeat("a1", -2, { instanceId: "a" });
    expect(left.reply).toMatchObject({ memberId: "a1", memberEpoch: -2, assignment: null });
    expect(left.events.length).toBe(1);
    expect(machine.describe("g", () => 0)).toMatchObject({
      groupEpoch: 1,
      state: "RECONCILING",
      members: [{ memberId: "a1", instanceId: "a", memberEpoch: -2 }],
    });
    const back = join("a2", "a");
    expect(back.reply.memberEpoch).toBe(1);
    expect(given(back.reply)).toEqual(had);
    expect(membersOf()).toEqual(["a2"]);
    expect(machine.describe("g", () => 0)).toMatchObject({ groupEpoch: 1, state: "STABLE" });
    expect(heartbeat("a2", 1, { instanceId: "a" }).events).toEqual([]);
  });

  test("under its old id as well, and leaving twice is leaving once", () => {
    const had = given(join("a1", "a").reply);
    heartbeat("a1", -2);
    expect(heartbeat("a1", -2).events).toEqual([]);
    const back = join("a1", "a");
    expect(back.reply.memberEpoch).toBe(1);
    expect(given(back.reply)).toEqual(had);
  });

  test("others take over only what they are given after it is back", () => {
    join("a1", "a");
    heartbeat("a1", -2);
    expect(given(join("b", null).reply)).toEqual([]);
    expect(given(heartbeat("b", 2, { ownedPartitions: [] }).reply)).toEqual([]);
    const back = join("a2", "a");
    expect(back.reply.memberEpoch).toBe(2);
    expect(given(back.reply).length).toBe(2);
    expect(given(heartbeat("b", 2, { ownedPartitions: [] }).reply).length).toBe(2);
  });

  test("what it was giving up when it left is free at once", () => {
    join("a1", "a");
    join("b", null);
    heartbeat("a1", 1, { ownedPartitions: [{ topic: "t", partitions: [0, 1, 2, 3] }] });
    expect(given(heartbeat("b", 2, { ownedPartitions: [] }).reply)).toEqual([]);
    heartbeat("a1", -2);
    expect(given(heartbeat("b", 2, { ownedPartitions: [] }).reply).length).toBe(2);
  });

  test("back with another subscription: a new epoch, and what it keeps it keeps", () => {
    join("a1", "a");
    heartbeat("a1", -2);
    const { reply } = join("a2", "a", { subscribedTopics: ["t", "u"] });
    expect(reply.memberEpoch).toBe(2);
    expect(given(reply)).toEqual(["t-0", "t-1", "t-2", "t-3", "u-0", "u-1"]);
    heartbeat("a2", -2);
    expect(given(join("a3", "a", { subscribedTopics: ["u"] }).reply)).toEqual(["u-0", "u-1"]);
    expect(given(join("b", null).reply)).toEqual(["t-0", "t-1", "t-2", "t-3"]);
  });

  test("its time is over: gone, and the others have what it had", () => {
    join("a1", "a");
    heartbeat("a1", -2);
    join("b", null);
    runOn(
      machine,
      machine.expire("g", "a1", () => true),
    );
    expect(given(heartbeat("b", 2, { ownedPartitions: [] }).reply).length).toBe(4);
    expect(join("a2", "a").reply.memberEpoch).toBe(4);
  });
});

describe("static members: who may speak", () => {
  test("an instance with a member is not given away; -1 gives it up for good", () => {
    join("a1", "a");
    expect(refusal("a2", { instanceId: "a", ...joining })).toBe("UNRELEASED_INSTANCE_ID");
    heartbeat("a1", -1, { instanceId: "a" });
    expect(membersOf()).toEqual([]);
    expect(refusal("a2", { instanceId: "a", ...joining })).toBe("ok");
  });

  test("the old id is fenced in everything it says", () => {
    join("a1", "a");
    heartbeat("a1", -2);
    expect(refusal("a1", { memberEpoch: 1, instanceId: "a" })).toBe("FENCED_MEMBER_EPOCH");
    join("a2", "a");
    for (const memberEpoch of [1, -1, -2]) {
      const code = refusal("a1", { memberEpoch, instanceId: "a" });
      expect(code, `${memberEpoch}`).toBe("FENCED_INSTANCE_ID");
    }
    expect(refusal("a1", { memberEpoch: 1 })).toBe("UNKNOWN_MEMBER_ID");
  });

  test("nobody has the instance, or it is no name", () => {
    join("b", null);
    expect(refusal("b", { memberEpoch: 1, instanceId: "x" })).toBe("UNKNOWN_MEMBER_ID");
    expect(refusal("b", { memberEpoch: -2 })).toBe("INVALID_REQUEST");
    expect(refusal("c", { memberEpoch: -2 })).toBe("UNKNOWN_MEMBER_ID");
    expect(refusal("c", { instanceId: "", ...joining })).toBe("INVALID_REQUEST");
    expect(refusal("b", { memberEpoch: -3 })).toBe("INVALID_REQUEST");
  });

  test("a member of another instance, or of none until now, joins again under one", () => {
    join("a1", "a");
    heartbeat("a1", -2);
    join("b", null);
    expect(refusal("b", { instanceId: "a", ...joining })).toBe("FENCED_INSTANCE_ID");
    join("b", "bb");
    expect(machine.find("g")?.members.get("b")?.instanceId).toBe("bb");
  });
});

import { describe, expect, test } from "vitest";
import { LogError } from "../../src/base/error.ts";
import {
  assignmentOf,
  ClassicWorld,
  joinOf,
  outcomeOf,
  protocol,
  speaker,
  syncOf,
} from "../support/classic-world.ts";
import { settle } from "../support/fake-clock.ts";
import { beat, codeOf } from "../support/group-world.ts";
import { MemoryStateLog } from "../support/memory-state-log.ts";

const offsets = [{ topic: "t", partition: 0, offset: 5, metadata: "m" }];
const anonymous = { group: "g", memberId: "", memberEpoch: -1, offsets };

describe("classic groups: the way to an assignment", () => {
  test("all join, the leader assigns, everybody has what it gave", async () => {
    const world = await ClassicWorld.open();
    const [first, second] = await world.joined(joinOf(), joinOf({ clientId: "d" }));
    expect(first?.memberId).toMatch(/^c-[0-9a-f-]{36}$/);
    expect(first?.leader).toBe(first?.memberId);
    expect(first?.members.map(({ memberId }) => memberId)).toEqual([
      first?.memberId,
      second?.memberId,
    ]);
    expect(second).toEqual({ ...first, memberId: second?.memberId, members: [] });
    expect(await world.state()).toBe("CompletingRebalance 2");
    if (first === undefined || second === undefined) return;
    const follower = world.classic.sync(syncOf(second));
    expect(await outcomeOf(follower)).toBe("waiting");
    const leader = await world.classic.sync(syncOf(first));
    expect(leader.protocolName).toBe("range");
    expect(Buffer.from(leader.assignment).toString()).toBe(`for ${first.memberId}`);
    expect(Buffer.from((await follower).assignment).toString()).toBe(`for ${second.memberId}`);
    expect(await world.state()).toBe("Stable 2");
    const again = await world.classic.sync(syncOf(second));
    expect(again).toEqual(await follower);
  });

  test("a member that the leader does not name: nothing to do", async () => {
    const world = await ClassicWorld.open();
    const [first, second] = await world.joined(joinOf(), joinOf());
    if (first === undefined || second === undefined) return;
    const follower = world.classic.sync(syncOf(second));
    await world.classic.sync(syncOf(first, { assignments: [] }));
    expect((await follower).assignment.length).toBe(0);
  });

  test("nobody hears of a generation or an assignment before it is durable", async () => {
    const log = new MemoryStateLog();
    const world = await ClassicWorld.open({ log });
    const [join, other] = [world.classic.join(joinOf()), world.classic.join(joinOf())];
    await settle();
    log.autoSync = false;
    await world.clock.run(1_000);
    expect(await outcomeOf(Promise.race([join, other]))).toBe("waiting");
    log.sync();
    const [leader, follower] = [await join, await other];
    const parked = world.classic.sync(syncOf(follower));
    await settle();
    const syncs = [parked, world.classic.sync(syncOf(leader)), world.classic.sync(syncOf(leader))];
    expect(await outcomeOf(Promise.race(syncs))).toBe("waiting");
    expect(await outcomeOf(world.classic.heartbeat(speaker(leader)))).toBe("waiting");
    log.sync();
    await Promise.all(syncs);
  });
});

describe("classic groups: calls that come at the wrong time", () => {
  test("sync: unknown, old generation, other protocol, while members join", async () => {
    const world = await ClassicWorld.open();
    const [first] = await world.joined(joinOf());
    if (first === undefined) return;
    const { classic } = world;
    const codes = async (...fields: readonly Parameters<typeof syncOf>[1][]) =>
      await Promise.all(fields.map((some) => codeOf(classic.sync(syncOf(first, some)))));
    expect(
      await codes(
        { group: "other" },
        { memberId: "x" },
        { groupInstanceId: "i" },
        { generationId: 0 },
        { protocolName: "roundrobin" },
        { protocolType: "connect" },
      ),
    ).toEqual([
      "UNKNOWN_MEMBER_ID",
      "UNKNOWN_MEMBER_ID",
      "UNKNOWN_MEMBER_ID",
      "ILLEGAL_GENERATION",
      "INCONSISTENT_GROUP_PROTOCOL",
      "INCONSISTENT_GROUP_PROTOCOL",
    ]);
    expect(await codes({ protocolName: null, protocolType: null })).toEqual(["ok"]);
    void codeOf(classic.join(joinOf()));
    await settle();
    expect(await codes({})).toEqual(["REBALANCE_IN_PROGRESS"]);
  });

  test("heartbeat: by state", async () => {
    const world = await ClassicWorld.open();
    const { classic } = world;
    const [first] = await world.joined(joinOf());
    if (first === undefined) return;
    const beats = async (fields: object = {}) =>
      await codeOf(classic.heartbeat({ ...speaker(first), ...fields }));
    expect(await beats()).toBe("ok");
    await world.syncAll([first]);
    expect(await beats()).toBe("ok");
    expect(await beats({ group: "other" })).toBe("UNKNOWN_MEMBER_ID");
    expect(await beats({ memberId: "x", generationId: 9 })).toBe("UNKNOWN_MEMBER_ID");
    expect(await beats({ generationId: 2 })).toBe("ILLEGAL_GENERATION");
    void codeOf(classic.join(joinOf()));
    await settle();
    expect(await beats()).toBe("REBALANCE_IN_PROGRESS");
    await classic.leave("g", [{ memberId: first.memberId, groupInstanceId: null }]);
    expect(await beats()).toBe("UNKNOWN_MEMBER_ID");
  });

  test("leave: one answer a member, in their order; the last one leaves the group empty", async () => {
    const world = await ClassicWorld.open();
    const [first, second] = await world.stable(joinOf(), joinOf({ groupInstanceId: "i" }));
    const pending = await world.classic
      .join(joinOf({ requiresKnownMemberId: true }))
      .catch((error: LogError) => String(error.facts["memberId"]));
    const id = first?.memberId ?? "";
    const left = await world.classic.leave("g", [
      { memberId: "x", groupInstanceId: null },
      { memberId: id, groupInstanceId: null },
      { memberId: id, groupInstanceId: null },
      { memberId: "x", groupInstanceId: "i" },
      { memberId: "", groupInstanceId: "j" },
      { memberId: "", groupInstanceId: "i" },
      { memberId: String(pending), groupInstanceId: null },
      { memberId: "", groupInstanceId: null },
    ]);
    expect(left.map(({ error }) => error)).toEqual([
      "UNKNOWN_MEMBER_ID",
      null,
      "UNKNOWN_MEMBER_ID",
      "FENCED_INSTANCE_ID",
      "UNKNOWN_MEMBER_ID",
      null,
      null,
      "UNKNOWN_MEMBER_ID",
    ]);
    expect(left[5]).toEqual({ memberId: "", groupInstanceId: "i", error: null });
    expect(await world.state()).toBe("Empty 0");
    expect(second?.generationId).toBe(1);
    const [next] = await world.joined(joinOf());
    expect(next?.generationId).toBe(3);
    const elsewhere = await world.classic.leave("no", [{ memberId: "x", groupInstanceId: null }]);
    expect(elsewhere[0]?.error).toBe("UNKNOWN_MEMBER_ID");
  });
});

describe("classic groups: offsets", () => {
  test("commits: of the present generation, but not between join and assignment", async () => {
    const world = await ClassicWorld.open();
    const { groups } = world.opened;
    expect(await codeOf(groups.commitOffsets(anonymous))).toBe("ok");
    const [first] = await world.joined(joinOf());
    if (first === undefined) return;
    const { memberId, generationId } = first;
    const commits = async (fields: object = {}) => {
      const own = { group: "g", memberId, memberEpoch: generationId, offsets, allOrNone: false };
      return await codeOf(groups.commitOffsets({ ...own, ...fields }));
    };
    expect(await commits()).toBe("REBALANCE_IN_PROGRESS");
    await world.syncAll([first]);
    expect(await commits()).toBe("ok");
    expect(await commits({ memberEpoch: 2 })).toBe("ILLEGAL_GENERATION");
    expect(await commits({ memberId: "x" })).toBe("UNKNOWN_MEMBER_ID");
    expect(await commits({ instanceId: "i" })).toBe("UNKNOWN_MEMBER_ID");
    expect(await commits({ memberId: "", memberEpoch: -1 })).toBe("UNKNOWN_MEMBER_ID");
    expect(await codeOf(groups.commitOffsets(anonymous))).toBe("NON_EMPTY_GROUP");
    void codeOf(world.classic.join(joinOf()));
    await settle();
    // What it read before the rebalance may still be committed.
    expect(await commits()).toBe("ok");
  });

  test("a commit keeps its member alive, a refused one does not", async () => {
    const world = await ClassicWorld.open();
    const { groups } = world.opened;
    const [first, second] = await world.stable(joinOf(), joinOf());
    const commit = async (memberId: string, memberEpoch: number) =>
      await codeOf(groups.commitOffsets({ ...anonymous, memberId, memberEpoch, allOrNone: false }));
    await world.clock.run(6_000);
    expect(await commit(first?.memberId ?? "", 1)).toBe("ok");
    expect(await commit(second?.memberId ?? "", 0)).toBe("ILLEGAL_GENERATION");
    await world.clock.run(6_000);
    const { members } = await world.classic.describe("g");
    expect(members.map(({ memberId }) => memberId)).toEqual([first?.memberId]);
  });

  test("of what members read: they do not lapse, and cannot be deleted", async () => {
    const world = await ClassicWorld.open({
      limits: { offsetsRetentionMs: 1000, offsetsCheckIntervalMs: 500, sessionTimeoutMsMax: 1e9 },
    });
    const { groups, topics } = world.opened;
    topics.set("u", 1);
    const other = { topic: "u", partition: 0, offset: 1, metadata: "" };
    await groups.commitOffsets({ ...anonymous, offsets: [...offsets, other] });
    const patient = { sessionTimeoutMs: 1e6, rebalanceTimeoutMs: 1e6 };
    const [first] = await world.joined(joinOf(patient));
    await world.clock.run(10_000);
    // As long as the group is not at rest all of them stay.
    expect((await groups.committedOffsets("g", null)).length).toBe(2);
    const errors = async () =>
      (await groups.deleteOffsets("g", [...offsets, other])).map(({ error }) => error);
    const subscribed = "GROUP_SUBSCRIBED_TO_TOPIC";
    expect(await errors()).toEqual([subscribed, subscribed]);
    if (first !== undefined) await world.syncAll([first]);
    expect(await errors()).toEqual([subscribed, null]);
    await world.clock.run(10_000);
    expect((await groups.committedOffsets("g", null)).map(({ topic }) => topic)).toEqual(["t"]);
    await world.classic.leave("g", [{ memberId: first?.memberId ?? "", groupInstanceId: null }]);
    await world.clock.run(600);
    expect((await groups.committedOffsets("g", null)).length).toBe(1);
    await world.clock.run(1_000);
    expect(await groups.committedOffsets("g", null)).toEqual([]);
    await world.clock.run(1_000);
    expect(await groups.list()).toEqual([]);
  });

  test("of workers that are no consumers: they stay while there are members", async () => {
    const world = await ClassicWorld.open();
    const { groups } = world.opened;
    const connect = {
      protocolType: "connect",
      protocols: [{ name: "x", metadata: Buffer.from("?") }],
    };
    await groups.commitOffsets(anonymous);
    await world.stable(joinOf(connect));
    expect(await codeOf(groups.deleteOffsets("g", offsets))).toBe("NON_EMPTY_GROUP");
    const { protocolType, topics, members } = await groups.describe("g");
    expect({ protocolType, topics }).toEqual({ protocolType: "connect", topics: ["t"] });
    expect(members[0]?.subscribedTopics).toEqual([]);
  });
});

describe("classic groups: beside the new protocol", () => {
  test("a group is of one kind at a time, and keeps its offsets when it changes", async () => {
    const world = await ClassicWorld.open();
    const { groups } = world.opened;
    const newcomer = beat({ memberId: "a", subscribedTopics: ["t"], ownedPartitions: [] });
    await groups.heartbeat(newcomer);
    const refused = await world.classic.join(joinOf()).catch((error: LogError) => error);
    expect(refused).toMatchObject({ code: "INCONSISTENT_GROUP_PROTOCOL" });
    expect(String(refused)).toContain("HTTP");
    await groups.commitOffsets({ ...anonymous, memberId: "a", memberEpoch: 1 });
    await groups.heartbeat(beat({ memberId: "a", memberEpoch: -1 }));
    expect(await codeOf(world.classic.describe("g"))).toBe("GROUP_ID_NOT_FOUND");
    const [first] = await world.stable(joinOf());
    expect((await groups.committedOffsets("g", null)).length).toBe(1);
    expect((await groups.list()).map(({ kind, state }) => [kind, state])).toEqual([
      ["classic", "STABLE"],
    ]);
    const kept = await groups.heartbeat(newcomer).catch((error: LogError) => error);
    expect(kept).toMatchObject({ code: "GROUP_ID_NOT_FOUND" });
    expect(String(kept)).toContain("HTTP");
    expect(await codeOf(groups.delete("g"))).toBe("NON_EMPTY_GROUP");
    expect(await codeOf(groups.alterOffsets("g", offsets))).toBe("NON_EMPTY_GROUP");
    await world.classic.leave("g", [{ memberId: first?.memberId ?? "", groupInstanceId: null }]);
    expect((await groups.heartbeat(newcomer)).assignment?.length).toBe(1);
    expect((await groups.list())[0]).toMatchObject({ kind: "consumer", state: "STABLE" });
    expect((await groups.committedOffsets("g", null)).length).toBe(1);
  });

  test("an id given out for a group that is of the new kind by now: refused", async () => {
    const world = await ClassicWorld.open();
    const asked = await world.classic
      .join(joinOf({ requiresKnownMemberId: true }))
      .catch((error: LogError) => error);
    expect(asked).toMatchObject({ code: "MEMBER_ID_REQUIRED" });
    await world.opened.groups.heartbeat(
      beat({ memberId: "a", subscribedTopics: ["t"], ownedPartitions: [] }),
    );
    const memberId = asked instanceof LogError ? String(asked.facts["memberId"]) : "";
    const late = world.classic.join(joinOf({ memberId, requiresKnownMemberId: true }));
    expect(await codeOf(late)).toBe("INCONSISTENT_GROUP_PROTOCOL");
    await world.clock.run(20_000);
  });

  test("members of the new protocol: taken out by those who administer", async () => {
    const world = await ClassicWorld.open();
    const { groups } = world.opened;
    const fields = { subscribedTopics: ["t"], ownedPartitions: [] };
    for (const memberId of ["a", "b", "c"]) await groups.heartbeat(beat({ memberId, ...fields }));
    await groups.heartbeat(beat({ memberId: "d", instanceId: "i", ...fields }));
    const left = await world.classic.leave("g", [
      { memberId: "a", groupInstanceId: null },
      { memberId: "a", groupInstanceId: null },
      { memberId: "b", groupInstanceId: "i" },
      { memberId: "b", groupInstanceId: "j" },
      { memberId: "", groupInstanceId: "i" },
      { memberId: "", groupInstanceId: null },
    ]);
    expect(left.map(({ error }) => error)).toEqual([
      null,
      "UNKNOWN_MEMBER_ID",
      "FENCED_INSTANCE_ID",
      "UNKNOWN_MEMBER_ID",
      null,
      "UNKNOWN_MEMBER_ID",
    ]);
    const { members } = await groups.describe("g");
    expect(members.map(({ memberId }) => memberId)).toEqual(["b", "c"]);
  });

  test("described with what members read, also for those who know one kind only", async () => {
    const world = await ClassicWorld.open();
    const [first] = await world.joined(joinOf({ protocols: [protocol("range", ["u", "t"])] }));
    if (first === undefined) return;
    const given = [{ memberId: first.memberId, assignment: assignmentOf("t", [1, 3]) }];
    await world.classic.sync(syncOf(first, { assignments: given }));
    const described = await world.opened.groups.describe("g");
    expect(described).toMatchObject({ kind: "classic", groupEpoch: 1, assignor: "range" });
    expect(described.topics).toEqual(["t", "u"]);
    expect(described.members[0]).toMatchObject({
      memberId: first.memberId,
      memberEpoch: 1,
      clientId: "c",
      assignment: [{ topic: "t", partitions: [1, 3] }],
      lastSeenMs: world.clock.nowMs(),
    });
  });
});

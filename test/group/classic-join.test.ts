import { describe, expect, test } from "vitest";
import { LogError } from "../../src/base/error.ts";
import type { JoinGroupRequest } from "../../src/services.ts";
import {
  ClassicWorld,
  joinOf,
  outcomeOf,
  protocol,
  speaker,
  syncOf,
} from "../support/classic-world.ts";
import { settle } from "../support/fake-clock.ts";
import { codeOf } from "../support/group-world.ts";
import { MemoryStateLog } from "../support/memory-state-log.ts";

async function idRequired(world: ClassicWorld, fields: Partial<JoinGroupRequest> = {}) {
  const request = joinOf({ requiresKnownMemberId: true, ...fields });
  const asked = await world.classic.join(request).catch((error: unknown) => error);
  expect(asked).toMatchObject({ code: "MEMBER_ID_REQUIRED" });
  return asked instanceof LogError ? String(asked.facts["memberId"]) : "";
}

describe("classic join: who may", () => {
  test.each<[string, Partial<JoinGroupRequest>, string]>([
    ["no group name", { group: "" }, "INVALID_GROUP_ID"],
    ["a short session", { sessionTimeoutMs: 5_999 }, "INVALID_SESSION_TIMEOUT"],
    ["a long session", { sessionTimeoutMs: 1_800_001 }, "INVALID_SESSION_TIMEOUT"],
    ["no protocol type", { protocolType: "" }, "INCONSISTENT_GROUP_PROTOCOL"],
    ["no protocols", { protocols: [] }, "INCONSISTENT_GROUP_PROTOCOL"],
    ["an id, but no group", { group: "new", memberId: "x" }, "UNKNOWN_MEMBER_ID"],
    ["an id that is not known", { memberId: "x" }, "UNKNOWN_MEMBER_ID"],
    [
      "an instance id that is not known",
      { memberId: "x", groupInstanceId: "j" },
      "UNKNOWN_MEMBER_ID",
    ],
    ["an instance id of another", { memberId: "x", groupInstanceId: "i" }, "FENCED_INSTANCE_ID"],
    ["another type", { protocolType: "connect" }, "INCONSISTENT_GROUP_PROTOCOL"],
    ["no common protocol", { protocols: [protocol("a")] }, "INCONSISTENT_GROUP_PROTOCOL"],
  ])("%s: refused, and nothing is left", async (_, fields, code) => {
    const world = await ClassicWorld.open();
    await world.stable(joinOf({ groupInstanceId: "i" }));
    expect(await codeOf(world.classic.join(joinOf(fields)))).toBe(code);
    expect(await world.state()).toBe("Stable 1");
    expect((await world.opened.groups.list()).length).toBe(1);
  });

  test("the only member may change its protocols, and an empty group its type", async () => {
    const world = await ClassicWorld.open();
    const [first] = await world.stable(joinOf());
    const memberId = first?.memberId ?? "";
    const changed = world.classic.join(joinOf({ memberId, protocols: [protocol("other")] }));
    expect((await changed).protocolName).toBe("other");
    await world.classic.leave("g", [{ memberId, groupInstanceId: null }]);
    const [connect] = await world.joined(joinOf({ protocolType: "connect" }));
    expect(connect?.protocolType).toBe("connect");
  });

  test("as many members as there may be, in any state; whoever is in may join again", async () => {
    const world = await ClassicWorld.open({ limits: { membersPerGroupMax: 2 } });
    const first = codeOf(world.classic.join(joinOf()));
    const second = codeOf(world.classic.join(joinOf()));
    await settle();
    const third = async () => await outcomeOf(world.classic.join(joinOf()));
    expect(await third()).toBe("GROUP_MAX_SIZE_REACHED");
    await world.clock.run(1_000);
    expect([await first, await second]).toEqual(["ok", "ok"]);
    expect(await third()).toBe("GROUP_MAX_SIZE_REACHED");
    const { members } = await world.classic.describe("g");
    const again = members.map(({ memberId }) =>
      codeOf(
        world.classic.join(joinOf({ memberId, protocols: [protocol("range"), protocol("x")] })),
      ),
    );
    expect(await Promise.all(again)).toEqual(["ok", "ok"]);
  });
});

describe("classic join: ids for new members", () => {
  test("asked to come back with one: the rebalance waits for that, but not for ever", async () => {
    const world = await ClassicWorld.open();
    const id = await idRequired(world);
    expect(id).toMatch(/^c-[0-9a-f-]{36}$/);
    expect(await world.state()).toBe("Empty 0");
    const first = world.classic.join(joinOf({ memberId: id, requiresKnownMemberId: true }));
    await world.clock.run(500);
    expect((await first).memberId).toBe(id);
    await world.syncAll([await first]);
    await idRequired(world);
    const other = world.classic.join(joinOf());
    const again = world.classic.join(joinOf({ memberId: id }));
    expect(await outcomeOf(other)).toBe("waiting");
    await world.clock.run(10_001);
    expect([(await other).generationId, (await again).generationId]).toEqual([2, 2]);
  });

  test("an id that was given out does not hold for longer than a session", async () => {
    const world = await ClassicWorld.open();
    const id = await idRequired(world);
    await world.clock.run(10_001);
    expect(await codeOf(world.classic.join(joinOf({ memberId: id })))).toBe("UNKNOWN_MEMBER_ID");
  });

  test("no more ids than members there may be", async () => {
    const world = await ClassicWorld.open({ limits: { membersPerGroupMax: 2 } });
    await idRequired(world);
    await idRequired(world);
    const third = world.classic.join(joinOf({ requiresKnownMemberId: true }));
    expect(await codeOf(third)).toBe("GROUP_MAX_SIZE_REACHED");
  });

  test("static members need none", async () => {
    const world = await ClassicWorld.open();
    const [one] = await world.joined(joinOf({ groupInstanceId: "i", requiresKnownMemberId: true }));
    expect(one?.memberId).toMatch(/^i-/);
  });
});

describe("classic join: again", () => {
  test("unchanged: the answer of the present generation; the leader is told everybody", async () => {
    const world = await ClassicWorld.open();
    const joined = await world.joined(joinOf(), joinOf());
    for (const one of joined) {
      expect(await world.classic.join(joinOf({ memberId: one.memberId }))).toEqual(one);
    }
    await world.syncAll(joined);
    const [, follower] = joined;
    expect(await world.classic.join(joinOf({ memberId: follower?.memberId ?? "" }))).toEqual(
      follower,
    );
    expect(await world.state()).toBe("Stable 2");
  });

  test.each([
    { name: "the leader, at rest", who: 0, topics: ["t"], isSynced: true },
    { name: "a follower with other topics, at rest", who: 1, topics: ["t", "u"], isSynced: true },
    { name: "a leader with other topics, unassigned", who: 0, topics: ["u"], isSynced: false },
    { name: "a follower with other topics, unassigned", who: 1, topics: ["u"], isSynced: false },
  ])("$name: the group rebalances", async ({ who, topics, isSynced }) => {
    const world = await ClassicWorld.open();
    const joined = await world.joined(joinOf(), joinOf());
    if (isSynced) await world.syncAll(joined);
    const ids = joined.map(({ memberId }) => memberId);
    const protocols = [protocol("range", topics)];
    const call = world.classic.join(joinOf({ memberId: ids[who] ?? "", protocols }));
    expect(await outcomeOf(call)).toBe("waiting");
    expect(await world.state()).toBe("PreparingRebalance 2");
    const other = world.classic.join(joinOf({ memberId: ids[1 - who] ?? "" }));
    const [leader] = ids;
    expect((await call).generationId).toBe(2);
    expect([(await call).leader, (await other).leader]).toEqual([leader, leader]);
  });

  test("while the group rebalances: the later call takes the place of the one before", async () => {
    const world = await ClassicWorld.open();
    const [first] = await world.stable(joinOf(), joinOf());
    const memberId = first?.memberId ?? "";
    const early = world.classic.join(joinOf({ memberId }));
    await settle();
    const late = world.classic.join(joinOf({ memberId, clientHost: "/later" }));
    expect(await codeOf(early)).toBe("REBALANCE_IN_PROGRESS");
    await world.clock.run(10_001);
    expect((await late).members.length).toBe(1);
    expect((await world.classic.describe("g")).members[0]?.clientHost).toBe("/later");
  });
});

describe("classic join: a client that goes away", () => {
  test("a new member: as if it had never come", async () => {
    const world = await ClassicWorld.open();
    const [first] = await world.stable(joinOf());
    const client = new AbortController();
    const kept = codeOf(world.classic.join(joinOf({ signal: client.signal })));
    await settle();
    expect(await world.state()).toBe("PreparingRebalance 2");
    const again = world.classic.join(joinOf({ memberId: first?.memberId ?? "" }));
    expect((await again).members.length).toBe(2);
    expect(await kept).toBe("ok");
    const other = codeOf(world.classic.join(joinOf({ signal: client.signal })));
    await settle();
    expect(await world.state()).toBe("PreparingRebalance 3");
    client.abort();
    expect(await other).toBe("UNKNOWN_MEMBER_ID");
    expect(await world.state()).toBe("PreparingRebalance 2");
    const late = world.classic.join(joinOf({ signal: client.signal }));
    expect(await codeOf(late)).toBe("UNKNOWN_MEMBER_ID");
  });

  test("a known member: it may come back until its session ends", async () => {
    const world = await ClassicWorld.open();
    const [first, second] = await world.stable(joinOf(), joinOf());
    const client = new AbortController();
    const memberId = first?.memberId ?? "";
    const gone = codeOf(world.classic.join(joinOf({ memberId, signal: client.signal })));
    await settle();
    client.abort();
    expect(await gone).toBe("UNKNOWN_MEMBER_ID");
    const waiting = world.classic.join(joinOf({ memberId: second?.memberId ?? "" }));
    await world.clock.run(9_999);
    expect(await outcomeOf(waiting)).toBe("waiting");
    await world.clock.run(2);
    expect((await waiting).members.length).toBe(1);
  });

  test("the last one of a first rebalance: the group is empty again, and no generation is spent", async () => {
    const world = await ClassicWorld.open();
    const client = new AbortController();
    const gone = codeOf(world.classic.join(joinOf({ signal: client.signal })));
    await settle();
    client.abort();
    expect(await gone).toBe("UNKNOWN_MEMBER_ID");
    expect(await world.state()).toBe("Empty 0");
    const [next] = await world.joined(joinOf());
    expect(next?.generationId).toBe(1);
  });
});

describe("classic join: static members", () => {
  const statics = [joinOf({ groupInstanceId: "i" }), joinOf({ groupInstanceId: "j" })] as const;

  test("back at rest: no rebalance, a new id, the old one is fenced; also after a crash", async () => {
    const log = new MemoryStateLog();
    const world = await ClassicWorld.open({ log });
    const [leader, follower] = await world.stable(...statics);
    if (leader === undefined || follower === undefined) return;
    const back = await world.classic.join(statics[1]);
    expect(back).toEqual({ ...follower, memberId: back.memberId });
    expect(back.memberId).not.toBe(follower.memberId);
    const old = speaker(follower, "j");
    expect(await codeOf(world.classic.heartbeat(old))).toBe("FENCED_INSTANCE_ID");
    expect(await codeOf(world.classic.sync({ ...syncOf(follower), ...old }))).toBe(
      "FENCED_INSTANCE_ID",
    );
    const joins = world.classic.join({ ...statics[1], memberId: follower.memberId });
    expect(await codeOf(joins)).toBe("FENCED_INSTANCE_ID");
    const { assignment } = await world.classic.sync(syncOf(back, { groupInstanceId: "j" }));
    expect(Buffer.from(assignment).toString()).toBe(`for ${follower.memberId}`);
    expect(await world.state()).toBe("Stable 2");
    await world.opened.groups.close();
    const again = await ClassicWorld.open({ log: log.afterCrash(), clock: world.clock });
    expect(await codeOf(again.classic.heartbeat(speaker(back, "j")))).toBe("ok");
  });

  test("the leader back at rest: told to skip the assignment, or that another leads", async () => {
    const world = await ClassicWorld.open();
    const [leader] = await world.stable(...statics);
    const modern = await world.classic.join(statics[0]);
    expect(modern).toMatchObject({
      skipAssignment: true,
      generationId: 1,
      leader: modern.memberId,
    });
    expect(modern.members.map(({ groupInstanceId }) => groupInstanceId)).toEqual(["i", "j"]);
    const old = await world.classic.join({ ...statics[0], supportsSkipAssignment: false });
    expect(old).toMatchObject({ skipAssignment: false, members: [], leader: modern.memberId });
    expect(leader?.memberId).not.toBe(modern.memberId);
    // And it does lead: joining again as the leader begins a rebalance.
    void codeOf(world.classic.join({ ...statics[0], memberId: old.memberId }));
    await settle();
    expect(await world.state()).toBe("PreparingRebalance 2");
  });

  test("back at rest with what makes the members choose otherwise: the group rebalances", async () => {
    const world = await ClassicWorld.open();
    const both = [protocol("range"), protocol("other")];
    const [leader] = await world.stable(joinOf({ ...statics[0], protocols: both }), {
      ...statics[1],
      protocols: both,
    });
    const back = world.classic.join({ ...statics[1], protocols: [protocol("other")] });
    expect(await outcomeOf(back)).toBe("waiting");
    void world.classic.join({ ...statics[0], memberId: leader?.memberId ?? "", protocols: both });
    expect(await back).toMatchObject({ generationId: 2, protocolName: "other" });
  });

  test("back before the assignment: a rebalance, parked calls of the old one are fenced", async () => {
    const world = await ClassicWorld.open();
    const [leader, follower] = await world.joined(...statics);
    if (leader === undefined || follower === undefined) return;
    const parked = codeOf(world.classic.sync(syncOf(follower, { groupInstanceId: "j" })));
    await settle();
    const back = world.classic.join(statics[1]);
    expect(await parked).toBe("FENCED_INSTANCE_ID");
    const again = codeOf(world.classic.join(statics[1]));
    expect(await codeOf(back)).toBe("FENCED_INSTANCE_ID");
    const leads = await world.classic.join({ ...statics[0], memberId: leader.memberId });
    expect(await again).toBe("ok");
    expect(leads).toMatchObject({ generationId: 2, leader: leader.memberId });
    expect(leads.members.length).toBe(2);
  });

  test("the leader back while the group rebalances: it leads again, under its new id", async () => {
    const world = await ClassicWorld.open();
    const [, follower] = await world.stable(...statics);
    void codeOf(
      world.classic.join(
        joinOf({ memberId: follower?.memberId ?? "", protocols: [protocol("range", ["u"])] }),
      ),
    );
    await settle();
    const back = await world.classic.join(statics[0]);
    expect(back).toMatchObject({ generationId: 2, leader: back.memberId });
  });
});

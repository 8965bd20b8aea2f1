import { describe, expect, test } from "vitest";
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

const patient = { sessionTimeoutMs: 100_000, rebalanceTimeoutMs: 30_000 };

describe("classic rebalances: the first one", () => {
  test("waits for more members, longer while they come, but not beyond their timeouts", async () => {
    const world = await ClassicWorld.open();
    const calls = [world.classic.join(joinOf({ rebalanceTimeoutMs: 2_000 }))];
    for (let count = 1; count <= 9; count++) {
      await world.clock.run(250);
      calls.push(world.classic.join(joinOf({ rebalanceTimeoutMs: 2_000 })));
    }
    const answers = await Promise.all(calls.slice(0, 8).map(outcomeOf));
    expect(new Set(answers)).toEqual(new Set(["ok"]));
    expect((await calls[0])?.members.length).toBe(8);
  });

  test("without a delay: at once", async () => {
    const world = await ClassicWorld.open({ limits: { initialRebalanceDelayMs: 0 } });
    expect((await world.classic.join(joinOf())).generationId).toBe(1);
  });

  test("half a second after the last one came", async () => {
    const world = await ClassicWorld.open();
    const first = world.classic.join(joinOf());
    await world.clock.run(499);
    expect(await outcomeOf(first)).toBe("waiting");
    const second = world.classic.join(joinOf());
    await world.clock.run(500);
    expect(await outcomeOf(first)).toBe("waiting");
    await world.clock.run(1);
    expect([(await first).generationId, (await second).generationId]).toEqual([1, 1]);
  });
});

describe("classic rebalances: later ones", () => {
  test("end as soon as everybody has joined again", async () => {
    const world = await ClassicWorld.open();
    const [first, second] = await world.stable(joinOf(), joinOf());
    const third = world.classic.join(joinOf());
    const again = [first, second].map((one) =>
      world.classic.join(joinOf({ memberId: one?.memberId ?? "" })),
    );
    const [leader] = await Promise.all([...again, third]);
    expect(leader).toMatchObject({ generationId: 2, leader: first?.memberId });
    expect(leader?.members.length).toBe(3);
  });

  test("time is up: dynamic members that did not join are out, static ones stay", async () => {
    const world = await ClassicWorld.open();
    const [leader] = await world.stable(
      joinOf({ ...patient, rebalanceTimeoutMs: 10_000 }),
      joinOf({ ...patient, groupInstanceId: "i" }),
    );
    const call = world.classic.join(joinOf(patient));
    await world.clock.run(29_999);
    expect(await outcomeOf(call)).toBe("waiting");
    await world.clock.run(2);
    const joined = await call;
    expect(joined.leader).toBe(joined.memberId);
    expect(joined.members.map(({ groupInstanceId }) => groupInstanceId)).toEqual(["i", null]);
    const out = { ...speaker(joined), memberId: leader?.memberId ?? "" };
    expect(await codeOf(world.classic.heartbeat(out))).toBe("UNKNOWN_MEMBER_ID");
    // The static one that did not come has no assignment to fetch: only its silence ends it.
    await world.syncAll([joined]);
    await world.clock.run(30_001);
    await world.classic.heartbeat(speaker(joined));
    expect(await world.state()).toBe("Stable 2");
    await world.clock.run(100_000 - 60_000);
    expect(await world.state()).toBe("PreparingRebalance 1");
  });

  test("only static members, and none comes: no generation; their silence empties the group", async () => {
    const world = await ClassicWorld.open();
    const [only, other] = await world.stable(
      joinOf({ ...patient, groupInstanceId: "i" }),
      joinOf(patient),
    );
    if (only === undefined) return;
    const leaves = [{ memberId: other?.memberId ?? "", groupInstanceId: null }];
    await world.classic.leave("g", leaves);
    await world.clock.run(95_000);
    const beats = codeOf(world.classic.heartbeat(speaker(only, "i")));
    expect(await beats).toBe("REBALANCE_IN_PROGRESS");
    await world.clock.run(99_999);
    expect(await world.state()).toBe("PreparingRebalance 1");
    await world.clock.run(2);
    expect(await world.state()).toBe("Empty 0");
  });

  test("a member that leaves may end it", async () => {
    const world = await ClassicWorld.open();
    const [first, second] = await world.stable(joinOf(), joinOf());
    const again = world.classic.join(joinOf({ memberId: first?.memberId ?? "" }));
    expect(await outcomeOf(again)).toBe("waiting");
    await world.classic.leave("g", [{ memberId: second?.memberId ?? "", groupInstanceId: null }]);
    expect((await again).members.length).toBe(1);
  });

  test("a member that leaves while its own join waits: told so", async () => {
    const world = await ClassicWorld.open();
    const [first, second] = await world.stable(joinOf(), joinOf());
    const again = codeOf(world.classic.join(joinOf({ memberId: first?.memberId ?? "" })));
    await settle();
    await world.classic.leave("g", [{ memberId: first?.memberId ?? "", groupInstanceId: null }]);
    expect(await again).toBe("UNKNOWN_MEMBER_ID");
    const last = await world.classic.join(joinOf({ memberId: second?.memberId ?? "" }));
    expect(last.leader).toBe(second?.memberId);
  });
});

describe("classic rebalances: sessions", () => {
  test("silence ends a member, a heartbeat begins its time anew", async () => {
    const world = await ClassicWorld.open();
    const [first, second] = await world.stable(joinOf(), joinOf());
    if (first === undefined || second === undefined) return;
    await world.clock.run(9_999);
    await world.classic.heartbeat(speaker(first));
    expect(await world.state()).toBe("Stable 2");
    await world.clock.run(2);
    expect(await world.state()).toBe("PreparingRebalance 1");
    // It counts while the group rebalances, too.
    await world.clock.run(9_000);
    expect(await codeOf(world.classic.heartbeat(speaker(first)))).toBe("REBALANCE_IN_PROGRESS");
    await world.clock.run(9_000);
    expect(await world.state()).toBe("PreparingRebalance 1");
    await world.clock.run(1_001);
    expect(await world.state()).toBe("Empty 0");
  });

  test("nobody is silent whose join or sync waits", async () => {
    const world = await ClassicWorld.open();
    const [first, second] = await world.stable(joinOf(), joinOf(patient));
    const again = world.classic.join(joinOf({ memberId: first?.memberId ?? "" }));
    await world.clock.run(29_000);
    expect(await outcomeOf(again)).toBe("waiting");
    const other = world.classic.join(joinOf({ ...patient, memberId: second?.memberId ?? "" }));
    const [leader, follower] = [await again, await other];
    const sync = world.classic.sync(syncOf(follower));
    await world.clock.run(9_000);
    await world.classic.sync(syncOf(leader));
    await sync;
    expect(await world.state()).toBe("Stable 2");
  });
});

describe("classic rebalances: syncs that do not come", () => {
  test("the leader's: it is out, and those who wait join again", async () => {
    const world = await ClassicWorld.open();
    const [leader, follower] = await world.joined(joinOf(patient), joinOf(patient));
    if (leader === undefined || follower === undefined) return;
    const waiting = codeOf(world.classic.sync(syncOf(follower)));
    await world.clock.run(29_999);
    expect(await world.state()).toBe("CompletingRebalance 2");
    await world.clock.run(2);
    expect(await waiting).toBe("REBALANCE_IN_PROGRESS");
    const next = await world.classic.join(joinOf({ ...patient, memberId: follower.memberId }));
    expect(next).toMatchObject({ generationId: 2, leader: follower.memberId });
    await world.syncAll([next]);
    await world.clock.run(60_000);
    expect(await world.state()).toBe("Stable 1");
  });

  test("a follower's, even if it is not silent: it is out", async () => {
    const world = await ClassicWorld.open();
    const [leader, follower] = await world.joined(joinOf(patient), joinOf(patient));
    if (leader === undefined || follower === undefined) return;
    await world.classic.sync(syncOf(leader));
    await world.clock.run(29_999);
    await world.classic.heartbeat(speaker(follower));
    await world.clock.run(2);
    expect(await codeOf(world.classic.heartbeat(speaker(follower)))).toBe("UNKNOWN_MEMBER_ID");
    expect(await world.state()).toBe("PreparingRebalance 1");
  });

  test("a rebalance before the assignment: those who wait for it join again", async () => {
    const world = await ClassicWorld.open();
    const [, follower] = await world.joined(joinOf(), joinOf());
    if (follower === undefined) return;
    const waiting = codeOf(world.classic.sync(syncOf(follower)));
    await settle();
    void codeOf(world.classic.join(joinOf({ protocols: [protocol("range", ["u"])] })));
    expect(await waiting).toBe("REBALANCE_IN_PROGRESS");
    expect(await world.state()).toBe("PreparingRebalance 3");
  });
});

test("classic rebalances: when all is closed no timer is left", async () => {
  const world = await ClassicWorld.open();
  await world.stable(joinOf(), joinOf());
  void codeOf(world.classic.join(joinOf()));
  await settle();
  await world.opened.groups.close();
  expect(world.clock.timerCount).toBe(0);
});

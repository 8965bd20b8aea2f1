import { describe, expect, test } from "vitest";
import { FakeClock } from "../support/fake-clock.ts";
import { GroupClient, openGroups } from "../support/group-world.ts";
import type { MemoryStateLog } from "../support/memory-state-log.ts";

const joining = { subscribedTopics: ["t"], sessionTimeoutMs: 1000, rebalanceTimeoutMs: 5000 };

async function world() {
  const opened = await openGroups();
  const clients = ["a", "b"].map((id) => new GroupClient(id, () => opened.groups));
  const [a, b] = clients;
  if (a === undefined || b === undefined) throw new Error("two clients");
  const members = async (): Promise<string[]> => {
    const { members: list } = await opened.groups.describe("g");
    return list.map(({ memberId }) => memberId);
  };
  return { ...opened, a, b, members };
}

describe("sessions", () => {
  test("a silent member: removed when its time is up, and its partitions are free", async () => {
    const { clock, a, b, members } = await world();
    await a.join(joining);
    await b.join({ ...joining, sessionTimeoutMs: 60_000 });
    await clock.run(999);
    expect(await members()).toEqual(["a", "b"]);
    await clock.run(1);
    expect(await members()).toEqual(["b"]);
    await b.heartbeat();
    expect(b.reading.size).toBe(4);
  });

  test("any heartbeat: gives the full time again; a refused one does not", async () => {
    const { clock, groups, a, members } = await world();
    await a.join(joining);
    await clock.run(900);
    await a.heartbeat();
    await clock.run(900);
    expect(await members()).toEqual(["a"]);
    expect((await groups.describe("g")).members[0]?.lastSeenMs).toBe(clock.nowMs() - 900);
    a.epoch = 99;
    await expect(a.heartbeat()).rejects.toThrow();
    await clock.run(100);
    expect(await members()).toEqual([]);
  });

  test("a member that left and joined again: the old deadline does not count", async () => {
    const { clock, a, members } = await world();
    await a.join(joining);
    await clock.run(600);
    await a.leave();
    expect(clock.timerCount).toBeLessThanOrEqual(2);
    await a.join(joining);
    await clock.run(600);
    expect(await members()).toEqual(["a"]);
  });

  test("a member that does not let go: removed after its rebalance timeout", async () => {
    const { clock, a, b, members } = await world();
    await a.join({ ...joining, sessionTimeoutMs: 60_000 });
    await b.join({ ...joining, sessionTimeoutMs: 60_000 });
    await a.heartbeat();
    for (let beats = 0; beats < 4; beats++) {
      await clock.run(1000);
      await a.heartbeat();
    }
    await clock.run(999);
    expect(await members()).toEqual(["a", "b"]);
    await clock.run(1);
    expect(await members()).toEqual(["b"]);
  });

  test("a member that lets go in time: stays", async () => {
    const { clock, a, b, members } = await world();
    await a.join({ ...joining, sessionTimeoutMs: 60_000 });
    await b.join({ ...joining, sessionTimeoutMs: 60_000 });
    await a.heartbeat();
    await clock.run(4000);
    a.letGo();
    await a.heartbeat();
    await clock.run(10_000);
    expect(await members()).toEqual(["a", "b"]);
  });

  test("a restart: members and epochs are there, with their full time", async () => {
    const { clock, groups, log, topics, a, b } = await world();
    await a.join({ ...joining, sessionTimeoutMs: 8000 });
    await b.join({ ...joining, sessionTimeoutMs: 8000 });
    await a.heartbeat();
    await clock.run(4500);
    await groups.close();
    const later = new FakeClock(clock.nowMs() + 1_000_000);
    const survivor = (log as MemoryStateLog).afterCrash();
    const opened = await openGroups({ log: survivor, topics, clock: later });
    const count = async () => (await opened.groups.describe("g")).members.length;
    const { members } = await opened.groups.describe("g");
    expect(members.map(({ memberEpoch }) => memberEpoch)).toEqual([1, 2]);
    expect(members[0]?.lastSeenMs).toBe(later.nowMs());
    await later.run(4999);
    expect(await count()).toBe(2);
    await later.run(1);
    expect(await count()).toBe(1);
    await later.run(3000);
    expect(await count()).toBe(0);
  });
});

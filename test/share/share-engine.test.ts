import { describe, expect, test } from "vitest";
import { LogError } from "../../src/base/error.ts";
import { fatesOf } from "../support/share-states.ts";
import { ShareWorld, valuesOf } from "../support/share-processes.ts";

describe("share engine: partitions", () => {
  test("begun at the start, or at the end, as the group wants it; places that are none are left out", async () => {
    const world = await ShareWorld.open();
    await world.topic("t");
    await world.appendEach("t", ["a", "b"]);
    const early = await world.group("early", { from: "earliest" });
    const late = await world.group("late");
    const places = [...world.places("t"), { topic: "none", partition: 0 }];
    const [one] = world.engine.begin(early, places);
    const [other, ...more] = world.engine.begin(late, places);
    expect([one?.header.frontier, other?.header.frontier, more]).toEqual([0, 2, []]);
    expect(world.engine.begin(late, places)).toEqual([other]);
  });

  test("a topic made anew under its name: begun anew, old receipts are void", async () => {
    const world = await ShareWorld.open();
    const group = await world.begun();
    await world.appendEach("t", ["old"]);
    expect(valuesOf(await world.deliver())).toEqual(["old"]);
    const { epoch } = world.partitionOf("g", "t").header;
    await world.broker.topics.delete("t");
    await world.topic("t");
    await world.appendEach("t", ["new"]);
    expect(valuesOf(await world.deliver())).toEqual(["new"]);
    expect(world.partitionOf("g", "t").header.epoch).toBeGreaterThan(epoch);
    expect(group.find("t", 0)).toBe(world.partitionOf("g", "t"));
  });

  test("a topic made anew: those who wait are woken by what is appended to it", async () => {
    const world = await ShareWorld.open();
    await world.begun();
    await world.deliver();
    await world.broker.topics.delete("t");
    await world.topic("t");
    const waiting = world.deliver({ waitMs: 60_000 });
    await world.settle();
    await world.appendEach("t", ["new"]);
    await world.settle();
    const clockStood = world.clock.monotonicMs();
    expect(valuesOf(await waiting)).toEqual(["new"]);
    expect(world.clock.monotonicMs()).toBe(clockStood);
  });
});

test("share engine: a group made anew before the removal of the old one is durable is looked after", async () => {
  const world = await ShareWorld.open();
  await world.begun();
  world.log.autoSync = false;
  const removed = world.groups.delete("g");
  await world.settle();
  const made = world.group("g", { from: "earliest" });
  world.engine.begin(world.engine.need("g"), world.places("t"));
  world.log.autoSync = true;
  world.log.sync();
  await Promise.all([removed, made]);
  let changes = 0;
  world.engine.onChange(() => changes++);
  await world.appendEach("t", ["a"]);
  await world.settle();
  expect(changes).toBeGreaterThan(0);
});

describe("share engine: time", () => {
  test("a lease that lapses while nobody asks: is counted, and time goes on", async () => {
    const world = await ShareWorld.open();
    await world.begun(1, { leaseMs: 3000 });
    await world.appendEach("t", ["a", "b"]);
    await world.deliver();
    await world.clock.run(2999);
    expect(world.partitionOf("g", "t").counts.leased).toBe(2);
    await world.clock.run(1);
    const partition = world.partitionOf("g", "t");
    expect([partition.counts.waiting, partition.header.counts.lapsed]).toEqual([2, 2]);
  });

  test("the wall clock jumps ahead: leases lapse within the next second", async () => {
    const world = await ShareWorld.open();
    await world.begun(1, { leaseMs: 3_600_000 });
    await world.appendEach("t", ["a"]);
    await world.deliver();
    world.clock.setWall(world.clock.nowMs() + 4_000_000);
    await world.clock.run(1000);
    expect(world.partitionOf("g", "t").counts.leased).toBe(0);
  });

  test("a log that refuses for a while: the sweep is done when it takes again", async () => {
    const world = await ShareWorld.open();
    await world.begun(1, { leaseMs: 1000 });
    await world.appendEach("t", ["a"]);
    await world.deliver();
    world.log.refusal = new LogError("DISK_FULL", "no room");
    await world.clock.run(2000);
    expect(world.partitionOf("g", "t").lapsed.size).toBe(1);
    world.log.refusal = null;
    await world.clock.run(1000);
    expect(world.partitionOf("g", "t").counts).toMatchObject({ leased: 0, waiting: 1 });
  });
});

describe("share engine: lives", () => {
  test("a start: leases and delays have the time that is left to them", async () => {
    const world = await ShareWorld.open();
    await world.begun(1, { leaseMs: 5000 });
    await world.appendEach("t", ["a", "b"]);
    await world.deliver({ max: 1 });
    await world.clock.run(2000);
    await world.restart();
    expect(valuesOf(await world.deliver())).toEqual(["b"]);
    await world.clock.run(2999);
    expect(await world.deliver()).toEqual([]);
    await world.clock.run(1);
    expect((await world.deliver()).map(({ deliveries }) => deliveries)).toEqual([2]);
  });

  test("snapshots while records come and go: every start finds the same state", async () => {
    const world = await ShareWorld.open();
    world.snapshotGrowthBytes = 2000;
    await world.restart();
    await world.begun(2, { leaseMs: 700 });
    for (let round = 0; round < 30; round++) {
      await world.appendEach("t", [`${round}a`, `${round}b`], round % 2);
      await world.deliver({ max: 1 + (round % 3) });
      await world.clock.run(100);
      const before = [0, 1].map((at) => world.partitionOf("g", "t", at));
      await world.die();
      for (const [at, partition] of before.entries()) {
        const found = world.partitionOf("g", "t", at);
        const { frontier } = partition.header;
        expect(found.header).toEqual(partition.header);
        expect(fatesOf(found, frontier)).toEqual(fatesOf(partition, frontier));
      }
    }
    expect(world.log.positions().logStartOffset).toBeGreaterThan(0);
  });

  test("no room for a change that was taken: the state is read again, and goes on", async () => {
    const world = await ShareWorld.open();
    await world.begun(1, { leaseMs: 60_000 });
    await world.appendEach("t", ["a"]);
    world.log.autoSync = false;
    const call = world.deliver();
    call.catch(() => undefined);
    await world.settle();
    world.log.fail(new LogError("DISK_FULL", "no room"));
    await expect(call).rejects.toMatchObject({ code: "DISK_FULL" });
    await world.settle();
    world.log.autoSync = true;
    expect(world.engine.state).toBe("ready");
    expect((await world.deliver()).map(({ deliveries }) => deliveries)).toEqual([1]);
  });

  test("closed: no timer is left, and nothing is taken any more", async () => {
    const world = await ShareWorld.open();
    await world.topic("t", 1);
    await world.appendEach("t", ["a"]);
    // The broker's own, which stay.
    const timers = world.clock.timerCount;
    await world.group("g", { from: "earliest", leaseMs: 500 });
    await world.deliver();
    expect(world.clock.timerCount).toBeGreaterThan(timers);
    await world.queues.close();
    await world.engine.close();
    await expect(world.deliver()).rejects.toMatchObject({ code: "SERVER_STOPPING" });
    await world.appendEach("t", ["b"]);
    // What the broker waits with for appends is its own.
    await world.clock.run(60_000);
    expect(world.clock.timerCount).toBeLessThanOrEqual(timers);
  });

  test("a group is forgotten: others, also of a longer name, are still woken", async () => {
    const world = await ShareWorld.open();
    await world.begun();
    await world.group("g h", { from: "earliest" });
    await world.deliver();
    const waiting = world.deliver({ group: "g h", waitMs: 60_000 });
    await world.settle();
    await world.groups.delete("g");
    await world.settle();
    await world.appendEach("t", ["a"]);
    await world.settle();
    let values: readonly (string | null)[] | null = null;
    void waiting.then((handed) => {
      values = valuesOf(handed);
    });
    await world.settle();
    expect(values).toEqual(["a"]);
  });
});

import { describe, expect, test } from "vitest";
import { LogError } from "../../src/base/error.ts";
import { SetBackWatch } from "../../src/share/set-back.ts";
import { FakeClock } from "../support/fake-clock.ts";
import { ShareWorld, valuesOf } from "../support/share-processes.ts";

const dayMs = 86_400_000;

describe("set back watch", () => {
  test("tells once by how much, and nothing of time that passes or jumps ahead", () => {
    const clock = new FakeClock(1_800_000_000_000);
    const watch = new SetBackWatch(clock, null);
    clock.advance(5000);
    expect(watch.look()).toBe(0);
    clock.setWall(clock.nowMs() + dayMs);
    expect(watch.look()).toBe(0);
    clock.advance(5000);
    clock.setWall(clock.nowMs() - dayMs);
    expect([watch.look(), watch.look()]).toEqual([dayMs, 0]);
  });

  test("a second is no jump", () => {
    const clock = new FakeClock(1_800_000_000_000);
    const watch = new SetBackWatch(clock, null);
    clock.setWall(clock.nowMs() - 1000);
    expect(watch.look()).toBe(0);
    clock.setWall(clock.nowMs() - 1001);
    expect(watch.look()).toBe(1001);
  });

  test("an earlier process saw a later time: set back; an earlier one: the server was off", () => {
    const clock = new FakeClock(1_800_000_000_000);
    expect(new SetBackWatch(clock, clock.nowMs() + dayMs).look()).toBe(dayMs);
    expect(new SetBackWatch(clock, clock.nowMs() - dayMs).look()).toBe(0);
  });
});

async function worldWithLeases() {
  const world = await ShareWorld.open();
  await world.begun(1, { leaseMs: 5000 });
  const deliverAt = { key: "varve-deliver-at", value: `${world.clock.nowMs() + dayMs}` };
  await world.appendEach("t", ["held", "lapses"]);
  await world.append("t", [{ value: "at a time of day", headers: [deliverAt] }]);
  return world;
}

const setBack = ({ clock }: ShareWorld, ms: number): void => clock.setWall(clock.nowMs() - ms);

describe("a clock that is set back", () => {
  test("while it runs: a lease lasts for what is left of it, no longer and no shorter", async () => {
    const world = await worldWithLeases();
    await world.deliver();
    await world.clock.run(2000);
    setBack(world, dayMs);
    await world.clock.run(2999);
    expect(world.partitionOf("g", "t").counts.leased).toBe(2);
    await world.clock.run(1);
    expect(world.partitionOf("g", "t").counts.leased).toBe(0);
    expect(valuesOf(await world.deliver())).toEqual(["held", "lapses"]);
  });

  test("a lease given by the new time is not touched, whoever notices first", async () => {
    const world = await worldWithLeases();
    await world.deliver({ max: 1 });
    setBack(world, dayMs);
    expect(valuesOf(await world.deliver({ max: 1 }))).toEqual(["lapses"]);
    await world.clock.run(4999);
    expect(world.partitionOf("g", "t").counts.leased).toBe(2);
    await world.clock.run(1);
    expect(world.partitionOf("g", "t").counts.leased).toBe(0);
  });

  test("the pause before another try ends when it was to end", async () => {
    const world = await ShareWorld.open();
    await world.queue();
    await world.appendEach("q", ["again"]);
    const nack = (await world.receive()).map((receipt) => {
      return { kind: "nack" as const, receipt, delayMs: 9000, reason: "" };
    });
    await world.queues.settle("q", nack);
    await world.clock.run(4000);
    setBack(world, dayMs);
    await world.clock.run(4999);
    expect(await world.receive()).toEqual([]);
    await world.clock.run(1);
    expect(valuesOf(await world.receive())).toEqual(["again"]);
  });

  test("who waits for a time of day waits for it", async () => {
    const world = await worldWithLeases();
    await world.deliver();
    setBack(world, 1000 * dayMs);
    await world.clock.run(20_000);
    expect(valuesOf(await world.deliver())).toEqual(["held", "lapses"]);
    world.clock.setWall(world.clock.nowMs() + 1001 * dayMs);
    expect(valuesOf(await world.deliver())).toContain("at a time of day");
  });

  test("between two processes: told by the last that the first one wrote; what went by since comes on top", async () => {
    const world = await worldWithLeases();
    await world.deliver();
    await world.clock.run(2000);
    setBack(world, dayMs);
    await world.die();
    await world.clock.run(4999);
    expect(world.partitionOf("g", "t").counts.leased).toBe(2);
    await world.clock.run(1);
    expect(world.partitionOf("g", "t").counts.leased).toBe(0);
    // The state says so as well: the next process has nothing to find out.
    await world.die();
    expect(valuesOf(await world.deliver())).toEqual(["held", "lapses"]);
  });

  test("more leases than one command takes: each of them", async () => {
    const world = await ShareWorld.open();
    await world.begun(1, { leaseMs: 5000 });
    // Neighbours of two priorities, so that each has a run of its own.
    const records = Array.from({ length: 2500 }, (_, at) => {
      return { value: `${at}`, headers: [{ key: "varve-priority", value: `${at % 2}` }] };
    });
    await world.append("t", records);
    await world.deliver({ max: 2500 });
    expect(world.partitionOf("g", "t").runCount).toBe(2500);
    setBack(world, dayMs);
    await world.clock.run(5000);
    expect(world.partitionOf("g", "t").counts).toMatchObject({ leased: 0, waiting: 2500 });
  });

  test("a log that refuses meanwhile: leases last until the old time, and end then", async () => {
    const world = await worldWithLeases();
    await world.deliver();
    world.log.refusal = new LogError("DISK_FULL", "no room");
    setBack(world, 20_000);
    await world.clock.run(3000);
    world.log.refusal = null;
    await world.clock.run(21_999);
    expect(world.partitionOf("g", "t").counts.leased).toBe(2);
    await world.clock.run(1);
    expect(world.partitionOf("g", "t").counts.leased).toBe(0);
  });
});

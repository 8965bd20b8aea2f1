import { describe, expect, test } from "vitest";
import { LogError } from "../../src/base/error.ts";
import { PartitionChanges } from "../../src/share/changes.ts";
import { givenUp } from "../../src/share/giving-up.ts";
import { ShareWorld } from "../support/share-processes.ts";

const settings = { topic: "t", deadLetterTopic: "t.dead" };

/** Gives records of `t-0` up, durably; the mover is off by then. */
async function giveUp(world: ShareWorld, offsets: readonly number[]): Promise<void> {
  const group = world.engine.need("g");
  const partition = world.partitionOf("g", "t");
  await world.engine.scanner.scan(group, partition, Infinity);
  const changes = new PartitionChanges("g", partition);
  for (const offset of offsets) {
    const run = partition.find(offset);
    if (run === null) throw new Error("there is no run");
    givenUp(changes, { first: offset, last: offset, fate: run.fate }, { group, reason: "why" });
  }
  const events = changes.events();
  await world.engine.run("g", () => ({ events, reply: undefined }));
}

async function letters(world: ShareWorld, topic = "t.dead"): Promise<readonly (string | null)[]> {
  return (await world.read(topic)).map(({ value }) => value);
}

async function worldOf(values: readonly string[]): Promise<ShareWorld> {
  const world = await ShareWorld.open();
  await world.begun(1, settings);
  await world.appendEach("t", values);
  return world;
}

describe("mover", () => {
  test("what leaves: is in the dead letters with its story, and settled where it was", async () => {
    const world = await worldOf(["a", "b", "c"]);
    await giveUp(world, [0, 2]);
    await world.settle();
    const found = await world.read("t.dead");
    expect(found.map(({ value }) => value)).toEqual(["a", "c"]);
    expect(found[1]?.headers).toContainEqual({ key: "varve-dead-offset", value: "2" });
    expect(found[1]?.timestampMs).toBe(world.clock.nowMs());
    const partition = world.partitionOf("g", "t");
    expect([partition.leaving.size, partition.move, partition.runCount]).toEqual([0, null, 1]);
    expect(world.source.topic("t.dead")?.partitionCount).toBe(1);
  });

  test("many: in batches, all of them, each once", async () => {
    const world = await worldOf(Array.from({ length: 250 }, (_, at) => `${at}`));
    const group = world.engine.need("g");
    await giveUp(
      world,
      Array.from({ length: 250 }, (_, at) => at),
    );
    await world.engine.mover.settled(group, world.partitionOf("g", "t"));
    const found = await letters(world);
    expect(found.length).toBe(250);
    expect(new Set(found).size).toBe(250);
    expect(world.source.produces.length).toBeGreaterThan(1);
  });

  test.each(["before the append", "after the append", "after the end was decided"])(
    "death %s: after the restart each record is there once",
    async (when) => {
      const world = await worldOf(["a", "b"]);
      const { source, log } = world;
      let isReached = false;
      const stop = async (): Promise<void> => {
        isReached = true;
        if (when === "after the end was decided") log.autoSync = false;
        else await new Promise(() => undefined);
      };
      if (when === "before the append") source.beforeProduce = stop;
      else source.afterProduce = stop;
      await giveUp(world, [0, 1]);
      await world.settle();
      expect(isReached).toBe(true);
      await world.die();
      expect(world.partitionOf("g", "t").move).not.toBeNull();
      await world.settle();
      expect(await letters(world)).toEqual(["a", "b"]);
      expect(world.partitionOf("g", "t").runCount).toBe(0);
      await world.append("t", [{ value: "c" }]);
      await giveUp(world, [2]);
      await world.settle();
      expect(await letters(world)).toEqual(["a", "b", "c"]);
    },
  );

  test("death before the plan was durable: nothing was appended, and it is planned again", async () => {
    const world = await worldOf(["a"]);
    let plans = 0;
    const inner = world.log.append.bind(world.log);
    world.log.append = (events, timestampMs) => {
      const isPlan = events.some(({ key }) => Buffer.from(key).toString().includes('"move"'));
      if (isPlan && plans++ === 0) world.log.autoSync = false;
      return inner(events, timestampMs);
    };
    await giveUp(world, [0]);
    await world.settle();
    expect(plans).toBe(1);
    expect(world.source.produces).toEqual([]);
    await world.die();
    await world.settle();
    expect(await letters(world)).toEqual(["a"]);
  });

  test("an append that fails: is tried again in a while", async () => {
    const world = await worldOf(["a"]);
    world.source.beforeProduce = () => {
      throw new LogError("DISK_FULL", "no room");
    };
    await giveUp(world, [0]);
    await world.settle();
    expect(world.partitionOf("g", "t").leaving.size).toBe(1);
    world.source.beforeProduce = null;
    await world.clock.run(2000);
    expect(await letters(world)).toEqual(["a"]);
    expect(world.partitionOf("g", "t").runCount).toBe(0);
  });

  test("a partition that does not know the producer: a new plan, each record once", async () => {
    const world = await worldOf(["a", "b"]);
    await giveUp(world, [0]);
    await world.settle();
    await world.broker.topics.delete("t.dead");
    await giveUp(world, [1]);
    await world.settle();
    await world.clock.run(3000);
    expect(await letters(world)).toEqual(["b"]);
    expect(world.partitionOf("g", "t").runCount).toBe(0);
  });

  test("put back: to the partitions the letters came from, each once", async () => {
    const world = await ShareWorld.open();
    const group = await world.begun(2, settings);
    await world.topic("t.dead");
    const [dead] = world.engine.begin(group, world.places("t.dead"));
    if (dead === undefined) throw new Error("it was not begun");
    const letter = (value: string, partition: number) => ({
      value,
      headers: [
        { key: "varve-dead-queue", value: "g" },
        { key: "varve-dead-topic", value: "t" },
        { key: "varve-dead-partition", value: String(partition) },
      ],
    });
    await world.append("t.dead", [letter("a", 1), letter("b", 0), letter("c", 1)]);
    await world.engine.scanner.scan(group, dead, Infinity);
    const changes = new PartitionChanges("g", dead);
    for (const { first, last, fate } of dead.within({ first: 0, last: 9 })) {
      changes.assign({ first, last }, { ...fate, phase: "leaving" });
    }
    const events = changes.events();
    await world.engine.run("g", () => ({ events, reply: undefined }));
    await world.engine.mover.settled(group, dead);
    expect((await world.read("t", 1)).map(({ value, headers }) => [value, headers])).toEqual([
      ["a", [{ key: "varve-for-queue", value: "g" }]],
      ["c", [{ key: "varve-for-queue", value: "g" }]],
    ]);
    expect((await world.read("t", 0)).map(({ value }) => value)).toEqual(["b"]);
    expect(dead.runCount).toBe(0);
  });

  test("a group that goes while its records leave: nothing of it comes back", async () => {
    const world = await worldOf(["a"]);
    let release: () => void = () => undefined;
    const gate = new Promise<void>((resolve) => {
      release = resolve;
    });
    world.source.beforeProduce = () => gate;
    await giveUp(world, [0]);
    await world.settle();
    await world.groups.delete("g");
    release();
    await world.settle();
    expect(world.engine.find("g")).toBeNull();
    await world.die();
    expect(world.engine.find("g")).toBeNull();
  });
});

import { describe, expect, test } from "vitest";
import { seededRandom } from "../../src/base/random.ts";
import type { Engine } from "../../src/engine.ts";
import { createTopic, openTestEngine, outcomeOf, produce, readValues } from "../support/engines.ts";
import { settle } from "../support/fake-clock.ts";
import { FaultyDisk } from "../support/faulty-disk.ts";

/** A small life of topics: each step may be the last. */
const steps: readonly ((engine: Engine) => Promise<unknown>)[] = [
  (engine) => createTopic(engine, "first", { partitions: 2, configs: { "retention.ms": "-1" } }),
  async (engine) => {
    const { error } = await produce(engine, { topic: "first", values: ["a"] });
    if (error !== null) throw new Error(error);
  },
  (engine) => engine.services.topics.alterConfigs("first", { "segment.bytes": "2048" }),
  (engine) => createTopic(engine, "second"),
  (engine) => engine.services.topics.createPartitions("first", 4),
  (engine) => engine.services.topics.delete("second"),
  (engine) => createTopic(engine, "second", { partitions: 3 }),
  (engine) => engine.services.topics.delete("first"),
];

/** Everything that can be seen of the topics after a number of whole steps. */
async function shown(engine: Engine): Promise<string> {
  const lines: string[] = [];
  for (const { name } of await engine.services.topics.list()) {
    if (name.startsWith("__")) continue;
    const { partitionCount, partitions, configs } = await engine.services.topics.describe(name);
    const own = configs.filter((entry) => entry.source === "topic");
    const text = own.map((entry) => `${entry.name}=${entry.value}`).join();
    const ends = partitions.map((partition) => partition.highWatermark).join();
    lines.push(`${name} ${partitionCount} [${text}] ${ends}`);
  }
  return lines.join("\n");
}

/** Runs the steps until the disk stops; resolves to how many ended well. */
async function runSteps(disk: FaultyDisk): Promise<number> {
  let count = 0;
  try {
    const { engine } = await openTestEngine({ disk, seed: 3 });
    for (const step of steps) {
      await step(engine);
      count++;
    }
  } catch {
    // The machine has stopped: what is left is on the disk.
  }
  await settle(20);
  return count;
}

describe("catalog start: a crash at every disk operation", () => {
  test("each topic is there as before the step or as after it, and can be used", async () => {
    // What each prefix of the steps shows, from a run without faults.
    const states: string[] = [];
    const { engine, disk: calm } = await openTestEngine({ seed: 3 });
    states.push(await shown(engine));
    for (const step of steps) {
      await step(engine);
      states.push(await shown(engine));
    }
    const operationCount = calm.operationCount;
    const random = seededRandom(11);
    // Every operation twice would take too long here: each kind of stop takes its own sixth of them.
    let crashes = 0;
    for (const [first, effect] of [
      [1, "halt-before"],
      [4, "halt-after"],
    ] as const) {
      for (let nth = first; nth <= operationCount; nth += 6) {
        const disk = new FaultyDisk();
        disk.plan({ nth, effect });
        const count = await runSteps(disk);
        const survivor = random.below(2) === 0 ? disk.kill() : disk.crash(random);
        const label = `stop ${effect} ${nth}, after ${count} steps`;
        const reopened = await openTestEngine({ disk: survivor, seed: 4 });
        const now = await shown(reopened.engine);
        const allowed = [states[count], states[Math.min(count + 1, steps.length)]];
        expect(allowed, label).toContain(now);
        expect((await reopened.engine.services.health()).problems, label).toEqual([]);
        // The start may have left work behind: another must show the same.
        await createTopic(reopened.engine, "third");
        expect(
          (await produce(reopened.engine, { topic: "third", values: ["z"] })).error,
          label,
        ).toBeNull();
        await reopened.engine.close();
        const again = await openTestEngine({ disk: survivor, seed: 5 });
        expect(await readValues(again.engine, "third"), label).toEqual(["z"]);
        expect(now + (now === "" ? "" : "\n") + "third 1 [] 1", label).toBe(
          await shown(again.engine),
        );
        crashes++;
      }
    }
    expect(crashes).toBeGreaterThan(60);
  });
});

describe("catalog start: directories", () => {
  test("of no topic: set aside and never removed", async () => {
    const { engine, disk } = await openTestEngine();
    await createTopic(engine, "orders");
    await produce(engine, { topic: "orders", values: ["a"] });
    await engine.close();
    const bytes = Buffer.from("precious");
    disk.setContents("/data/stranger-0/00000000000000000000.log", bytes);
    const again = await openTestEngine({ disk });
    const aside = disk.paths().find((path) => path.startsWith("/data/stranger-0"));
    expect(aside).toMatch(/^\/data\/stranger-0\.[0-9a-f]{32}-stray\/0+\.log$/);
    expect(Buffer.from(disk.contents(aside ?? "") ?? []).toString()).toBe("precious");
    expect(await readValues(again.engine, "orders")).toEqual(["a"]);
  });

  test("gone: the partition is unavailable, not made anew, others are served", async () => {
    const { engine, disk } = await openTestEngine();
    await createTopic(engine, "orders", { partitions: 2 });
    await produce(engine, { topic: "orders", partition: 1, values: ["a"] });
    await engine.close();
    await disk.remove("/data/orders-0");
    const again = await openTestEngine({ disk });
    expect((await produce(again.engine, { topic: "orders", values: ["b"] })).error).toBe(
      "KAFKA_STORAGE_ERROR",
    );
    expect(await readValues(again.engine, "orders", 1)).toEqual(["a"]);
    const { ready, problems } = await again.engine.services.health();
    expect(ready).toBe(false);
    expect(problems.join()).toMatch(/orders-0 .*missing/);
    expect(disk.paths().filter((path) => path.includes("orders-0"))).toEqual([]);
    // The operator may give up on it: deleting and creating works.
    await again.engine.services.topics.delete("orders");
    await createTopic(again.engine, "orders", { partitions: 2 });
    expect((await produce(again.engine, { topic: "orders", values: ["b"] })).error).toBeNull();
    expect((await again.engine.services.health()).ready).toBe(true);
  });

  test("of another incarnation: is not taken for the topic's", async () => {
    const { engine, disk } = await openTestEngine();
    await createTopic(engine, "orders");
    await engine.close();
    const text = "version: 0\ntopic_id: -B1Prn3sQdCnZQCgyR5r9g\n";
    disk.setContents("/data/orders-0/partition.metadata", Buffer.from(text));
    const again = await openTestEngine({ disk });
    expect((await again.engine.services.health()).problems.join()).toMatch(/orders-0/);
  });

  test("the catalog itself gone beside partitions: refuses, touches nothing", async () => {
    const { engine, disk } = await openTestEngine();
    await createTopic(engine, "orders");
    await engine.close();
    await disk.remove("/data/__cluster_metadata-0");
    const before = disk.paths().filter((path) => path.includes("orders"));
    expect(await outcomeOf(openTestEngine({ disk }))).toBe("KAFKA_STORAGE_ERROR");
    expect(disk.paths().filter((path) => path.includes("orders"))).toEqual(before);
  });
});

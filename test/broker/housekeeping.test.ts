import { describe, expect, test } from "vitest";
import { createTopic, openTestEngine, produce, readAll } from "../support/engines.ts";
import { settle } from "../support/fake-clock.ts";

const small = { "segment.bytes": "1024", "file.delete.delay.ms": "0" };

async function fill(engine: Parameters<typeof produce>[0], topic: string, count: number) {
  for (let index = 0; index < count; index++) {
    const { error } = await produce(engine, { topic, values: ["x".repeat(400)] });
    expect(error).toBeNull();
  }
}

describe("housekeeping: retention", () => {
  test("by size: oldest segments go at the interval, the newest records stay", async () => {
    const settings = { retentionCheckIntervalMs: 60_000 };
    const { engine, clock } = await openTestEngine({ settings });
    await createTopic(engine, "orders", { configs: { ...small, "retention.bytes": "2000" } });
    await createTopic(engine, "kept", { configs: small });
    await fill(engine, "orders", 20);
    await fill(engine, "kept", 20);
    await clock.run(59_999);
    expect((await readAll(engine, "orders")).length).toBe(20);
    await clock.run(1);
    await settle(100);
    const left = await readAll(engine, "orders");
    expect(left.length).toBeLessThan(20);
    expect(left.at(-1)?.offset).toBe(19);
    const { partitions } = await engine.services.topics.describe("orders");
    expect(partitions[0]?.sizeBytes).toBeGreaterThanOrEqual(2000);
    expect(partitions[0]?.logStartOffset).toBe(left[0]?.offset);
    expect((await readAll(engine, "kept")).length).toBe(20);
    await engine.close();
  });

  test("a changed setting: is obeyed by the next round, by the active segment too", async () => {
    const { engine, clock } = await openTestEngine();
    await createTopic(engine, "orders", { configs: { ...small, "retention.ms": "-1" } });
    await fill(engine, "orders", 5);
    clock.advance(3_600_000);
    await engine.applyRetention();
    expect((await readAll(engine, "orders")).length).toBe(5);
    await engine.services.topics.alterConfigs("orders", { "retention.ms": "1000" });
    await engine.applyRetention();
    expect(await readAll(engine, "orders")).toEqual([]);
    const result = await produce(engine, { topic: "orders", values: ["next"] });
    expect(result.baseOffset).toBe(5);
    await engine.close();
  });

  test("one log fails: the others are looked after", async () => {
    const { engine, disk, clock } = await openTestEngine();
    const configs = { ...small, "retention.ms": "1000" };
    await createTopic(engine, "first", { configs });
    await createTopic(engine, "second", { configs });
    await fill(engine, "first", 5);
    await fill(engine, "second", 5);
    clock.advance(3_600_000);
    disk.plan({ path: /first-0/, effect: "fail", times: 1000 });
    await engine.applyRetention();
    expect(await readAll(engine, "second")).toEqual([]);
    await engine.close();
  });
});

describe("housekeeping: deleted topics", () => {
  test("directories left by an earlier process: are removed at the start", async () => {
    const { engine, disk } = await openTestEngine();
    await createTopic(engine, "orders");
    await engine.services.topics.delete("orders");
    const survivor = disk.kill();
    expect(survivor.paths().some((path) => path.includes("-delete/"))).toBe(true);
    const again = await openTestEngine({ disk: survivor, seed: 2 });
    await settle(50);
    expect(survivor.paths().filter((path) => path.includes("orders"))).toEqual([]);
    await again.engine.close();
  });

  test("the disk refuses to remove: tried again after the next delete", async () => {
    const { engine, disk, clock } = await openTestEngine();
    const configs = { "file.delete.delay.ms": "10" };
    await createTopic(engine, "orders", { configs });
    await createTopic(engine, "others", { configs });
    disk.plan({ kind: "remove", path: /-delete/, effect: "fail" });
    await engine.services.topics.delete("orders");
    await clock.run(10);
    await settle(50);
    expect(disk.paths().some((path) => path.includes("-delete/"))).toBe(true);
    await engine.services.topics.delete("others");
    await clock.run(10);
    await settle(50);
    expect(disk.paths().some((path) => path.includes("-delete/"))).toBe(false);
    await engine.close();
  });
});

describe("housekeeping: closing", () => {
  test("during a round: ends after the log at hand and leaves no timer", async () => {
    const { engine, disk, clock } = await openTestEngine();
    const configs = { ...small, "retention.ms": "1000" };
    for (const name of ["a", "b", "c"]) {
      await createTopic(engine, name, { configs });
      await fill(engine, name, 3);
    }
    clock.advance(3_600_000);
    const release = disk.hold({ kind: "syncDirectory", path: /a-0/ });
    const round = engine.applyRetention();
    await settle();
    const closed = engine.close();
    await settle();
    release();
    await Promise.all([round, closed]);
    const before = disk.operationCount;
    await engine.applyRetention();
    expect(disk.operationCount).toBe(before);
    expect(clock.timerCount).toBe(0);
  });
});

import { describe, expect, test } from "vitest";
import type { Engine } from "../../src/engine.ts";
import { offsetsTopicName } from "../../src/broker/topic-name.ts";
import { batchOf, recordsOf } from "../support/batches.ts";
import { createTopic, openTestEngine } from "../support/engines.ts";
import { settle } from "../support/fake-clock.ts";

const compacted = {
  "cleanup.policy": "compact",
  "segment.bytes": "1024",
  "min.cleanable.dirty.ratio": "0.1",
};

async function fill(engine: Engine, topic: string, count = 40): Promise<void> {
  for (let index = 0; index < count; index++) {
    const batches = [batchOf([{ key: `k${index % 3}`, value: "x".repeat(60) + index }])];
    const [result] = await engine.services.data.produce({
      acks: -1,
      partitions: [{ topic, partition: 0, batches, expectedEndOffset: null }],
    });
    expect(result?.error).toBeNull();
  }
}

async function countOf(engine: Engine, topic: string): Promise<number> {
  let count = 0;
  for (let next = 0; ; ) {
    const read = await engine.services.data.fetch({
      maxWaitMs: 0,
      minBytes: 0,
      maxBytes: 1 << 20,
      isolation: "read_uncommitted",
      partitions: [{ topic, partition: 0, fetchOffset: next, maxBytes: 1 << 20 }],
      signal: null,
    });
    const records = recordsOf(read.partitions[0]?.batches ?? new Uint8Array(0));
    read.release();
    if (records.length === 0) return count;
    count += records.length;
    next = (records.at(-1)?.offset ?? 0) + 1;
  }
}

describe("compactor", () => {
  test("at the interval: topics that ask for it are compacted, others are not", async () => {
    const { engine, clock } = await openTestEngine();
    await createTopic(engine, "plain", { configs: { "segment.bytes": "1024" } });
    await createTopic(engine, "table", { configs: compacted });
    await fill(engine, "plain");
    await fill(engine, "table");
    await clock.run(14_000);
    await settle(100);
    expect(await countOf(engine, "table")).toBe(40);
    await clock.run(2_000);
    await settle(300);
    expect(await countOf(engine, "plain")).toBe(40);
    expect(await countOf(engine, "table")).toBeLessThan(20);
    const { compaction } = engine.gauges();
    expect(compaction).toMatchObject({ runs: 1, errors: 0, dirtyRatio: 0, dirtyBytes: 0 });
    expect(compaction.bytesRemoved).toBeGreaterThan(1000);
    expect(compaction.lastRunMs).toBeGreaterThan(0);
    await engine.close();
  });

  test("no faster than it may: what it does takes its time, and the end does not wait for it", async () => {
    const settings = { compactionBytesPerSecond: 1000 };
    const { engine, clock, disk } = await openTestEngine({ settings });
    await createTopic(engine, "table", { configs: compacted });
    await fill(engine, "table");
    const run = engine.compact();
    await clock.run(2000);
    await settle(100);
    expect(engine.gauges().compaction.runs).toBe(0);
    await engine.close();
    await run;
    const again = await openTestEngine({ disk: disk.kill(), clock, settings });
    expect(await countOf(again.engine, "table")).toBe(40);
    const whole = again.engine.compact();
    await clock.run(60_000);
    await whole;
    expect(again.engine.gauges().compaction.runs).toBe(1);
    await again.engine.close();
  });

  test("a config that changes: is obeyed from the next look on", async () => {
    const { engine } = await openTestEngine();
    await createTopic(engine, "table", { configs: { ...compacted, "cleanup.policy": "delete" } });
    await fill(engine, "table");
    await engine.compact();
    expect(await countOf(engine, "table")).toBe(40);
    await engine.services.topics.alterConfigs("table", { "cleanup.policy": "compact,delete" });
    await engine.compact();
    expect(await countOf(engine, "table")).toBeLessThan(20);
    await engine.close();
  });

  test("damage: is counted, the other logs are compacted all the same", async () => {
    const { engine, disk, clock } = await openTestEngine();
    await createTopic(engine, "bad", { configs: compacted });
    await createTopic(engine, "good", { configs: compacted });
    await fill(engine, "bad");
    await fill(engine, "good");
    await engine.close();
    const survivor = disk.kill();
    const path = "/data/bad-0/00000000000000000000.log";
    const bytes = survivor.contents(path) ?? new Uint8Array(0);
    bytes[80] = (bytes[80] ?? 0) ^ 1;
    survivor.setContents(path, bytes);
    const again = await openTestEngine({ disk: survivor, clock });
    await again.engine.compact();
    expect(again.engine.gauges().compaction).toMatchObject({ runs: 1, errors: 1 });
    expect(await countOf(again.engine, "good")).toBeLessThan(20);
    expect(Buffer.from(survivor.contents(path) ?? [])).toEqual(Buffer.from(bytes));
    await again.engine.close();
  });

  test("a topic that is deleted meanwhile: the run ends without a word", async () => {
    const settings = { compactionBytesPerSecond: 1000 };
    const { engine, clock } = await openTestEngine({ settings });
    await createTopic(engine, "table", { configs: compacted });
    await fill(engine, "table");
    const run = engine.compact();
    await clock.run(1000);
    await engine.services.topics.delete("table");
    await run;
    expect(engine.gauges().compaction).toMatchObject({ runs: 0, errors: 0 });
    await engine.close();
  });

  test("the server's own topics: never by key, for their events are not one a key", async () => {
    const { engine } = await openTestEngine({
      settings: { topicDefaults: { "cleanup.policy": "compact" } },
    });
    const { configs } = await engine.services.topics.describe(offsetsTopicName);
    expect(configs.find(({ name }) => name === "cleanup.policy")?.value).toBe("");
    await engine.close();
  });
});

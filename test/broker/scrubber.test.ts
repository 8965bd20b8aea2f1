import { describe, expect, test } from "vitest";
import { Partition } from "../../src/broker/partition.ts";
import { damageText, Scrubber } from "../../src/broker/scrubber.ts";
import { parseConfigs, settingsOf } from "../../src/broker/topic-config.ts";
import { Topics, topicFrom } from "../../src/broker/topics.ts";
import { seededRandom } from "../../src/base/random.ts";
import { createTopic, openTestEngine, produce } from "../support/engines.ts";
import { FakeClock, settle } from "../support/fake-clock.ts";
import { FaultyDisk } from "../support/faulty-disk.ts";
import { batchOfSize, KeptLogger, LogFixture } from "../support/log-fixture.ts";

const configs = parseConfigs({});
const settings = settingsOf(configs, new Map());

async function world(bytesPerSecond: number, intervalMs = 100_000) {
  const clock = new FakeClock();
  const disk = new FaultyDisk();
  const log = await new LogFixture({ disk, clock }).open();
  for (let count = 0; count < 5; count++) await log.append([batchOfSize(400)]).durable;
  const topics = new Topics();
  const partition = new Partition({ topic: "t", partition: 0, log, problem: null, settings });
  topics.set(topicFrom({ name: "t", topicId: "x", configs, settings, partitions: [partition] }));
  const scrubber = new Scrubber({
    topics,
    clock,
    random: seededRandom(1),
    logger: new KeptLogger(),
    bytesPerSecond,
    intervalMs,
  });
  return { clock, scrubber, log, partition };
}

describe("scrubber", () => {
  test("no faster than its rate, again after the interval", async () => {
    const { clock, scrubber } = await world(800);
    scrubber.start();
    await clock.run(59_999);
    expect(scrubber.gauges()).toMatchObject({ scrubbedBytes: 0, lastPassMs: -1 });
    await clock.run(1);
    await settle();
    // Two segments of 800 bytes, a second each.
    await clock.run(1500);
    expect(scrubber.gauges()).toMatchObject({ scrubbedBytes: 1600, lastPassMs: -1 });
    await clock.run(600);
    const { lastPassMs } = scrubber.gauges();
    expect(lastPassMs).toBeGreaterThan(0);
    await clock.run(97_000);
    expect(scrubber.gauges().scrubbedBytes).toBe(1600);
    await clock.run(4000);
    expect(scrubber.gauges().scrubbedBytes).toBe(3200);
    await scrubber.close();
  });

  test("off: nothing is read", async () => {
    const { clock, scrubber } = await world(0);
    scrubber.start();
    expect(clock.timerCount).toBe(0);
    await scrubber.close();
  });

  test("closing in the middle of a wait: at once, and nothing is set any more", async () => {
    const { clock, scrubber } = await world(1);
    const timers = clock.timerCount;
    const pass = scrubber.run();
    await settle();
    expect(clock.timerCount).toBeGreaterThan(timers);
    await scrubber.close();
    await pass;
    expect(clock.timerCount).toBe(timers);
    expect(scrubber.gauges().lastPassMs).toBe(-1);
    await scrubber.run();
  });
});

test("an engine with a rotten segment: shown with its topic, among the warnings and in the gauges; still ready", async () => {
  const { engine, disk } = await openTestEngine({ settings: { scrubMibPerSecond: 0 } });
  await createTopic(engine, "t", { configs: { "segment.bytes": "1024" } });
  const values = ["a", "b", "c", "d"].map((value) => value.repeat(400));
  for (const value of values) await produce(engine, { topic: "t", values: [value] });
  const path = `/data/t-0/${"0".repeat(20)}.log`;
  const bytes = disk.contents(path) ?? new Uint8Array();
  bytes[100] = (bytes[100] ?? 0) ^ 1;
  disk.setContents(path, bytes);
  await engine.scrub();
  const [partition] = (await engine.services.topics.describe("t")).partitions;
  const place = { position: 0, fromOffset: 0, toOffset: 1, what: "checksum" };
  expect(partition?.damage).toEqual([{ file: `${"0".repeat(20)}.log`, ...place }]);
  const { ready, warnings } = await engine.services.health();
  expect(ready).toBe(true);
  expect(warnings).toEqual([
    `t-0/${"0".repeat(20)}.log is damaged at position 0 (checksum): offsets 0 to 0 cannot be read`,
  ]);
  expect(engine.gauges().damagedSegments).toBe(1);
  await engine.close();
});

test("a damaged place as text", () => {
  const place = { position: 7, fromOffset: 3, toOffset: 9, what: "length" } as const;
  expect(damageText({ file: "/a/b/t-0/x.log", ...place })).toBe(
    "t-0/x.log is damaged at position 7 (length): offsets 3 to 8 cannot be read",
  );
});

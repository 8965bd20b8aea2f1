import { expect, test } from "vitest";
import { createTopic, openTestEngine, produce } from "../support/engines.ts";

// Its parts are tested by themselves; here, that all of them are begun and ended.
test("begun with the broker, asked by the engine, ended with it", async () => {
  const { engine, clock } = await openTestEngine({ settings: { scrubIntervalMs: 1000 } });
  const configs = { "cleanup.policy": "compact", "segment.bytes": "2048" };
  await createTopic(engine, "t", { configs });
  for (let count = 0; count < 20; count++) {
    await produce(engine, { topic: "t", key: "k", values: [`${count}`.padEnd(500, ".")] });
  }
  await engine.applyRetention();
  await engine.scrub();
  expect(engine.gauges().scrubbedBytes).toBeGreaterThan(0);
  await engine.compact();
  expect(engine.gauges().compaction.runs).toBe(1);
  await engine.close();
  const { scrubbedBytes, compaction } = engine.gauges();
  await clock.run(120_000);
  expect(engine.gauges()).toMatchObject({ scrubbedBytes, compaction });
});

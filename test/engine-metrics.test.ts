import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Registry } from "prom-client";
import { expect, test } from "vitest";
import { LogError } from "../src/base/error.ts";
import { openEngine } from "../src/engine.ts";
import { EngineMetrics } from "../src/engine-metrics.ts";
import { batchOf } from "./support/batches.ts";

test("engine metrics: after a produce and a commit: show records, syncs and the group's lag", async () => {
  const path = mkdtempSync(join(tmpdir(), "varve-metrics-"));
  const registry = new Registry();
  const metrics = new EngineMetrics(registry);
  const engine = await openEngine({ path, observer: metrics });
  metrics.watch(engine);
  const { data, groups, topics } = engine.services;
  await topics.ensure("seen");
  const records = [1, 2, 3].map((number) => ({ key: null, value: `v${number}` }));
  const part = {
    topic: "seen",
    partition: 0,
    batches: [batchOf(records)],
    expectedEndOffset: null,
  };
  await data.produce({ acks: -1, partitions: [part] });
  await groups.commitOffsets({
    group: "readers",
    memberId: "",
    memberEpoch: -1,
    offsets: [{ topic: "seen", partition: 0, offset: 1, metadata: "" }],
  });
  // The free space is that of the last look; this is one.
  await engine.services.health();
  const text = await registry.metrics();
  expect(text).toContain('varve_group_lag_records{group="readers",topic="seen",partition="0"} 2');
  expect(Number(/varve_sync_duration_seconds_count (\d+)/.exec(text)?.[1])).toBeGreaterThan(0);
  expect(Number(/varve_appended_records_total (\d+)/.exec(text)?.[1])).toBeGreaterThanOrEqual(3);
  expect(Number(/varve_append_duration_seconds_count (\d+)/.exec(text)?.[1])).toBeGreaterThan(0);
  expect(Number(/varve_partitions (\d+)/.exec(text)?.[1])).toBeGreaterThan(0);
  expect(text).toMatch(/^varve_problems 0$/m);
  const [free, total] = ["free", "total"].map((part) =>
    Number(new RegExp(`^varve_disk_${part}_bytes (\\d+)$`, "m").exec(text)?.[1]),
  );
  expect(total).toBeGreaterThan(free ?? Number.NaN);
  expect(text).toMatch(/^varve_queues 0$/m);
  await engine.close();
  rmSync(path, { recursive: true, force: true });
});

test("engine metrics: groups cannot be asked and partitions have failed: the rest is shown", async () => {
  const path = mkdtempSync(join(tmpdir(), "varve-metrics-"));
  const registry = new Registry();
  const metrics = new EngineMetrics(registry);
  const engine = await openEngine({ path, observer: metrics });
  const { services } = engine;
  const problems = ["partition seen-0 is failed", "the group coordinator cannot write its log"];
  metrics.watch({
    ...engine,
    gauges: () => engine.gauges(),
    services: {
      ...services,
      groups: Object.assign(Object.create(services.groups), {
        list: () => Promise.reject(new LogError("KAFKA_STORAGE_ERROR", "its log has failed")),
      }),
      health: async () => ({ ready: false, problems, warnings: [] }),
    },
  });
  const text = await registry.metrics();
  expect(text).toMatch(/^varve_problems 2$/m);
  expect(text).not.toContain("varve_group_lag_records{");
  await engine.close();
  rmSync(path, { recursive: true, force: true });
});

test("engine metrics: what recoveries have read and cut", async () => {
  const registry = new Registry();
  const metrics = new EngineMetrics(registry);
  metrics.recovered({ scannedBytes: 700, cutBytes: 40, logEndOffset: 9 });
  metrics.recovered({ scannedBytes: 7, cutBytes: 0, logEndOffset: 9 });
  const text = await registry.metrics();
  expect(text).toMatch(/^varve_log_recoveries_total 2$/m);
  expect(text).toMatch(/^varve_log_scanned_bytes_total 707$/m);
  expect(text).toMatch(/^varve_log_cut_bytes_total 40$/m);
});

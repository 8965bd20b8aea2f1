import { expect, test } from "vitest";
import { FaultyDisk } from "../support/faulty-disk.ts";
import { LogFixture } from "../support/log-fixture.ts";
import { batchOf } from "../support/batches.ts";

const config = {
  segmentBytes: 500,
  compaction: { dirtyRatioMin: 0, minLagMs: 0, maxLagMs: Infinity, deleteRetentionMs: 1 },
};
const resources = { keyBytesMax: 1 << 16, throttle: () => null };

async function filled(): Promise<LogFixture> {
  const fixture = new LogFixture({ disk: new FaultyDisk(), config });
  await fixture.open();
  for (let index = 0; index < 20; index++) {
    await fixture.log.append([batchOf([{ key: "k", value: `v${index}` }])]).durable;
  }
  return fixture;
}

test("swap: no checkpoint on the disk speaks of a place in what is about to change", async () => {
  const fixture = await filled();
  const disk = fixture.disk as FaultyDisk;
  await fixture.log.compact(resources);
  const checkpoint = disk.operations.findLastIndex(({ path }) => path === "/data/checkpoint.tmp");
  const swap = disk.operations.findIndex(
    ({ kind, path }) => kind === "rename" && /cleaned/.test(path),
  );
  expect(checkpoint).toBeGreaterThan(0);
  expect(checkpoint).toBeLessThan(swap);
  expect((await fixture.storedCheckpoint())?.recoveryPoint).toBe(20);
});

test("swap: one that cannot be finished is served from where it is, and ended by the next start", async () => {
  const fixture = await filled();
  const disk = fixture.disk as FaultyDisk;
  const fault = disk.plan({ kind: "rename", path: /swap/, effect: "fail" });
  await expect(fixture.log.compact(resources)).rejects.toMatchObject({
    code: "KAFKA_STORAGE_ERROR",
  });
  fault.cancel();
  expect(disk.paths().filter((path) => path.endsWith(".swap"))).toHaveLength(1);
  const values = async (): Promise<readonly (string | null)[]> =>
    (await fixture.readAll(fixture.log.positions().logStartOffset)).map(({ value }) => value);
  const left = await values();
  expect(left).toContain("v19");
  expect(left).not.toContain("v0");
  // Until then there is no further one.
  expect(await fixture.log.compact(resources)).toBeNull();
  await fixture.log.trim(19);
  expect(await values()).toContain("v19");
  await fixture.log.close();
  await fixture.open();
  expect(fixture.log.health()).toEqual({ state: "ok" });
  expect(disk.paths().filter((path) => /swap/.test(path))).toEqual([]);
  expect(await fixture.log.compact(resources)).not.toBeUndefined();
});

import { expect, test } from "vitest";
import { FaultyDisk } from "../support/faulty-disk.ts";
import { batchOfSize, LogFixture } from "../support/log-fixture.ts";

test("log state: the high watermark does not go back when durability is tightened", async () => {
  const fixture = new LogFixture({ disk: new FaultyDisk(), config: { durability: "os" } });
  const log = await fixture.open();
  await log.append([batchOfSize(100)], { needsSync: false }).written;
  expect(log.positions().highWatermark).toBe(1);
  log.configure({ ...fixture.config, durability: "fsync" });
  expect(log.positions().highWatermark).toBe(1);
  expect((await fixture.readAll(0)).length).toBe(1);
});

test("log state: loosening durability shows what is written, and says so", async () => {
  const disk = new FaultyDisk();
  const fixture = new LogFixture({ disk });
  const log = await fixture.open();
  const release = disk.hold({ kind: "sync" });
  const pending = log.append([batchOfSize(100)]);
  await pending.written;
  const heard: number[] = [];
  log.onAdvance(() => heard.push(log.positions().highWatermark));
  log.configure({ ...fixture.config, durability: "os" });
  expect(heard).toEqual([1]);
  release();
  await pending.durable;
});

test("log state: listeners hear of trim, of failure and of closing", async () => {
  const disk = new FaultyDisk();
  const fixture = new LogFixture({ disk });
  const log = await fixture.open();
  await log.append([batchOfSize(100)]).durable;
  const heard: string[] = [];
  log.onAdvance(() => heard.push(`${log.positions().logStartOffset} ${log.health().state}`));
  await log.trim(1);
  disk.plan({ kind: "sync", effect: "fail" });
  await expect(log.append([batchOfSize(100)]).durable).rejects.toThrowError();
  await log.close();
  expect(heard).toEqual(["1 ok", "1 failed", "1 failed"]);
  expect(fixture.kept.errors).toHaveLength(1);
});

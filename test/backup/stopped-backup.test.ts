import { expect, test } from "vitest";
import { restore } from "../../src/backup/restore.ts";
import { backUpStopped } from "../../src/backup/stopped-backup.ts";
import { LoopShare } from "../../src/base/loop-share.ts";
import { seededRandom } from "../../src/base/random.ts";
import { openEngine } from "../../src/engine.ts";
import { openTestEngine, outcomeOf } from "../support/engines.ts";
import type { FakeClock } from "../support/fake-clock.ts";
import type { FaultyDisk } from "../support/faulty-disk.ts";
import { MixedLoad, missingOf } from "../support/mixed-load.ts";

async function loaded() {
  const world = await openTestEngine();
  const load = await MixedLoad.begin(world.engine);
  for (let turns = 0; turns < 60; turns++) {
    await new Promise((resolve) => setImmediate(resolve));
  }
  return { ...world, load };
}

const parts = (disk: FaultyDisk, clock: FakeClock) => ({
  disk,
  share: new LoopShare(clock),
  onBytes: () => undefined,
});
const order = { path: "/data", target: "/backup", nowMs: 1, onPlan: () => undefined };

async function reopened(disk: FaultyDisk, clock: FakeClock) {
  await restore(parts(disk, clock), { from: "/backup", to: "/new", onManifest: () => undefined });
  return openEngine({ path: "/new", disk, clock, random: seededRandom(2) });
}

test("a directory in use is refused; stopped in order it is taken, and nothing in it changes", async () => {
  const { engine, disk, clock, load } = await loaded();
  expect(await outcomeOf(backUpStopped(parts(disk, clock), order))).toBe("KAFKA_STORAGE_ERROR");
  await load.stop();
  await engine.close();
  const before = disk.paths().filter((path) => path.startsWith("/data/"));
  await backUpStopped(parts(disk, clock), order);
  expect(disk.paths().filter((path) => path.startsWith("/data/"))).toEqual(before);
  const copy = await reopened(disk, clock);
  expect(await missingOf(copy, load.facts())).toEqual([]);
  await copy.close();
});

test("after a power cut: what a start would make of the directory, it makes of the backup", async () => {
  const { disk, clock, load } = await loaded();
  const facts = load.facts();
  void load.stop().catch(() => undefined);
  const left = disk.crash(seededRandom(3), "garbage");
  await backUpStopped(parts(left, clock), order);
  const copy = await reopened(left, clock);
  expect(await missingOf(copy, facts)).toEqual([]);
  await copy.close();
});

test("no data directory, or a place inside it: refused", async () => {
  const { disk, clock } = await openTestEngine();
  const outcome = (differing: Partial<typeof order>): Promise<string> =>
    outcomeOf(backUpStopped(parts(disk, clock), { ...order, ...differing }));
  expect(await outcome({ path: "/nowhere" })).toBe("KAFKA_STORAGE_ERROR");
  expect(await outcome({ target: "/data/backup" })).toBe("BACKUP_PLACE_REFUSED");
  expect(disk.paths().filter((path) => path.startsWith("/nowhere"))).toEqual([]);
});

// A data directory on a disk in memory, as the tests of its several duties want it.

import type { CheckpointEntry } from "../../src/storage/checkpoint-file.ts";
import { type Logger, silentLogger } from "../../src/base/logger.ts";
import { seededRandom } from "../../src/base/random.ts";
import { DataDirectory } from "../../src/storage/data-directory.ts";
import type { Disk } from "../../src/storage/disk.ts";
import { FakeClock } from "../support/fake-clock.ts";
import { FaultyDisk } from "../support/faulty-disk.ts";

/** Where it is on a disk in memory. */
export const root = "/srv/data";
/** Some topic's id. */
export const topicId = "0123456789abcdef0123456789abcdef";

/** Opens it with a clock that stands still and the same dice every time. */
export function open(disk: Disk, overrides: { path?: string; logger?: Logger } = {}) {
  return DataDirectory.open({
    disk,
    path: overrides.path ?? root,
    clock: new FakeClock(),
    random: seededRandom(42),
    logger: overrides.logger ?? silentLogger,
  });
}

/** A checkpoint entry that names its recovery point. */
export function entry(recoveryPoint: number): CheckpointEntry {
  return { recoveryPoint, logStartOffset: 1, segmentBase: 0, position: recoveryPoint * 100 };
}

/** Such entries for some partitions. */
export function entries(recoveryPoint: number, names = ["orders-0", "orders-1"]) {
  return new Map(names.map((name) => [name, entry(recoveryPoint)]));
}

/** A directory that was stopped in order, with a checkpoint at 5. */
export async function stopped(): Promise<FaultyDisk> {
  const disk = new FaultyDisk();
  const data = await open(disk);
  await data.writeCheckpoint(entries(5));
  await data.markClean();
  await data.close();
  return disk.kill();
}

/** All files and their bytes. */
export function snapshot(disk: FaultyDisk): Map<string, Uint8Array | null> {
  return new Map(disk.paths().map((file) => [file, disk.contents(file)]));
}

/** A file of it as text. */
export function textOf(disk: FaultyDisk, name: string): string {
  return Buffer.from(disk.contents(`${root}/${name}`) ?? []).toString();
}

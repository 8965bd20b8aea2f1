// The file `clock`: what time it was when a server last looked, so that the next one notices a clock set far ahead.
//
//   varve-clock 1 <Unix milliseconds>
//
// It is a hint: missing or damaged, nothing is noticed.

import { type Disk, readWhole, replaceWhole } from "./disk.ts";

const pattern = /^varve-clock 1 (\d{1,15})\n$/;

/** The time in a data directory's clock file, Unix milliseconds; null when there is none that can be read. */
export async function readClockFile(disk: Disk, directory: string): Promise<number | null> {
  const bytes = await readWhole(disk, `${directory}/clock`).catch(() => null);
  const match = bytes === null ? null : pattern.exec(Buffer.from(bytes).toString("latin1"));
  return match === null ? null : Number(match[1]);
}

/** Replaces a data directory's clock file. Two calls must not overlap. @throws DISK_FULL, KAFKA_STORAGE_ERROR */
export async function writeClockFile(disk: Disk, directory: string, seenMs: number): Promise<void> {
  await replaceWhole(disk, `${directory}/clock`, Buffer.from(`varve-clock 1 ${seenMs}\n`));
}

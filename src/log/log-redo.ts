// Makes good batches of which nobody knows whether they are durable so, and takes that up where a crash interrupted it.
//
// After a failed sync the page cache may hold bytes that the disk does not have and that no later sync would write. So
// what is not known to be durable is made dirty again and synced before anybody sees it. Most of it will have been
// durable all along: a copy stands by until that sync, lest a power cut spoil what is being written. Should its name
// come back after a power cut, nothing is lost: the bytes it holds are those that are there.

import { LogError } from "../base/error.ts";
import type { DiskFile } from "../storage/disk.ts";
import type { LogEnd } from "./active-segment.ts";
import { type RedoFile, redoPath } from "./log-directory.ts";
import type { LogOptions } from "./log-options.ts";
import { copyBytes, copyRange, scanBatches } from "./log-scan.ts";
import type { Segment } from "./segment.ts";

/** Good batches at the end of a segment. */
export interface UnsureTail {
  readonly segment: Segment;
  /** Open for writing. */
  readonly file: DiskFile;
  /** Everything before this is durable. */
  readonly from: LogEnd;
  readonly end: LogEnd;
}

/** Writes a tail over itself and syncs it, and the directory. @throws KAFKA_STORAGE_ERROR */
export async function writeAgain(options: LogOptions, tail: UnsureTail): Promise<void> {
  const { disk, directory } = options;
  const { segment, file, from, end } = tail;
  const path = redoPath(directory, segment, from);
  const range = { from: from.position, to: end.position };
  await hasRoomFor(options, path, () => copyRange(disk, file, { ...range, path }));
  await disk.syncDirectory(directory);
  await copyBytes(file, file, { ...range, target: from.position });
  await file.sync();
  await disk.remove(path);
}

/**
 * Ends what an interrupted recovery began. A redo file is whole, to its last batch, before the first byte in place is
 * touched; one that is not whole is of no use and of no need. One that a dead process left is seen, but its name and
 * its bytes may not be durable: a durable one takes its place first.
 * @throws KAFKA_STORAGE_ERROR
 */
export async function redo(
  options: LogOptions,
  { path, baseOffset, from }: RedoFile,
  segments: readonly Segment[],
): Promise<void> {
  const { disk, limits, logger } = options;
  const segment = segments.find((each) => each.baseOffset === baseOffset);
  const copy = await disk.open(path, "read");
  try {
    const size = await copy.size();
    const start = { offset: from.offset, position: 0 };
    const scan = await scanBatches(copy, start, { size, batchBytesMax: limits.unsyncedBytesMax });
    if (segment !== undefined && scan.damage === null && size > 0) {
      await replaceCopy(options, copy, { path, size });
      const file = await disk.open(segment.logPath, "write");
      try {
        await copyBytes(copy, file, { from: 0, to: size, target: from.position });
        await file.sync();
      } finally {
        await file.close();
      }
      logger.info({ path, size }, "an interrupted recovery has been taken up");
    }
  } finally {
    await copy.close();
  }
  await disk.remove(path);
}

async function replaceCopy(
  options: LogOptions,
  copy: DiskFile,
  { path, size }: { readonly path: string; readonly size: number },
): Promise<void> {
  const { disk, directory } = options;
  const temporary = `${path}.tmp`;
  const isCopied = await hasRoomFor(options, temporary, () =>
    copyRange(disk, copy, { from: 0, to: size, path: temporary }),
  );
  if (isCopied) await disk.rename(temporary, path);
  await disk.syncDirectory(directory);
}

// On a full disk the log must still open. Written over themselves, whole sectors cannot change; only a disk that spoils
// a sector it is writing could harm them, which is what the copy is for.
async function hasRoomFor(
  { disk, directory, logger }: LogOptions,
  path: string,
  copying: () => Promise<void>,
): Promise<boolean> {
  try {
    await copying();
    return true;
  } catch (error) {
    if (!(error instanceof LogError) || error.code !== "DISK_FULL") throw error;
    await disk.remove(path);
    logger.warn({ directory }, "no room for a copy while durable bytes are written again");
    return false;
  }
}

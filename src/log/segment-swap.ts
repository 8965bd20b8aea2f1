// Puts a compacted segment in the place of those it was made from, so that a crash at any moment leaves the one or the
// others. Names alone tell how far it came:
//
//   <base>.log.cleaned       being written, or whole: counts for nothing and is removed by the next opening
//   <base>-<end>.swap        whole and durable, its name too: it stands for all that lies between these offsets
//   <base>.log               in its place
//
//   1. write and sync the .cleaned file
//   2. rename it to .swap, sync the directory: from here on every opening goes on with 3
//   3. remove what it stands for, but for <base>.log; sync the directory
//   4. rename it to <base>.log, which takes the last of the old files away; sync the directory
//
// Without the sync between 3 and 4 a power cut could leave the new segment and an old one that it overlaps. A segment
// ends where the next one begins, a compacted one too: so whether a .swap file is whole can be told from itself.

import { LogError } from "../base/error.ts";
import type { Disk } from "../storage/disk.ts";
import type { LogOptions } from "./log-options.ts";
import { scanBatches } from "./log-scan.ts";
import {
  baseOffsetOfDerivedName,
  baseOffsetOfName,
  offsetOfSnapshotName,
  segmentName,
} from "./segment.ts";

const swapName = /^(\d{20})-(\d{1,16})\.swap$/;
const cleanedName = /^\d{20}\.log\.cleaned$/;

/** Which offsets a compacted segment stands for: from its base to below the base of the segment behind it. */
export interface SwapRange {
  readonly baseOffset: number;
  readonly endOffset: number;
}

/** Where a compacted segment is written. */
export function cleanedPath(directory: string, baseOffset: number): string {
  return `${directory}/${segmentName(baseOffset)}.log.cleaned`;
}

/** Where it is while it is put in place. */
export function swapPath(directory: string, { baseOffset, endOffset }: SwapRange): string {
  return `${directory}/${segmentName(baseOffset)}-${endOffset}.swap`;
}

/** Whether a name is that of a compacted segment which nothing has been done with. */
export function isCleanedName(name: string): boolean {
  return cleanedName.test(name);
}

/** The range a `.swap` file name tells; null for any other name. */
export function swapRangeOfName(name: string): SwapRange | null {
  const match = swapName.exec(name);
  const [baseOffset = Number.NaN, endOffset = Number.NaN] = (match ?? []).slice(1).map(Number);
  const isRange = Number.isSafeInteger(endOffset) && baseOffset < endOffset;
  return isRange ? { baseOffset, endOffset } : null;
}

/** Step 2. When it fails nobody knows what the next opening will find. @throws KAFKA_STORAGE_ERROR, DISK_FULL */
export async function commitSwap(disk: Disk, directory: string, range: SwapRange): Promise<void> {
  await disk.rename(cleanedPath(directory, range.baseOffset), swapPath(directory, range));
  await disk.syncDirectory(directory);
}

/** Steps 3 and 4; can be repeated. The `.swap` name must be durable. @throws KAFKA_STORAGE_ERROR, DISK_FULL */
export async function finishSwap(disk: Disk, directory: string, range: SwapRange): Promise<void> {
  for (const name of await disk.list(directory)) {
    if (isReplaced(name, range)) await disk.remove(`${directory}/${name}`);
  }
  await disk.syncDirectory(directory);
  const logPath = `${directory}/${segmentName(range.baseOffset)}.log`;
  await disk.rename(swapPath(directory, range), logPath);
  await disk.syncDirectory(directory);
}

/**
 * Finishes what a crash interrupted: puts every `.swap` file of a directory in place.
 *
 * @returns Whether there was one.
 * @throws  KAFKA_STORAGE_ERROR when one of them is damaged: what it stands for may be gone already, and nobody shall
 *          take the gap for the log.
 */
export async function finishSwaps(options: LogOptions, names: readonly string[]): Promise<boolean> {
  const { disk, directory, logger } = options;
  const ranges = names.map(swapRangeOfName).filter((range) => range !== null);
  // A name that a dead process made is seen but may not be durable.
  if (ranges.length > 0) await disk.syncDirectory(directory);
  for (const range of ranges) {
    await checkSwap(options, range);
    await finishSwap(disk, directory, range);
    logger.info({ directory, ...range }, "an interrupted compaction has been finished");
  }
  return ranges.length > 0;
}

// Derived files go, the snapshots of producers among them: they tell of transactions whose markers may be gone now.
function isReplaced(name: string, { baseOffset, endOffset }: SwapRange): boolean {
  const isInside = (offset: number | null): boolean =>
    offset !== null && offset >= baseOffset && offset < endOffset;
  const base = baseOffsetOfName(name);
  if (base !== null) return isInside(base) && base !== baseOffset;
  return isInside(baseOffsetOfDerivedName(name)) || isInside(offsetOfSnapshotName(name));
}

async function checkSwap({ disk, directory, limits }: LogOptions, range: SwapRange): Promise<void> {
  const path = swapPath(directory, range);
  const file = await disk.open(path, "read");
  try {
    const start = { offset: range.baseOffset, position: 0 };
    const scan = await scanBatches(file, start, {
      size: await file.size(),
      batchBytesMax: limits.unsyncedBytesMax,
      holesBelow: range.endOffset,
    });
    if (scan.damage === null && scan.end.offset === range.endOffset) return;
    const detail = `compacted segment ${path} is damaged at byte ${scan.end.position}`;
    throw new LogError("KAFKA_STORAGE_ERROR", detail);
  } finally {
    await file.close();
  }
}

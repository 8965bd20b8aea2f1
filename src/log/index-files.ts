// The index files of a segment: loading them without trusting them, and writing them.
//
// What a file says is taken as a start that is checked: it must ascend, stay inside the segment, and its last entry
// must name a batch that is there. From that batch on the log itself is walked, so a file that stops early costs
// time and nothing else. Anything worse: the file is dropped and the indexes are made again from the log.

import type { Logger } from "../base/logger.ts";
import { maxTimestampAt } from "../record/batch-header.ts";
import { type Disk, readWhole } from "../storage/disk.ts";
import { BatchWalk, type ByteSource } from "./batch-walk.ts";
import { decodeOffsetIndex, type OffsetIndex } from "./offset-index.ts";
import type { Segment } from "./segment.ts";
import { SegmentIndexes } from "./segment-indexes.ts";
import { decodeTimeIndex, type TimeIndex } from "./time-index.ts";

const walkPieceBytes = 256 << 10;
const timePieceBytes = 16 << 10;

/** What loading needs beside the segment. */
export interface IndexSource {
  readonly disk: Disk;
  readonly logger: Logger;
  /** The segment's bytes. */
  readonly bytes: ByteSource;
  /** Where the segment's batches end. */
  readonly end: number;
  readonly intervalBytes: number;
  readonly batchBytesMax: number;
}

/** Indexes as they were loaded or made. */
export interface LoadedIndexes {
  readonly indexes: SegmentIndexes;
  /** True when they hold more than the files. */
  readonly isAhead: boolean;
  /** False when the log is damaged and they end before the damage. */
  readonly isComplete: boolean;
}

/**
 * Loads the indexes of a segment, or makes them from the log. Where the log is damaged they end before the damage.
 * @throws KAFKA_STORAGE_ERROR when the log cannot be read.
 */
export async function loadIndexes(segment: Segment, source: IndexSource): Promise<LoadedIndexes> {
  const stored = await readIndexes(segment, source);
  if (stored !== null) {
    const before = stored.offsets.count + stored.times.count;
    const isTimeTrue = await isLastTimeTrue(stored, source);
    const outcome = isTimeTrue ? await extend(stored, source) : "stale";
    const isAhead = stored.offsets.count + stored.times.count > before;
    if (outcome !== "stale") {
      return { indexes: stored, isAhead, isComplete: outcome === "complete" };
    }
  }
  const reason = stored === null ? "missing or unreadable" : "not those of this segment";
  source.logger.debug({ path: segment.indexPath, reason }, "indexes are made from the log");
  return rebuildIndexes(segment, source);
}

/** Makes the indexes of a segment from its log alone, up to the first damage. @throws KAFKA_STORAGE_ERROR */
export async function rebuildIndexes(
  segment: Segment,
  source: IndexSource,
): Promise<LoadedIndexes> {
  const indexes = new SegmentIndexes(segment.baseOffset);
  const outcome = await extend(indexes, source);
  return { indexes, isAhead: true, isComplete: outcome === "complete" };
}

/**
 * Writes both files whole. They are derived data: what goes wrong is logged and the files are removed.
 *
 * @param isSynced True when they must survive a power cut, as when the segment is sealed.
 */
export async function writeIndexes(
  segment: Segment,
  indexes: SegmentIndexes,
  options: { readonly disk: Disk; readonly logger: Logger; readonly isSynced: boolean },
): Promise<void> {
  const { disk, logger } = options;
  try {
    await writeFile(segment.indexPath, indexes.offsets.encode(), options);
    await writeFile(segment.timeIndexPath, indexes.times.encode(), options);
  } catch (error) {
    logger.warn({ err: error, path: segment.indexPath }, "indexes could not be written");
    await removeIndexes(segment, disk).catch((err: unknown) => {
      logger.warn({ err, path: segment.indexPath }, "indexes could not be removed");
    });
  }
}

/** Removes both index files; harmless when they are missing. */
export async function removeIndexes(segment: Segment, disk: Disk): Promise<void> {
  await disk.remove(segment.indexPath);
  await disk.remove(segment.timeIndexPath);
}

async function writeFile(
  path: string,
  bytes: Uint8Array,
  options: { readonly disk: Disk; readonly isSynced: boolean },
): Promise<void> {
  const file = await options.disk.open(path, "write");
  try {
    if (bytes.length > 0) await file.write([bytes], 0);
    await file.truncate(bytes.length);
    if (options.isSynced) await file.sync();
  } finally {
    await file.close();
  }
}

async function readIndexes(segment: Segment, source: IndexSource): Promise<SegmentIndexes | null> {
  try {
    const offsetBytes = await readWhole(source.disk, segment.indexPath);
    const timeBytes = await readWhole(source.disk, segment.timeIndexPath);
    if (offsetBytes === null || timeBytes === null) return null;
    const offsets: OffsetIndex | null = decodeOffsetIndex(offsetBytes, source.end);
    const times: TimeIndex | null = decodeTimeIndex(timeBytes);
    if (offsets === null || times === null) return null;
    return new SegmentIndexes(segment.baseOffset, offsets, times);
  } catch (error) {
    source.logger.warn({ err: error, path: segment.indexPath }, "indexes could not be read");
    return null;
  }
}

// Whether the batch that the last time entry names is there and has that time: it is the segment's largest, by which
// searches skip the segment and retention removes it.
async function isLastTimeTrue(indexes: SegmentIndexes, source: IndexSource): Promise<boolean> {
  const last = indexes.times.count - 1;
  if (last < 0) return indexes.offsets.count === 0;
  const relativeOffset = indexes.times.relativeOffsetOf(last);
  const entry = indexes.offsets.floor(relativeOffset);
  const walk = new BatchWalk(source.bytes, {
    position: entry < 0 ? 0 : indexes.offsets.positionOf(entry),
    end: source.end,
    expectedOffset: indexes.baseOffset,
    isExact: false,
    isWhole: false,
    batchBytesMax: source.batchBytesMax,
    pieceBytes: timePieceBytes,
    isHot: false,
  });
  for (let step = walk.step(); step === "batch" || step === "load"; step = walk.step()) {
    if (step === "load") await walk.load();
    else if (walk.nextOffset > indexes.baseOffset + relativeOffset) {
      const isThere = walk.nextOffset === indexes.baseOffset + relativeOffset + 1;
      return isThere && maxTimestampAt(walk.view, walk.at) === indexes.times.timestampOf(last);
    }
  }
  return false;
}

// Walks from the last offset entry to the end. Stale: that entry, or the last time entry, is not of this log.
async function extend(
  indexes: SegmentIndexes,
  source: IndexSource,
): Promise<"complete" | "damaged" | "stale"> {
  const last = indexes.offsets.count - 1;
  const entryPosition = last < 0 ? -1 : indexes.offsets.positionOf(last);
  const entryOffset = indexes.baseOffset + indexes.offsets.relativeOffsetOf(last);
  const walk = new BatchWalk(source.bytes, {
    position: Math.max(0, entryPosition),
    end: source.end,
    expectedOffset: indexes.baseOffset,
    isExact: false,
    isWhole: false,
    batchBytesMax: source.batchBytesMax,
    pieceBytes: walkPieceBytes,
    isHot: false,
  });
  const place = { position: 0, intervalBytes: source.intervalBytes };
  for (let step = walk.step(); step !== "end"; step = walk.step()) {
    if (step === "load") {
      await walk.load();
    } else if (step === "damage") {
      return walk.position === entryPosition ? "stale" : "damaged";
    } else if (walk.position === entryPosition) {
      if (walk.nextOffset !== entryOffset + 1) return "stale";
      indexes.resumeAfter(walk.view, walk.at);
    } else {
      place.position = walk.position;
      indexes.addBatch(walk.view, walk.at, place);
    }
  }
  const maxOffset = indexes.baseOffset + indexes.maxTimestampRelativeOffset;
  return maxOffset < walk.nextOffset ? "complete" : "stale";
}

// Opening a log: what is on the disk against what the checkpoint says was durable. Nothing that may have been
// acknowledged is ever cut, and metadata alone never removes data.
//
//   found                                                            done
//   active segment exactly as long as the checkpoint says             opened as it is, whatever the stop was like
//   good batches from the recovery point to the end                   written again (a copy stands by), synced, shown
//   a bad place in the last segment, nothing good W or more behind    torn tail: copied to quarantine/, then cut
//   a bad place with a good batch W or more behind it                 corrupt: such a batch proves a sync over the
//   place a bad place, or a gap, with a later segment behind it             corrupt: a roll syncs the segment before
//   a batch of another format where the next one should begin         corrupt
//   recovery point in a missing segment or beyond its file            corrupt: durable data is missing
//   first segment above the log start                                 corrupt: durable data is missing
//   empty segment alone, base above 0, and no checkpoint              not opened: nothing says that it may be empty
//   segment wholly below the log start                                removed: an unfinished deletion
//
// Corrupt means: no appends, nothing is changed on the disk, records below the bad place are served. W is
// `unsyncedBytesMax`: that much at most is written without a sync, so only that much can be torn.
// Every step may be repeated: a crash during recovery leads to the same result.

import { assert } from "../base/assert.ts";
import { type DiskFile, readWhole } from "../storage/disk.ts";
import type { LogEnd } from "./active-segment.ts";
import { removeIndexes } from "./index-files.ts";
import {
  createFirstSegment,
  listDirectory,
  type DirectoryContent,
  noSegmentsError,
  parentOf,
  quarantinePath,
  removeSegment,
} from "./log-directory.ts";
import type { LogOptions } from "./log-options.ts";
import { redo, writeAgain } from "./log-redo.ts";
import {
  beginsAt,
  copyRange,
  holdsBatch,
  isOtherFormat,
  type ScanResult,
  scanBatches,
  scanHeaders,
} from "./log-scan.ts";
import type { LogCheckpoint, LogHealth } from "./log-types.ts";
import { neverCompacted, readCompaction } from "./compaction-file.ts";
import { decodeOffsetIndex } from "./offset-index.ts";
import type { Segment } from "./segment.ts";

/** A log as opening found it. */
export interface RecoveredLog {
  /** Segments that are served; the last one is active. */
  readonly segments: readonly Segment[];
  /** End of the last segment; durable. */
  readonly end: LogEnd;
  readonly logStartOffset: number;
  readonly health: LogHealth;
  /** The checkpoint, where it could be used. */
  readonly checkpoint: LogCheckpoint | null;
  /** Whether a batch that had to be checked names a producer. */
  readonly hasProducers: boolean;
  /** What the directory held. */
  readonly content: DirectoryContent;
  /** Batches may be missing inside segments below this offset. */
  readonly holesBelow: number;
}

// How far the log can be believed: to `end`, which lies in `segment`; `damage` says why not further.
interface Finding {
  readonly segment: Segment;
  readonly end: LogEnd;
  readonly damage: string | null;
  /** Whether a batch that had to be checked names a producer. */
  readonly hasProducers: boolean;
}

/**
 * Brings a partition's directory into a state that can be appended to, or finds that it must not be.
 * @throws KAFKA_STORAGE_ERROR, DISK_FULL when the disk refuses, or when there is nothing that could be served.
 */
export async function recoverLog(options: LogOptions): Promise<RecoveredLog> {
  const checkpoint = believable(options);
  const content = await listDirectory(options);
  let segments = content.segments;
  if (segments.length === 0) {
    const expectedOffset = checkpoint?.recoveryPoint ?? 0;
    if (!options.createIfMissing || expectedOffset > 0) {
      throw noSegmentsError(options.directory, expectedOffset);
    }
    segments = [await createFirstSegment(options)];
  }
  const logStartOffset = Math.max(checkpoint?.logStartOffset ?? 0, at(segments, 0).baseOffset);
  segments = await dropBelow(options, segments, logStartOffset);
  for (const file of content.redoFiles) await redo(options, file, segments);
  const { holesBelow } = content.hasCompaction
    ? await readCompaction(options.disk, options.directory)
    : neverCompacted;
  const found = await findEnd(options, { segments, holesBelow }, checkpoint);
  const finding = withStart(found, {
    segments,
    checkpoint,
    logStartOffset,
  });
  if (finding.damage === null) {
    const health = { state: "ok" } as const;
    const { end, hasProducers } = finding;
    return { segments, end, logStartOffset, health, checkpoint, content, hasProducers, holesBelow };
  }
  options.logger.error({ directory: options.directory, end: finding.end }, finding.damage);
  return {
    segments: segments.slice(0, segments.indexOf(finding.segment) + 1),
    end: finding.end,
    logStartOffset: Math.min(logStartOffset, finding.end.offset),
    health: { state: "corrupt", detail: finding.damage },
    checkpoint,
    content,
    hasProducers: finding.hasProducers,
    holesBelow,
  };
}

// The checkpoint, unless it contradicts itself.
function believable(options: LogOptions): LogCheckpoint | null {
  const { checkpoint, logger, directory } = options;
  if (checkpoint === null) return null;
  const { recoveryPoint, logStartOffset, segmentBase, position } = checkpoint;
  const isWhole = [recoveryPoint, logStartOffset, segmentBase, position].every(
    (value) => Number.isSafeInteger(value) && value >= 0,
  );
  const isAtBase = recoveryPoint === segmentBase;
  if (isWhole && recoveryPoint >= segmentBase && isAtBase === (position === 0)) return checkpoint;
  logger.error({ directory, checkpoint }, "checkpoint contradicts itself and is not used");
  return null;
}

async function dropBelow(
  options: LogOptions,
  segments: readonly Segment[],
  logStartOffset: number,
): Promise<readonly Segment[]> {
  let count = 0;
  while (count < segments.length - 1 && at(segments, count + 1).baseOffset <= logStartOffset) {
    await removeSegment(options.disk, at(segments, count));
    count++;
  }
  return segments.slice(count);
}

function withStart(
  finding: Finding,
  known: {
    readonly segments: readonly Segment[];
    readonly checkpoint: LogCheckpoint | null;
    readonly logStartOffset: number;
  },
): Finding {
  if (finding.damage !== null) return finding;
  const firstBase = at(known.segments, 0).baseOffset;
  const promisedStart = known.checkpoint?.logStartOffset ?? firstBase;
  if (firstBase > promisedStart) {
    return { ...finding, damage: `records from ${promisedStart} to ${firstBase} are missing` };
  }
  if (finding.end.offset < known.logStartOffset) {
    const damage = `the log ends at ${finding.end.offset}, below its start ${known.logStartOffset}`;
    return { ...finding, damage };
  }
  return finding;
}

async function findEnd(
  options: LogOptions,
  { segments, holesBelow }: { readonly segments: readonly Segment[]; readonly holesBelow: number },
  checkpoint: LogCheckpoint | null,
): Promise<Finding> {
  const lastIndex = segments.length - 1;
  if (checkpoint === null) {
    const gap = await findGap(options, segments);
    if (gap !== null) return gap;
    const from = { offset: at(segments, lastIndex).baseOffset, position: 0 };
    return scanFrom(options, segments, { index: lastIndex, from, holesBelow });
  }
  const { recoveryPoint, segmentBase, position } = checkpoint;
  const index = segments.findIndex((segment) => segment.baseOffset === segmentBase);
  if (index < 0) {
    // All of that segment is below the log start, and it has been removed: the point is where the next one begins.
    const isBelowStart = checkpoint.logStartOffset === recoveryPoint;
    if (isBelowStart && at(segments, 0).baseOffset === recoveryPoint) {
      return scanFrom(options, segments, {
        index: 0,
        from: { offset: recoveryPoint, position: 0 },
        holesBelow,
      });
    }
    return missingPoint(options, segments, checkpoint);
  }
  const segment = at(segments, index);
  const size = await segment.size(options.disk);
  const from = { offset: recoveryPoint, position };
  if (index === lastIndex && size === position) {
    // All of it was durable when the checkpoint was taken, and so was its name: a roll syncs it before it is used.
    return { segment, end: from, damage: null, hasProducers: false };
  }
  if (size < position) {
    const end = await endByHeaders(options, segment);
    const damage = `segment ${segmentBase} has ${size} bytes, ${position} of it were durable`;
    return { segment, end, damage, hasProducers: false };
  }
  return scanFrom(options, segments, { index, from, holesBelow });
}

// The segment of the recovery point is gone: what is below it can be served.
async function missingPoint(
  options: LogOptions,
  segments: readonly Segment[],
  checkpoint: LogCheckpoint,
): Promise<Finding> {
  const { segmentBase } = checkpoint;
  const below = segments.filter((segment) => segment.baseOffset < segmentBase);
  const segment = below.at(-1);
  if (segment === undefined) throw noSegmentsError(options.directory, checkpoint.recoveryPoint);
  const damage = `segment ${segmentBase}, which held the newest durable records, is missing`;
  const end = await endByHeaders(options, segment);
  return { segment, end, damage, hasProducers: false };
}

// Without a checkpoint: whether each sealed segment begins and ends where its neighbours say.
async function findGap(options: LogOptions, segments: readonly Segment[]): Promise<Finding | null> {
  for (let index = 0; index < segments.length - 1; index++) {
    const segment = at(segments, index);
    const end = await endByHeaders(options, segment);
    const nextBase = at(segments, index + 1).baseOffset;
    const size = await segment.size(options.disk);
    if (end.offset === nextBase && end.position === size) continue;
    const damage = `segment ${segment.baseOffset} ends at ${end.offset}, the next is ${nextBase}`;
    return { segment, end, damage, hasProducers: false };
  }
  const only = at(segments, 0);
  if (segments.length > 1 || only.baseOffset === 0) return null;
  if ((await only.size(options.disk)) > 0) return null;
  // Nothing could be served, and no checkpoint could say so: the next opening must come to the same result.
  throw noSegmentsError(options.directory, only.baseOffset);
}

// Where a segment ends by its headers, from its last index entry on. Changes nothing.
async function endByHeaders(options: LogOptions, segment: Segment): Promise<LogEnd> {
  const size = await segment.size(options.disk);
  const limits = { size, batchBytesMax: options.limits.unsyncedBytesMax };
  const file = await options.disk.open(segment.logPath, "read");
  try {
    const start = { offset: segment.baseOffset, position: 0 };
    const bytes = await readWhole(options.disk, segment.indexPath);
    const index = bytes === null ? null : decodeOffsetIndex(bytes, size);
    if (index !== null && index.count > 0 && (await beginsAt(file, start, limits))) {
      const position = index.positionOf(index.count - 1);
      const result = await scanHeaders(file, { offset: segment.baseOffset, position }, limits);
      if (result.damage === null) return result.end;
    }
    return (await scanHeaders(file, start, limits)).end;
  } finally {
    await file.close();
  }
}

async function scanFrom(
  options: LogOptions,
  segments: readonly Segment[],
  start: { readonly index: number; readonly from: LogEnd; readonly holesBelow: number },
): Promise<Finding> {
  const { holesBelow } = start;
  let { from } = start;
  let scannedBytes = 0;
  let hasProducers = false;
  for (let index = start.index; ; index++) {
    const segment = at(segments, index);
    const isLast = index === segments.length - 1;
    const file = await options.disk.open(segment.logPath, isLast ? "write" : "read");
    try {
      const size = await file.size();
      const limits = { size, batchBytesMax: options.limits.unsyncedBytesMax, holesBelow };
      const scan = await scanBatches(file, from, limits);
      segment.checked.add(from.position, scan.end.position);
      scannedBytes += size - from.position;
      hasProducers ||= scan.hasProducers;
      if (isLast) {
        const tail = { segment, file, from, scan, size, scannedBytes };
        return { ...(await settleTail(options, tail)), hasProducers };
      }
      const nextBase = at(segments, index + 1).baseOffset;
      if (scan.damage !== null || scan.end.offset !== nextBase) {
        const what = scan.damage === null ? `ends at ${scan.end.offset}` : placeOf(scan);
        const damage = `segment ${segment.baseOffset} ${what}, but segment ${nextBase} follows`;
        return { segment, end: scan.end, damage, hasProducers };
      }
      from = { offset: nextBase, position: 0 };
    } finally {
      await file.close();
    }
  }
}

interface Tail {
  readonly segment: Segment;
  readonly file: DiskFile;
  /** Everything before this is durable. */
  readonly from: LogEnd;
  readonly scan: ScanResult;
  readonly size: number;
  readonly scannedBytes: number;
}

// The last segment: cut what is torn, make the rest durable, or find that it is damaged.
async function settleTail(options: LogOptions, tail: Tail): Promise<Omit<Finding, "hasProducers">> {
  const { segment, file, from, scan, size } = tail;
  const { disk, directory, observer, limits } = options;
  const { end } = scan;
  if (scan.damage !== null) {
    if (await isOtherFormat(file, end, size)) {
      const damage = `segment ${segment.baseOffset} ${placeOf(scan)}: not a v2 batch`;
      return { segment, end, damage };
    }
    const beyond = { position: end.position + limits.unsyncedBytesMax, leastOffset: end.offset };
    const scanLimits = { size, batchBytesMax: limits.unsyncedBytesMax };
    if (await holdsBatch(file, beyond, scanLimits)) {
      const damage = `segment ${segment.baseOffset} ${placeOf(scan)}, with good batches far behind`;
      return { segment, end, damage };
    }
    await cutTail(options, tail);
  }
  // After the death of a process the names it made are seen but may not be durable; the first one's parent neither.
  if (options.checkpoint === null) await disk.syncDirectory(parentOf(directory));
  if (end.position > from.position) {
    await writeAgain(options, { segment, file, from, end });
  } else {
    await disk.syncDirectory(directory);
    if (size > end.position) await file.sync();
  }
  const cutBytes = size - end.position;
  observer.recovered({ scannedBytes: tail.scannedBytes, cutBytes, logEndOffset: end.offset });
  return { segment, end, damage: null };
}

// The copy is durable before anything is cut, and an index never outlives the batches it points to.
async function cutTail(options: LogOptions, tail: Tail): Promise<void> {
  const { segment, file, scan, size } = tail;
  const { disk, directory, clock, logger } = options;
  const position = scan.end.position;
  const path = quarantinePath(directory, segment, { position, nowMs: clock.nowMs() });
  const folder = parentOf(path);
  await disk.makeDirectory(folder);
  await copyRange(disk, file, { from: position, to: size, path });
  await disk.syncDirectory(folder);
  await removeIndexes(segment, disk);
  await disk.syncDirectory(directory);
  await file.truncate(position);
  logger.warn({ path, cutBytes: size - position, position }, "torn tail set aside and cut");
}

function placeOf(scan: ScanResult): string {
  return `is damaged at byte ${scan.end.position} (${scan.damage})`;
}

function at(segments: readonly Segment[], index: number): Segment {
  const segment = segments[index];
  assert(segment !== undefined, `no segment at ${index}`);
  return segment;
}

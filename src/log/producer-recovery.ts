// What opening a log learns of its producers: the newest snapshot that can be believed, and the batches behind it.
//
//   found                                           producers come from
//   no file of producers, and a checkpoint          batches from the recovery point on: its owner never lets a
//                                                   checkpoint pass a producer before there is a snapshot
//   snapshots                                       the newest good one at or below the end, and the batches behind it
//   no good snapshot, or no checkpoint              all batches
//
// A snapshot inside a segment counts only with the segment's transaction index: what aborted before it is only there.
// Transaction indexes of sealed segments are read when somebody asks for them. One that is missing is known by the
// snapshot that was written with it, and is made again.

import { assert } from "../base/assert.ts";
import type { Disk } from "../storage/disk.ts";
import type { LogOptions } from "./log-options.ts";
import type { RecoveredLog } from "./log-recovery.ts";
import type { ProducerEntry } from "./producer-entry.ts";
import { readAborted, readSnapshot, snapshotPath } from "./producer-files.ts";
import { type ReplayOptions, replayProducers } from "./producer-replay.ts";
import { ProducerStates } from "./producer-states.ts";
import type { Segment } from "./segment.ts";
import type { AbortedSpan } from "./transaction-spans.ts";

/** Producers as opening found them. */
export interface RecoveredProducers {
  readonly states: ProducerStates;
  /** Whether the log ever had a producer, as far as can be told. */
  readonly isUsed: boolean;
  /** Offsets of the snapshots that stay on the disk, ascending. */
  readonly snapshotOffsets: readonly number[];
  /** The one that the state began with; null when it was made from batches alone. */
  readonly snapshotOffset: number | null;
  /** Sealed segments whose transaction index has to be written before the next snapshot. */
  readonly unindexed: readonly Segment[];
}

// Where a replay begins, and what is known there.
interface Start {
  readonly offset: number;
  readonly entries: readonly ProducerEntry[];
  /** Aborted transactions of that segment below the offset. */
  readonly aborted: AbortedSpan[];
  readonly isSnapshot: boolean;
}

/**
 * Learns what is known of the producers of a log that was just opened, and removes snapshots that say nothing any more.
 * Sets the aborted transactions of its segments, but for those that are left for later.
 * @throws KAFKA_STORAGE_ERROR
 */
export async function recoverProducers(
  options: LogOptions,
  log: RecoveredLog,
): Promise<RecoveredProducers> {
  const { content, segments, checkpoint, end, hasProducers } = log;
  const { snapshotOffsets, transactionIndexes } = content;
  const isUntouched = snapshotOffsets.length === 0 && transactionIndexes.size === 0;
  const states = new ProducerStates();
  for (const segment of segments) segment.aborted = [];
  const firstBase = at(segments, 0).baseOffset;
  const damaged = new Set<number>();
  let start: Start = { offset: firstBase, entries: [], aborted: [], isSnapshot: false };
  // What was checked at this opening is all that a checkpoint does not speak for, or all there is.
  const isAllChecked = checkpoint !== null || segments.length === 1;
  if (isUntouched && isAllChecked) {
    const checkedFrom = Math.max(firstBase, checkpoint?.recoveryPoint ?? 0);
    start = { ...start, offset: hasProducers ? checkedFrom : end.offset };
  } else if (!isUntouched) {
    const range = { segments, snapshotOffsets, endOffset: end.offset };
    start = (await newestSnapshot(options, range, damaged)) ?? start;
  }
  states.restore(start.entries);
  const replayed = await replayFrom(options, log, { start, states });
  if (start.isSnapshot) leaveForLater(log, start.offset);
  const snapshotOffset = start.isSnapshot ? start.offset : null;
  const kept = { snapshotOffset, damaged };
  return {
    states,
    isUsed: !isUntouched || states.count > 0,
    snapshotOffsets: await removeUseless(options, log, kept),
    snapshotOffset,
    unindexed: replayed.filter(
      (segment) =>
        segment !== segments.at(-1) &&
        (segment.aborted?.length !== 0 || transactionIndexes.has(segment.baseOffset)),
    ),
  };
}

/**
 * The aborted transactions of a sealed segment, from the batches.
 *
 * @param segments        All segments of the log up to this one.
 * @param snapshotOffsets Of the snapshots there are.
 * @throws                KAFKA_STORAGE_ERROR
 */
export async function rebuildAborted(
  options: LogOptions,
  segments: readonly Segment[],
  snapshotOffsets: readonly number[],
): Promise<AbortedSpan[]> {
  const segment = at(segments, segments.length - 1);
  const range = { segments, snapshotOffsets, endOffset: segment.baseOffset };
  const found = await newestSnapshot(options, range, new Set());
  const states = new ProducerStates();
  states.restore(found?.entries ?? []);
  let fromOffset = found?.offset ?? at(segments, 0).baseOffset;
  let spans: AbortedSpan[] = [];
  for (const each of segments.slice(indexOf(segments, fromOffset))) {
    const endPosition = await each.size(options.disk);
    const replay = { segment: each, fromOffset, endPosition };
    spans = await replayProducers(replayOptions(options), states, replay);
    fromOffset = 0;
  }
  return spans;
}

async function newestSnapshot(
  options: LogOptions,
  range: {
    readonly segments: readonly Segment[];
    readonly snapshotOffsets: readonly number[];
    readonly endOffset: number;
  },
  damaged: Set<number>,
): Promise<Start | null> {
  const { disk, directory, clock, logger } = options;
  const { segments, endOffset } = range;
  const firstBase = at(segments, 0).baseOffset;
  for (const offset of range.snapshotOffsets.toReversed()) {
    if (offset > endOffset || offset < firstBase) continue;
    const path = snapshotPath(directory, offset);
    const entries = await readSnapshot(disk, path, clock.nowMs());
    if (entries === null) {
      logger.warn({ path }, "a snapshot of producers is damaged and is not used");
      damaged.add(offset);
      continue;
    }
    const segment = at(segments, indexOf(segments, offset));
    const isBase = segment.baseOffset === offset;
    const aborted = isBase ? [] : await readAborted(disk, segment, offset);
    if (aborted !== null) return { offset, entries, aborted, isSnapshot: true };
    logger.warn({ path: segment.transactionIndexPath }, "a transaction index has to be made again");
  }
  return null;
}

// Returns the segments of which all was replayed.
async function replayFrom(
  options: LogOptions,
  { segments, end }: RecoveredLog,
  { start, states }: { readonly start: Start; readonly states: ProducerStates },
): Promise<readonly Segment[]> {
  const replayed: Segment[] = [];
  const startIndex = indexOf(segments, start.offset);
  for (const segment of segments.slice(startIndex)) {
    const isFirst = segment === segments[startIndex];
    const isLast = segment === segments.at(-1);
    const fromOffset = isFirst ? start.offset : segment.baseOffset;
    const endPosition = isLast ? end.position : await segment.size(options.disk);
    const hasMore = fromOffset < end.offset && endPosition > 0;
    const range = { segment, fromOffset, endPosition };
    const found = hasMore ? await replayProducers(replayOptions(options), states, range) : [];
    segment.aborted = isFirst ? [...start.aborted, ...found] : found;
    if (fromOffset === segment.baseOffset) replayed.push(segment);
  }
  return replayed;
}

// Segments before the one where the replay began, as far as they may hold the marker of an aborted transaction.
function leaveForLater({ segments, content }: RecoveredLog, startOffset: number): void {
  const snapshots = new Set(content.snapshotOffsets);
  for (let index = 0; index < indexOf(segments, startOffset); index++) {
    const segment = at(segments, index);
    const mayHaveSome =
      content.transactionIndexes.has(segment.baseOffset) ||
      snapshots.has(at(segments, index + 1).baseOffset);
    if (mayHaveSome) segment.aborted = null;
  }
}

// Keeps the newest snapshot, and those where a segment begins. One above the end speaks of batches that are gone: it
// must not be believed when others have taken their offsets. Without a good snapshot the names stay: a directory with
// none would be taken for one without producers.
async function removeUseless(
  { disk, directory }: LogOptions,
  { segments, content, health, end }: RecoveredLog,
  {
    snapshotOffset,
    damaged,
  }: { readonly snapshotOffset: number | null; readonly damaged: ReadonlySet<number> },
): Promise<readonly number[]> {
  const bases = new Set(segments.map((segment) => segment.baseOffset));
  const isKept = (offset: number): boolean =>
    !damaged.has(offset) &&
    offset <= end.offset &&
    (offset === snapshotOffset || bases.has(offset));
  const kept = content.snapshotOffsets.filter(isKept);
  if (health.state !== "ok" || kept.length === content.snapshotOffsets.length) return kept;
  for (const offset of content.snapshotOffsets) {
    const path = snapshotPath(directory, offset);
    if (isKept(offset)) continue;
    if (snapshotOffset !== null) await disk.remove(path);
    else if (offset > end.offset) await empty(disk, path);
  }
  if (snapshotOffset !== null) await disk.syncDirectory(directory);
  return kept;
}

async function empty(disk: Disk, path: string): Promise<void> {
  const file = await disk.open(path, "write");
  try {
    await file.truncate(0);
    await file.sync();
  } finally {
    await file.close();
  }
}

function replayOptions({ disk, logger, limits, clock }: LogOptions): ReplayOptions {
  return { disk, logger, batchBytesMax: limits.unsyncedBytesMax, seenMs: clock.nowMs() };
}

// The index of the last segment that begins at or below an offset.
function indexOf(segments: readonly Segment[], offset: number): number {
  return Math.max(
    0,
    segments.findLastIndex((segment) => segment.baseOffset <= offset),
  );
}

function at(segments: readonly Segment[], index: number): Segment {
  const segment = segments[index];
  assert(segment !== undefined, `no segment at ${index}`);
  return segment;
}

// Reads of one segment: whole batches from an offset on, and records by time. Never past the limit it is given.
//
// What this process has neither written nor checked before is checked here, once: lengths, the chain of offsets, and
// checksums. So a damaged batch is an error and never a wrong record. A base offset, which no checksum covers, is held
// between its neighbours: it must not be below the end of the batch before, nor its end above the batch behind.

import { LogError } from "../base/error.ts";
import { baseOffsetAt, maxTimestampAt, recordCountAt } from "../record/batch-header.ts";
import { RecordCursor } from "../record/record-cursor.ts";
import type { LogEnd } from "./active-segment.ts";
import { BatchWalk } from "./batch-walk.ts";
import type { FileLease } from "./file-cache.ts";
import type { TimedOffset } from "./log-types.ts";
import type { Segment } from "./segment.ts";
import type { SegmentIndexes } from "./segment-indexes.ts";

/** Room for the batches between an index entry and the offset looked for. */
const scanBytes = 16 << 10;
/** Piece of a walk that looks at headers only. */
const walkPieceBytes = 256 << 10;
/** The least worth fetching. */
const pieceBytesMin = 4 << 10;

/** One segment, leased, and how far it may be read. */
export interface ReadableSegment {
  readonly segment: Segment;
  readonly lease: FileLease;
  readonly indexes: SegmentIndexes;
  /** Nothing at or past this is returned; a batch ends exactly at its position, at most at its offset. */
  readonly limit: LogEnd;
  /** Positions from here on were written a moment ago and are in memory. */
  readonly hotFrom: number;
  readonly batchBytesMax: number;
}

/** Whole batches, valid as long as the lease. */
export interface BatchRun {
  readonly bytes: Uint8Array;
  readonly nextOffset: number;
}

/** Answered when the index names a batch that is not there: the index has to be made again. */
export const staleIndex = Symbol("stale index");

/**
 * Whole batches from the one that holds `offset` on: at least one, and as many as fit `maxBytes`.
 *
 * @param offset At or above the segment's base and below the limit.
 * @throws       CORRUPT_MESSAGE, KAFKA_STORAGE_ERROR
 */
export async function readBatches(
  from: ReadableSegment,
  offset: number,
  maxBytes: number,
): Promise<BatchRun | typeof staleIndex> {
  const entry = from.indexes.offsets.floor(offset - from.segment.baseOffset);
  const walk = walkFrom(from, entry, { isWhole: true, pieceBytes: maxBytes + scanBytes });
  const run = new Run();
  for (let step = walk.step(); ; step = walk.step()) {
    if (step === "load") {
      const room = run.start < 0 ? 0 : run.start + maxBytes - run.end;
      // The header of a batch that is not at hand whole has been seen, so the chain is known to go on.
      if (run.start >= 0 && walk.wantedBytes > room && walk.isHeaderSeen) break;
      await walk.load(run.start < 0 ? maxBytes + scanBytes : Math.max(room, pieceBytesMin));
      continue;
    }
    if (isStale(from, walk, entry)) return staleIndex;
    if (step === "end" && walk.nextOffset > from.limit.offset) run.dropLast(from);
    if (step === "damage" && walk.damage === "offset") run.dropLast(from);
    if (step !== "batch") break;
    // Where the next segment begins, or the log ends, no batch goes on: this one is not of this place.
    if (walk.nextOffset > from.limit.offset) break;
    if (walk.nextOffset <= offset) continue;
    if (run.start >= 0 && walk.endPosition - run.start > maxBytes) break;
    if (!isKnownGood(from, walk) && !walk.isChecksumGood()) break;
    const isFirst = run.start < 0;
    run.add(walk);
    if (isFirst) skipChecked(from, walk, { run, maxBytes });
  }
  if (run.start < 0) throw damageError(from, walk);
  from.segment.checked.add(run.start, run.end);
  const bytes =
    walk.pieceStart <= run.start && run.end <= walk.pieceStart + walk.bytes.length
      ? walk.bytes.subarray(run.start - walk.pieceStart, run.end - walk.pieceStart)
      : await from.lease.bytes(run.start, run.end - run.start, true);
  return { bytes, nextOffset: run.nextOffset };
}

/**
 * The first record at or above `fromOffset` whose timestamp is at or after `timestampMs`; null when there is none.
 * @throws CORRUPT_MESSAGE, KAFKA_STORAGE_ERROR
 */
export async function findByTime(
  from: ReadableSegment,
  timestampMs: number,
  fromOffset: number,
): Promise<TimedOffset | typeof staleIndex | null> {
  const { offsets, times } = from.indexes;
  const timeEntry = times.floor(timestampMs);
  const timeOffset = timeEntry < 0 ? -1 : times.relativeOffsetOf(timeEntry);
  const { baseOffset } = from.segment;
  // Entries of batches behind the limit exist; a scan from just below it then rightly finds nothing.
  const relativeOffset = Math.min(timeOffset, from.limit.offset - 1 - baseOffset);
  const entry = offsets.floor(Math.max(relativeOffset, fromOffset - baseOffset));
  const walk = walkFrom(from, entry, { isWhole: false, pieceBytes: walkPieceBytes });
  const cursor = new RecordCursor();
  for (let step = walk.step(); step !== "end"; step = walk.step()) {
    if (step === "load") {
      await walk.load();
      continue;
    }
    if (isStale(from, walk, entry)) return staleIndex;
    if (step === "damage") throw damageError(from, walk);
    const isCandidate = maxTimestampAt(walk.view, walk.at) >= timestampMs;
    if (!isCandidate || walk.nextOffset <= fromOffset) continue;
    // Reading the batch by itself checks all that has to be checked of it.
    const read = await readBatches(from, Math.max(fromOffset, walk.nextOffset - 1), 1);
    if (read === staleIndex) return staleIndex;
    cursor.reset(read.bytes);
    while (cursor.next()) {
      if (cursor.offset >= fromOffset && cursor.timestampMs >= timestampMs) {
        return { offset: cursor.offset, timestampMs: cursor.timestampMs };
      }
    }
  }
  return null;
}

/**
 * The first record at or above `fromOffset` with the largest timestamp of all there; null when there is no record.
 * @throws CORRUPT_MESSAGE, KAFKA_STORAGE_ERROR
 */
export async function findMaxTimestamp(
  from: ReadableSegment,
  fromOffset: number,
): Promise<TimedOffset | typeof staleIndex | null> {
  const { indexes, segment, limit } = from;
  const maxOffset = segment.baseOffset + indexes.maxTimestampRelativeOffset;
  if (maxOffset >= fromOffset && maxOffset < limit.offset) {
    const found = await findByTime(from, indexes.maxTimestampMs, fromOffset);
    if (found !== null) return found;
  }
  // The largest one is out of reach, above the limit or below the start: look at every batch that is not.
  const entry = indexes.offsets.floor(fromOffset - segment.baseOffset);
  const walk = walkFrom(from, entry, { isWhole: false, pieceBytes: walkPieceBytes });
  let maxTimestampMs = Number.NEGATIVE_INFINITY;
  for (let step = walk.step(); step !== "end"; step = walk.step()) {
    if (step === "load") {
      await walk.load();
      continue;
    }
    if (isStale(from, walk, entry)) return staleIndex;
    if (step === "damage") throw damageError(from, walk);
    if (walk.nextOffset <= fromOffset || recordCountAt(walk.view, walk.at) === 0) continue;
    let timestampMs = maxTimestampAt(walk.view, walk.at);
    if (baseOffsetAt(walk.view, walk.at) < fromOffset) {
      const read = await readBatches(from, fromOffset, 1);
      if (read === staleIndex) return staleIndex;
      timestampMs = maxTimestampFrom(read.bytes, fromOffset);
    }
    maxTimestampMs = Math.max(maxTimestampMs, timestampMs);
  }
  return findByTime(from, maxTimestampMs, fromOffset);
}

function maxTimestampFrom(batch: Uint8Array, fromOffset: number): number {
  const cursor = new RecordCursor();
  cursor.reset(batch);
  let maxTimestampMs = Number.NEGATIVE_INFINITY;
  while (cursor.next()) {
    if (cursor.offset < fromOffset) continue;
    maxTimestampMs = Math.max(maxTimestampMs, cursor.timestampMs);
  }
  return maxTimestampMs;
}

// The batches that will be returned.
class Run {
  start = -1;
  end = -1;
  nextOffset = -1;
  #lastStart = -1;
  #lastNextOffset = -1;

  add(walk: BatchWalk): void {
    if (this.start < 0) this.start = walk.position;
    this.#lastStart = walk.position;
    this.#lastNextOffset = this.nextOffset;
    this.end = walk.endPosition;
    this.nextOffset = walk.nextOffset;
  }

  /** Takes everything up to where the walk has been put. */
  extendTo(walk: BatchWalk): void {
    this.#lastStart = walk.position;
    this.#lastNextOffset = walk.nextOffset;
    this.end = walk.position;
    this.nextOffset = walk.nextOffset;
  }

  /** Takes back the last batch, whose offsets reach into what follows, unless it is known to be good. */
  dropLast(from: ReadableSegment): void {
    if (this.start < 0 || from.segment.checked.covers(this.#lastStart, this.end)) return;
    this.end = this.#lastStart;
    this.nextOffset = this.#lastNextOffset;
    if (this.end === this.start) this.start = -1;
  }
}

// Batches that have been checked before need not be looked at one by one: on to the last index entry within reach.
function skipChecked(
  from: ReadableSegment,
  walk: BatchWalk,
  { run, maxBytes }: { readonly run: Run; readonly maxBytes: number },
): void {
  const { segment, limit, indexes } = from;
  const reach = Math.min(run.start + maxBytes, limit.position - 1);
  const entry = indexes.offsets.floorPosition(reach);
  const position = entry < 0 ? 0 : indexes.offsets.positionOf(entry);
  if (position <= run.end || !segment.checked.covers(run.start, position)) return;
  const lastOffset = segment.baseOffset + indexes.offsets.relativeOffsetOf(entry);
  if (walk.skipTo(position, lastOffset)) run.extendTo(walk);
}

function walkFrom(
  from: ReadableSegment,
  entry: number,
  how: { readonly isWhole: boolean; readonly pieceBytes: number },
): BatchWalk {
  const position = entry < 0 ? 0 : from.indexes.offsets.positionOf(entry);
  return new BatchWalk(from.lease, {
    position,
    end: from.limit.position,
    expectedOffset: from.segment.baseOffset,
    isExact: false,
    batchBytesMax: from.batchBytesMax,
    isHot: position >= from.hotFrom,
    ...how,
  });
}

// Whether the walk stands where the index entry it began at points to, and what is there is not what the entry says.
function isStale(from: ReadableSegment, walk: BatchWalk, entry: number): boolean {
  const { offsets } = from.indexes;
  if (entry < 0 || walk.position !== offsets.positionOf(entry)) return false;
  const lastOffset = from.segment.baseOffset + offsets.relativeOffsetOf(entry);
  return walk.damage !== null || walk.nextOffset !== lastOffset + 1;
}

function isKnownGood(from: ReadableSegment, walk: BatchWalk): boolean {
  return from.segment.checked.covers(walk.position, walk.endPosition);
}

function damageError(from: ReadableSegment, walk: BatchWalk): LogError {
  const position = walk.position;
  const what = walk.damage ?? (walk.batchBytes > 0 ? "checksum" : "end");
  return new LogError(
    "CORRUPT_MESSAGE",
    `stored batch at byte ${position} of segment ${from.segment.baseOffset} is damaged (${what})`,
    { facts: { segmentBase: from.segment.baseOffset, position, damage: what } },
  );
}

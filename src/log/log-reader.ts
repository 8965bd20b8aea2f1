// Reads of a log: which segment, how far, and what to do when an index or the data turns out to be wrong.

import { viewOf } from "../base/bytes.ts";
import { LogError } from "../base/error.ts";
import { baseOffsetAt, nextOffsetAt, recordCountAt } from "../record/batch-header.ts";
import { wholeBatchBytes } from "../record/batch-size.ts";
import { abortedWithin } from "./aborted-lookup.ts";
import type { LogEnd } from "./active-segment.ts";
import {
  type IndexSource,
  type LoadedIndexes,
  loadIndexes,
  rebuildIndexes,
  writeIndexes,
} from "./index-files.ts";
import type { LogState } from "./log-state.ts";
import type { LogReadRequest, LogReadResult, TimedOffset } from "./log-types.ts";
import type { ProducerKeeper } from "./producer-keeper.ts";
import { removedError, type Segment } from "./segment.ts";
import type { AbortedSpan } from "./transaction-spans.ts";
import type { SegmentIndexes } from "./segment-indexes.ts";
import {
  type BatchRun,
  findByTime,
  findMaxTimestamp,
  type ReadableSegment,
  readBatches,
  staleIndex,
} from "./segment-reader.ts";

/** Bytes of the active segment that count as just written: they are in memory. */
const hotBytes = 4 << 20;

const nothing = new Uint8Array(0);

/** Reads of one log. */
export class LogReader {
  readonly #state: LogState;
  readonly #keeper: ProducerKeeper;
  /** Sealed segments whose index and log contradict each other, and it is not the index's fault. */
  readonly #damaged = new WeakSet<Segment>();

  constructor(state: LogState, keeper: ProducerKeeper) {
    this.#state = state;
    this.#keeper = keeper;
  }

  /** See `Log.read`. */
  read(request: LogReadRequest): Promise<LogReadResult> {
    return this.#steadily(() => this.#read(request));
  }

  async #read(request: LogReadRequest): Promise<LogReadResult> {
    const { offset, maxBytes } = request;
    const end = this.#endOf(request.upTo);
    this.#checkRange(offset, end);
    const isStable = request.upTo === "lastStableOffset";
    const endOffset = isStable ? this.#state.lastStableOffset : end.offset;
    if (offset >= endOffset) {
      return { bytes: nothing, nextOffset: offset, aborted: [], release: () => undefined };
    }
    const segment = this.#state.segments.floor(offset);
    const segments = isStable ? this.#state.segments.from(offset) : [];
    const from = await this.#open(segment, end);
    try {
      const found = await this.#retry(from, (source) => readBatches(source, offset, maxBytes));
      const run = cutAt(found, endOffset);
      if (run.nextOffset < endOffset && !holdsRecords(run.bytes)) {
        // Compaction left nothing here but offsets. Some clients would ask for the same offset again and again.
        from.lease.release();
        return await this.#read({ ...request, offset: run.nextOffset });
      }
      const range = { from: offset, to: run.nextOffset };
      const aborted = await abortedWithin(segments, range, (each) => this.#loadAborted(each));
      return { ...run, aborted, release: () => from.lease.release() };
    } catch (error) {
      from.lease.release();
      throw this.#explain(error, segment);
    }
  }

  /** See `Log.offsetForTime`. */
  offsetForTime(timestampMs: number): Promise<TimedOffset | null> {
    return this.#overAll(() => this.#offsetForTime(timestampMs));
  }

  /** See `Log.maxTimestamp`. */
  maxTimestamp(): Promise<TimedOffset | null> {
    return this.#overAll(() => this.#maxTimestamp());
  }

  async #offsetForTime(timestampMs: number): Promise<TimedOffset | null> {
    const { visible, logStartOffset } = this.#readable();
    for (const segment of this.#state.segments.all.slice()) {
      if (segment.isRemoved || segment.baseOffset >= visible.offset) continue;
      if ((await this.maxTimestampOf(segment)) < timestampMs) continue;
      const found = await this.#find(segment, visible, (from) =>
        findByTime(from, timestampMs, Math.max(logStartOffset, segment.baseOffset)),
      );
      if (found !== null) return found;
    }
    return null;
  }

  async #maxTimestamp(): Promise<TimedOffset | null> {
    const { visible, logStartOffset } = this.#readable();
    let best: TimedOffset | null = null;
    for (const segment of this.#state.segments.all.slice()) {
      if (segment.isRemoved || segment.baseOffset >= visible.offset) continue;
      if (best !== null && (await this.maxTimestampOf(segment)) <= best.timestampMs) continue;
      const found = await this.#find(segment, visible, (from) =>
        findMaxTimestamp(from, Math.max(logStartOffset, segment.baseOffset)),
      );
      if (found !== null && (best === null || found.timestampMs > best.timestampMs)) best = found;
    }
    return best;
  }

  /** Largest timestamp of a segment, Unix milliseconds; -1 when no record has one. @throws as `read` */
  async maxTimestampOf(segment: Segment): Promise<number> {
    const { active, config } = this.#state;
    if (segment === active.segment) return (await active.indexes(config)).maxTimestampMs;
    if (segment.maxTimestampMs !== null) return segment.maxTimestampMs;
    const from = await this.#open(segment, this.#state.visible);
    from.lease.release();
    segment.maxTimestampMs = from.indexes.maxTimestampMs;
    return segment.maxTimestampMs;
  }

  // What failed because compaction put another segment in the place of the one it worked on is done again.
  async #steadily<T>(work: () => Promise<T>): Promise<T> {
    const { segments } = this.#state;
    for (;;) {
      const { version } = segments;
      try {
        return await work();
      } catch (error) {
        await segments.settled();
        if (segments.version === version) throw error;
      }
    }
  }

  // Work over all segments is done again when they were not the same ones to its end.
  async #overAll<T>(work: () => Promise<T>): Promise<T> {
    const { segments } = this.#state;
    for (;;) {
      const { version } = segments;
      const result = await this.#steadily(work);
      if (segments.version === version) return result;
    }
  }

  async #find(
    segment: Segment,
    visible: LogEnd,
    search: (from: ReadableSegment) => Promise<TimedOffset | typeof staleIndex | null>,
  ): Promise<TimedOffset | null> {
    const from = await this.#open(segment, visible);
    try {
      return await this.#retry(from, search);
    } catch (error) {
      throw this.#explain(error, segment);
    } finally {
      from.lease.release();
    }
  }

  #readable(): { visible: LogEnd; logStartOffset: number } {
    this.#state.requireOpen();
    return { visible: this.#state.visible, logStartOffset: this.#state.logStartOffset };
  }

  async #loadAborted(segment: Segment): Promise<readonly AbortedSpan[]> {
    try {
      return await this.#keeper.loadAborted(segment);
    } catch (error) {
      throw this.#explain(error, segment);
    }
  }

  #endOf(upTo: LogReadRequest["upTo"]): LogEnd {
    const { active, health, visible } = this.#state;
    // After a failed sync nobody knows what of the rest will still be there after a restart.
    const isAll = upTo === "logEndOffset" && health.state !== "failed";
    return isAll ? active.written : visible;
  }

  #checkRange(offset: number, end: LogEnd): void {
    const state = this.#state;
    state.requireOpen();
    const { logStartOffset, logEndOffset, highWatermark } = state.positions();
    const facts = { offset, logStartOffset, highWatermark, logEndOffset };
    if (offset < logStartOffset) {
      const detail = `offset ${offset} is below the log start offset ${logStartOffset}`;
      throw new LogError("OFFSET_BELOW_LOG_START", detail, { facts });
    }
    if (offset < end.offset) return;
    if (state.health.state === "corrupt") {
      // Not "out of range": a consumer must not take the damage for the end and start over.
      const detail = `records from offset ${end.offset} on cannot be read: ${state.health.detail}`;
      throw new LogError("CORRUPT_MESSAGE", detail, { facts });
    }
    if (offset > logEndOffset) {
      const detail = `offset ${offset} is above the log end offset ${logEndOffset}`;
      throw new LogError("OFFSET_OUT_OF_RANGE", detail, { facts });
    }
  }

  async #open(segment: Segment, end: LogEnd): Promise<ReadableSegment> {
    const { active, config, options, segments } = this.#state;
    const batchBytesMax = options.limits.unsyncedBytesMax;
    if (segment === active.segment) {
      const hotFrom = Math.max(active.hotFrom, active.written.position - hotBytes);
      const indexes = await active.indexes(config);
      const lease = await active.lease(config);
      return { segment, lease, indexes, limit: end, hotFrom, batchBytesMax };
    }
    try {
      const following = segments.after(segment);
      if (following === null) throw removedError(segment);
      const position = await segment.size(options.disk);
      const lease = await options.files.acquire(segment.logPath, position);
      if (segment.isReplaced) {
        // Nobody knows whose file that is.
        lease.release();
        throw removedError(segment);
      }
      const limit = { offset: following.baseOffset, position };
      const hotFrom = Number.POSITIVE_INFINITY;
      const from = { segment, lease, limit, hotFrom, batchBytesMax };
      try {
        return { ...from, indexes: lease.indexes ?? (await this.#load(from)) };
      } catch (error) {
        lease.release();
        throw error;
      }
    } catch (error) {
      throw this.#explain(error, segment);
    }
  }

  async #load(from: Omit<ReadableSegment, "indexes">): Promise<SegmentIndexes> {
    const { segment, lease } = from;
    segment.loading ??= this.#loadSealed(from).finally(() => {
      segment.loading = null;
    });
    const indexes = await segment.loading;
    // The load may have been another reader's, whose lease the cache has let go of since.
    lease.keepIndexes(indexes);
    return indexes;
  }

  async #loadSealed(from: Omit<ReadableSegment, "indexes">): Promise<SegmentIndexes> {
    const loaded = await loadIndexes(from.segment, this.#indexSource(from));
    await this.#keep(from, loaded);
    return loaded.indexes;
  }

  // Keeps indexes of a sealed segment in memory, and on the disk when that has less.
  async #keep(from: Omit<ReadableSegment, "indexes">, loaded: LoadedIndexes): Promise<void> {
    const { segment, lease } = from;
    const countBefore = loaded.indexes.times.count;
    loaded.indexes.seal();
    lease.keepIndexes(loaded.indexes);
    const isAhead = loaded.isAhead || loaded.indexes.times.count > countBefore;
    if (!isAhead || !loaded.isComplete || segment.isRemoved) return;
    const { disk, logger } = this.#state.options;
    // Synced, for a torn time index could understate the segment's age.
    await writeIndexes(segment, loaded.indexes, { disk, logger, isSynced: true });
  }

  #indexSource(from: Omit<ReadableSegment, "indexes">): IndexSource {
    const { disk, logger } = this.#state.options;
    const { indexIntervalBytes } = this.#state.config;
    return {
      disk,
      logger,
      bytes: from.lease,
      end: from.limit.position,
      intervalBytes: indexIntervalBytes,
      batchBytesMax: from.batchBytesMax,
    };
  }

  // A stale index is made again from the log, for this read and those after it.
  async #retry<T>(
    from: ReadableSegment,
    search: (from: ReadableSegment) => Promise<T | typeof staleIndex>,
  ): Promise<T> {
    const found = await search(from);
    if (found !== staleIndex) return found;
    const { options, active } = this.#state;
    const { segment } = from;
    if (this.#damaged.has(segment)) throw contradiction(segment);
    options.logger.warn({ path: segment.indexPath }, "index contradicts the log, made again");
    const made = await rebuildIndexes(segment, this.#indexSource(from));
    if (segment === active.segment) active.distrustIndexes();
    else if (made.isComplete) await this.#keep(from, made);
    // It is the log that is damaged: the index it had leads past the damage, one made from it would not.
    else this.#damaged.add(segment);
    const again = await search({ ...from, indexes: made.indexes });
    if (again !== staleIndex) return again;
    throw contradiction(segment);
  }

  #explain(error: unknown, segment: Segment): unknown {
    const state = this.#state;
    if (segment.isRemoved && segment.baseOffset < state.logStartOffset) {
      return removedError(segment, error);
    }
    const isDamage = error instanceof LogError && error.code === "CORRUPT_MESSAGE";
    if (isDamage && segment === state.active.segment) state.condemn(error.message);
    return error;
  }
}

function contradiction(segment: Segment): LogError {
  return new LogError("CORRUPT_MESSAGE", `segment ${segment.baseOffset} contradicts itself`);
}

// A transaction begins with a batch, so the last stable offset never lies inside one.
function cutAt(run: BatchRun, endOffset: number): BatchRun {
  if (run.nextOffset <= endOffset) return run;
  const view = viewOf(run.bytes);
  let at = 0;
  let nextOffset = 0;
  while (baseOffsetAt(view, at) < endOffset) {
    nextOffset = nextOffsetAt(view, at);
    at += wholeBatchBytes(view, at);
  }
  return { bytes: run.bytes.subarray(0, at), nextOffset };
}

function holdsRecords(bytes: Uint8Array): boolean {
  const view = viewOf(bytes);
  for (let at = 0; at < bytes.length; at += wholeBatchBytes(view, at)) {
    if (recordCountAt(view, at) > 0) return true;
  }
  return false;
}

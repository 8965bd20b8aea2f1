// One partition's log: append, read, trim, retention, close. Offsets never change, never repeat, never skip.
//
// This is the door of the folder; the work is done by the writer (group commit), the reader and retention, which share
// one state and never run for long without giving way to the event loop.

import { LogError } from "../base/error.ts";
import { buildMarkerBatch, type TransactionMarker } from "../record/control-batch.ts";
import { ActiveSegment } from "./active-segment.ts";
import { cutLog, type LogCut } from "./log-cut.ts";
import { endlessRoom, type LogOptions } from "./log-options.ts";
import type { CompactionNeed } from "./compaction-plan.ts";
import type { CompactionFacts } from "./compaction-run.ts";
import { type CompactionResources, LogCompaction } from "./log-compaction.ts";
import { LogReader } from "./log-reader.ts";
import { type RecoveredLog, recoverLog } from "./log-recovery.ts";
import { LogRetention } from "./log-retention.ts";
import { type LogDamage, LogScrub, type ScrubPace, type ScrubResult } from "./log-scrub.ts";
import { LogState } from "./log-state.ts";
import type {
  LogCheckpoint,
  LogConfig,
  LogHealth,
  LogPositions,
  LogReadRequest,
  LogReadResult,
  PendingAppend,
  TimedOffset,
} from "./log-types.ts";
import { LogWriter } from "./log-writer.ts";
import type { ProducerEntry } from "./producer-entry.ts";
import { ProducerKeeper } from "./producer-keeper.ts";
import { type RecoveredProducers, recoverProducers } from "./producer-recovery.ts";
import { SegmentList } from "./segment.ts";

/** How an append is to be treated. */
export interface AppendOptions {
  /**
   * True (the default) starts a sync for it as soon as it is written. False leaves that to the log: `durable` then
   * resolves at the next sync, which comes when the disk is idle (`fsync`) or after `flushMs` (`os`).
   */
  readonly needsSync: boolean;
}

/** One partition's log. */
export class Log {
  readonly #state: LogState;
  readonly #writer: LogWriter;
  readonly #reader: LogReader;
  readonly #retention: LogRetention;
  readonly #compaction: LogCompaction;
  readonly #keeper: ProducerKeeper;
  readonly #scrub: LogScrub;
  // The checkpoint of a log that was found damaged: what was promised to be durable stays promised, or the next opening
  // would take the damage for a torn tail.
  readonly #promised: LogCheckpoint | null;
  #closing: Promise<void> | null = null;

  private constructor(options: LogOptions, recovered: RecoveredLog, producers: RecoveredProducers) {
    const segments = new SegmentList(recovered.segments);
    const { disk, files, logger, limits } = options;
    const { room = endlessRoom } = options;
    const parts = { disk, files, logger, batchBytesMax: limits.unsyncedBytesMax, room };
    const active = new ActiveSegment(segments.last, recovered.end, parts);
    const { logStartOffset, health } = recovered;
    const { baseOffset } = segments.first;
    this.#promised =
      health.state === "ok" ? null : (options.checkpoint ?? nothingPromised(baseOffset));
    const { states } = producers;
    this.#state = new LogState({
      options,
      segments,
      active,
      logStartOffset,
      health,
      producers: states,
      holesBelow: recovered.holesBelow,
    });
    this.#keeper = new ProducerKeeper(this.#state, producers, recovered.checkpoint);
    this.#writer = new LogWriter(this.#state, this.#keeper);
    this.#reader = new LogReader(this.#state, this.#keeper);
    this.#retention = new LogRetention({
      state: this.#state,
      writer: this.#writer,
      reader: this.#reader,
      keeper: this.#keeper,
    });
    this.#scrub = new LogScrub({
      state: this.#state,
      keeper: this.#keeper,
      alone: (work) => this.#retention.alone(work),
    });
    this.#compaction = new LogCompaction({
      state: this.#state,
      reader: this.#reader,
      retention: this.#retention,
      keeper: this.#keeper,
    });
  }

  /**
   * Opens a log, recovering it first when it was not closed cleanly. A damaged log opens too: see `health()`.
   * @throws KAFKA_STORAGE_ERROR when the directory cannot be read, or has no segment and may not be created;
   *         DISK_FULL when recovery has no room to keep what it must cut.
   */
  static async open(options: LogOptions): Promise<Log> {
    const recovered = await recoverLog(options);
    return new Log(options, recovered, await recoverProducers(options, recovered));
  }

  /**
   * Gives batches the next offsets and queues them. Synchronous: what was checked before in this turn still holds.
   *
   * @param batches One or more whole, valid v2 batches. The log owns the bytes from here on; base offset and leader
   *                epoch are overwritten in place. They are written together or not at all, into one segment.
   * @returns       Promises that may be ignored: they never cause an unhandled rejection. When there is no room they
   *                reject with DISK_FULL and the offsets are given to later appends.
   *                What a producer sent before is not appended again: the promises are those of the first append.
   * @throws        KAFKA_STORAGE_ERROR (failed, corrupt, closed), SERVER_OVERLOADED (queue full),
   *                MESSAGE_TOO_LARGE (larger than the unsynced window); of batches with a producer id
   *                OUT_OF_ORDER_SEQUENCE_NUMBER (`expectedSequence`), INVALID_PRODUCER_EPOCH, INVALID_TXN_STATE.
   *                Nothing was queued then.
   */
  append(batches: readonly Uint8Array[], options?: AppendOptions): PendingAppend {
    return this.#writer.append(batches, options?.needsSync ?? true);
  }

  /**
   * Ends a producer's transaction: appends its marker, which is harmless without an open transaction and still fences
   * older epochs.
   *
   * @param nowMs Unix milliseconds, the marker's timestamp.
   * @throws      INVALID_PRODUCER_EPOCH, TRANSACTION_COORDINATOR_FENCED, and as `append`.
   */
  appendMarker(marker: TransactionMarker, nowMs: number): PendingAppend {
    return this.#writer.append([buildMarkerBatch(marker, nowMs)], true);
  }

  /** Whether `append` of these batches would find that they are there already. Changes nothing, never throws. */
  isDuplicate(batches: readonly Uint8Array[]): boolean {
    const { producers, logEndOffset } = this.#state;
    try {
      return producers.plan(batches, logEndOffset)?.kind === "duplicate";
    } catch (error) {
      if (error instanceof LogError) return false;
      throw error;
    }
  }

  /** What is remembered of producers, in no order. */
  producers(): Iterable<ProducerEntry> {
    return this.#state.producers.entries();
  }

  /** Forgets producers that were silent since `beforeMs` (Unix milliseconds) and have no open transaction. */
  expireProducers(beforeMs: number): void {
    this.#state.producers.expire(beforeMs);
  }

  /** The positions at this instant. */
  positions(): LogPositions {
    return this.#state.positions();
  }

  /**
   * Calls `listener` synchronously after highWatermark or logStartOffset moved, and when the log fails or closes. It
   * must not throw.
   * @returns The function that stops it.
   */
  onAdvance(listener: () => void): () => void {
    return this.#state.listen(listener);
  }

  /**
   * Whole batches from the one that holds `offset` (or, where that was compacted away, the next one) on, all of one
   * segment. Their checksums are good.
   * @throws OFFSET_OUT_OF_RANGE above the end, OFFSET_BELOW_LOG_START, CORRUPT_MESSAGE, KAFKA_STORAGE_ERROR.
   */
  read(request: LogReadRequest): Promise<LogReadResult> {
    return this.#reader.read(request);
  }

  /**
   * The first readable record whose timestamp is at or after `timestampMs`; null when there is none.
   * @throws CORRUPT_MESSAGE, KAFKA_STORAGE_ERROR
   */
  offsetForTime(timestampMs: number): Promise<TimedOffset | null> {
    return this.#reader.offsetForTime(timestampMs);
  }

  /**
   * The first readable record that has the largest timestamp; null when there is no record.
   * @throws CORRUPT_MESSAGE, KAFKA_STORAGE_ERROR
   */
  maxTimestamp(): Promise<TimedOffset | null> {
    return this.#reader.maxTimestamp();
  }

  /**
   * Moves the log start forward, durably, and removes segments wholly below it. An offset below the log start changes
   * nothing.
   * @throws OFFSET_OUT_OF_RANGE above the high watermark; KAFKA_STORAGE_ERROR.
   */
  trim(offset: number): Promise<void> {
    return this.#retention.trim(offset);
  }

  /**
   * Rolls the active segment when its first record is older than `segmentMs`. @throws DISK_FULL, KAFKA_STORAGE_ERROR
   */
  async rollIfDue(): Promise<void> {
    if (this.#state.isClosed || this.#state.health.state !== "ok") return;
    await this.#writer.rollIfTooOld(this.#state.options.clock.nowMs());
  }

  /** Removes what retention says; resolves to the number of segments removed. @throws DISK_FULL, KAFKA_STORAGE_ERROR */
  applyRetention(): Promise<number> {
    return this.#retention.apply();
  }

  /**
   * How much of the log waits for compaction; null when nothing does, or its config does not ask for it.
   * @throws CORRUPT_MESSAGE, KAFKA_STORAGE_ERROR
   */
  compactionNeed(): Promise<CompactionNeed | null> {
    return this.#compaction.need();
  }

  /**
   * Compacts what can be compacted now, due or not. Everything that reads, appends or removes goes on meanwhile.
   *
   * @returns Null when there was nothing to do, or retention or `close` came between.
   * @throws  CORRUPT_MESSAGE when something cannot be read: it stays as it is, and so does all behind it; DISK_FULL,
   *          KAFKA_STORAGE_ERROR.
   */
  compact(resources: CompactionResources): Promise<CompactionFacts | null> {
    return this.#compaction.run(resources);
  }

  /** Keeps age and size from removing records from an offset on, for a holder; null lets go. A trim is not kept. */
  hold(holder: string, offset: number | null): void {
    if (offset === null) this.#state.holds.delete(holder);
    else this.#state.holds.set(holder, offset);
  }

  /** True while files are being replaced: there must be no cut. */
  get isChanging(): boolean {
    return this.#state.pins.areChanging;
  }

  /** The log as it is at this instant, for a backup; its files keep their names until the cut is released. */
  cut(): LogCut {
    return cutLog(this.#state, this.checkpoint());
  }

  /** Resolves when no files are being replaced. */
  settled(): Promise<void> {
    return this.#state.pins.settled();
  }

  /** Resolves when no cut is held any more. */
  uncut(): Promise<void> {
    return this.#state.pins.free();
  }

  /**
   * Reads every sealed segment once and holds it to its checksums; makes indexes again that are not its own.
   * @throws what `pace` throws; KAFKA_STORAGE_ERROR
   */
  scrub(pace: ScrubPace): Promise<ScrubResult> {
    return this.#scrub.run(pace);
  }

  /** Damaged places of sealed segments, the first of each, as the last looks at them found. */
  damage(): readonly LogDamage[] {
    return this.#scrub.damage;
  }

  /** New settings, in force from the next append on. */
  configure(config: LogConfig): void {
    this.#state.config = config;
    this.#state.advance();
  }

  /**
   * Resolves when everything appended so far is durable. @throws DISK_FULL, KAFKA_STORAGE_ERROR when it will not be.
   */
  flush(): Promise<void> {
    return this.#writer.flush();
  }

  /** The facts for the data directory's checkpoint, at this instant. It may lag behind the disk, never lead. */
  checkpoint(): LogCheckpoint {
    return this.#promised ?? this.#keeper.checkpoint();
  }

  /** Bytes of all segments. @throws KAFKA_STORAGE_ERROR */
  sizeBytes(): Promise<number> {
    return this.#retention.totalBytes();
  }

  /** Number of segments, the active one included. */
  segmentCount(): number {
    return this.#state.segments.count;
  }

  /** Bytes waiting for the disk. */
  queuedBytes(): number {
    return this.#writer.queuedBytes;
  }

  /** How healthy the log is. */
  health(): LogHealth {
    return this.#state.health;
  }

  /**
   * Refuses further calls, writes and syncs what is queued, writes the indexes and gives back reserved blocks.
   * Leases of reads stay valid. A second call waits for the first.
   * @throws KAFKA_STORAGE_ERROR, DISK_FULL when not everything became durable; the log is closed then as well.
   */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    const state = this.#state;
    const { files, directory } = state.options;
    const wasOk = state.health.state === "ok";
    state.isClosed = true;
    await this.#compaction.stop();
    await this.#retention.stop();
    await this.#writer.drain();
    try {
      if (state.health.state === "ok") await state.active.finish(false, state.config);
      await this.#keeper.close();
    } finally {
      await state.active.close();
      files.forgetDirectory(directory);
      state.notify();
    }
    if (wasOk && state.health.state !== "ok") {
      throw new LogError("KAFKA_STORAGE_ERROR", "the log could not be made durable while closing");
    }
  }
}

function nothingPromised(baseOffset: number): LogCheckpoint {
  return {
    recoveryPoint: baseOffset,
    logStartOffset: baseOffset,
    segmentBase: baseOffset,
    position: 0,
  };
}

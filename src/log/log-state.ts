// What the parts of one log share: its segments, its positions, its health. All changes are synchronous.
//
// At every instant logStartOffset <= lastStableOffset <= highWatermark <= end of what is written <= logEndOffset (the
// next offset to be given), and none of the first four ever goes back. Only `logEndOffset` does, when batches that
// nobody has been told of are given up for lack of room.

import { assert } from "../base/assert.ts";
import { LogError } from "../base/error.ts";
import type { ActiveSegment, LogEnd } from "./active-segment.ts";
import { FilePins } from "./file-pins.ts";
import type { LogOptions } from "./log-options.ts";
import type { LogCheckpoint, LogConfig, LogHealth, LogPositions } from "./log-types.ts";
import type { ProducerStates } from "./producer-states.ts";
import type { SegmentList } from "./segment.ts";

/** What a log begins with, as opening it found it. */
export interface LogStateParts {
  readonly options: LogOptions;
  readonly segments: SegmentList;
  readonly active: ActiveSegment;
  readonly logStartOffset: number;
  readonly health: LogHealth;
  readonly producers: ProducerStates;
  /** See `LogState.holesBelow`. */
  readonly holesBelow: number;
}

/** The mutable heart of a log. */
export class LogState {
  readonly options: LogOptions;
  readonly segments: SegmentList;
  readonly producers: ProducerStates;
  config: LogConfig;
  /** The last segment; replaced when it is rolled. */
  active: ActiveSegment;
  logStartOffset: number;
  /** Where the log is to start: told to the checkpoint first, so that no power cut takes back what was seen. */
  plannedStart: number;
  /** The high watermark and where it is in the active segment. */
  visible: LogEnd;
  logEndOffset: number;
  isClosed = false;
  /** Compaction may have left out batches inside segments below this offset; above it a missing one is damage. */
  holesBelow: number;
  /** Offsets from which on somebody needs the records, by who. Age and size remove nothing from the lowest on. */
  readonly holds = new Map<string, number>();
  /** Held while the files are taken by name: removed segments then keep theirs until later. */
  readonly pins = new FilePins();
  #health: LogHealth;
  readonly #listeners = new Set<() => void>();

  constructor(parts: LogStateParts) {
    this.options = parts.options;
    this.config = parts.options.config;
    this.segments = parts.segments;
    this.producers = parts.producers;
    this.active = parts.active;
    this.logStartOffset = parts.logStartOffset;
    this.plannedStart = parts.logStartOffset;
    this.visible = parts.active.durable;
    this.logEndOffset = parts.active.durable.offset;
    this.holesBelow = parts.holesBelow;
    this.#health = parts.health;
  }

  /** How healthy the log is. */
  get health(): LogHealth {
    return this.#health;
  }

  /** The positions at this instant. */
  positions(): LogPositions {
    return {
      logStartOffset: this.logStartOffset,
      highWatermark: this.visible.offset,
      lastStableOffset: this.lastStableOffset,
      logEndOffset: this.logEndOffset,
    };
  }

  /** Readers of committed records end here: at the first transaction that is not decided, else the high watermark. */
  get lastStableOffset(): number {
    const end = Math.min(this.producers.firstUndecidedOffset, this.visible.offset);
    return Math.max(end, this.logStartOffset);
  }

  /** What is durable now, as a checkpoint. */
  checkpoint(): LogCheckpoint {
    const { offset, position } = this.active.durable;
    const segmentBase = this.active.segment.baseOffset;
    return { recoveryPoint: offset, logStartOffset: this.plannedStart, segmentBase, position };
  }

  /** Adds a listener; returns the function that takes it away. */
  listen(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Calls the listeners. */
  notify(): void {
    for (const listener of this.#listeners) listener();
  }

  /** Moves the high watermark to what the durability setting makes visible. */
  advance(): void {
    this.producers.settleTo(this.active.durable.offset);
    const end = this.config.durability === "os" ? this.active.written : this.active.durable;
    if (end.offset <= this.visible.offset) return;
    this.visible = end;
    // A roll waits for the high watermark, so all these markers are in the active segment.
    this.active.segment.addAborted(this.producers.retireBelow(end.offset));
    this.notify();
  }

  /** Puts a new segment in the place of the active one, which is durable to its end. */
  replaceActive(active: ActiveSegment): void {
    const before = this.active;
    assert(before.durable.offset === active.segment.baseOffset, "a roll follows a sync");
    assert(this.visible.offset === before.durable.offset, "what is durable is visible");
    before.segment.sizeBytes = before.written.position;
    this.segments.append(active.segment);
    this.active = active;
    this.visible = active.durable;
  }

  /** Plans to move the log start forward. */
  planStart(offset: number): void {
    assert(offset <= this.visible.offset, "a log starts at or below its high watermark");
    this.plannedStart = Math.max(this.plannedStart, offset);
  }

  /** Moves the log start forward, to where the checkpoint has it already. */
  startAt(offset: number): void {
    assert(offset <= this.plannedStart, "a log start is durable before it is seen");
    if (offset <= this.logStartOffset) return;
    this.logStartOffset = offset;
    this.notify();
  }

  /** Nothing more is written, for good: the disk cannot be believed. */
  latch(detail: string, cause: unknown): void {
    if (this.#health.state !== "ok") return;
    this.#health = { state: "failed", detail };
    this.options.logger.error({ err: cause, directory: this.options.directory }, detail);
    this.notify();
  }

  /** Stored bytes of the active segment are not what was written: no appends behind them. */
  condemn(detail: string): void {
    if (this.#health.state !== "ok") return;
    this.#health = { state: "corrupt", detail };
    this.options.logger.error({ directory: this.options.directory }, detail);
    this.notify();
  }

  /** @throws KAFKA_STORAGE_ERROR when the log is closed. */
  requireOpen(): void {
    if (!this.isClosed) return;
    throw new LogError("KAFKA_STORAGE_ERROR", "the log is closed", { facts: this.#facts() });
  }

  /** @throws KAFKA_STORAGE_ERROR when the log is closed, failed or corrupt. */
  requireWritable(): void {
    this.requireOpen();
    if (this.#health.state !== "ok") throw this.refusal();
  }

  /** The error of every write to a failed or corrupt log. */
  refusal(cause?: unknown): LogError {
    const detail =
      this.#health.state === "ok"
        ? "the log cannot be written"
        : `the log is ${this.#health.state}: ${this.#health.detail}`;
    return new LogError("KAFKA_STORAGE_ERROR", detail, { facts: this.#facts(), cause });
  }

  #facts(): { highWatermark: number } {
    return { highWatermark: this.visible.offset };
  }
}

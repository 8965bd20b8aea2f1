// One partition's log: append, read, trim, retention, close. Offsets never change, never repeat, never skip.

import type {
  LogCheckpoint,
  LogConfig,
  LogHealth,
  LogPositions,
  LogReadRequest,
  LogReadResult,
  PendingAppend,
} from "./log-types.ts";
import type { LogOptions } from "./log-options.ts";

/** How an append is to be treated. */
export interface AppendOptions {
  /**
   * True (the default) starts a sync for it as soon as it is written. False leaves that to the log: `durable` then
   * resolves at the next sync, which comes when the disk is idle (`fsync`) or after `flushMs` (`os`).
   */
  readonly needsSync: boolean;
}

/** A record found by its time. */
export interface TimedOffset {
  readonly offset: number;
  readonly timestampMs: number;
}

/** One partition's log. */
export class Log {
  readonly #options: LogOptions;

  private constructor(options: LogOptions) {
    this.#options = options;
  }

  /**
   * Opens a log, recovering it first when it was not closed cleanly. A damaged log opens too: see `health()`.
   * @throws KAFKA_STORAGE_ERROR when the directory cannot be read, or has no segment and may not be created.
   */
  static open(options: LogOptions): Promise<Log> {
    return Promise.resolve(new Log(options));
  }

  /**
   * Gives batches the next offsets and queues them. Synchronous: what was checked before in this turn still holds.
   *
   * @param batches One or more whole, valid v2 batches. The log owns the bytes from here on; base offset and leader
   *                epoch are overwritten in place. They are written together or not at all.
   * @returns       Promises that may be ignored: they never cause an unhandled rejection.
   * @throws        KAFKA_STORAGE_ERROR (failed, corrupt, closed), SERVER_OVERLOADED (queue full),
   *                MESSAGE_TOO_LARGE (larger than the unsynced window). Nothing was queued then.
   */
  append(batches: readonly Uint8Array[], options?: AppendOptions): PendingAppend {
    throw new Error(`not yet ${batches.length} ${options?.needsSync}`);
  }

  /** The positions at this instant. */
  positions(): LogPositions {
    throw new Error("not yet");
  }

  /** Calls `listener` synchronously after highWatermark or logStartOffset moved, and when the log fails or closes. */
  onAdvance(listener: () => void): void {
    void listener;
  }

  /**
   * Whole batches from the one that holds `offset` (or, where that was compacted away, the next one) on.
   * @throws OFFSET_OUT_OF_RANGE above the end, OFFSET_BELOW_LOG_START, CORRUPT_MESSAGE, KAFKA_STORAGE_ERROR.
   */
  read(request: LogReadRequest): Promise<LogReadResult> {
    throw new Error(`not yet ${request.offset}`);
  }

  /** The first readable record whose timestamp is at or after `timestampMs`; null when there is none. */
  offsetForTime(timestampMs: number): Promise<TimedOffset | null> {
    throw new Error(`not yet ${timestampMs}`);
  }

  /** The first readable record that has the largest timestamp; null when there is no record. */
  maxTimestamp(): Promise<TimedOffset | null> {
    throw new Error("not yet");
  }

  /**
   * Moves the log start forward and removes segments wholly below it.
   * @throws OFFSET_OUT_OF_RANGE above the high watermark. An offset below the log start changes nothing.
   */
  trim(offset: number): Promise<void> {
    throw new Error(`not yet ${offset}`);
  }

  /** Rolls the active segment when its first record is older than `segmentMs`. */
  rollIfDue(): Promise<void> {
    throw new Error("not yet");
  }

  /** Removes what retention says; resolves to the number of segments removed. */
  applyRetention(): Promise<number> {
    throw new Error("not yet");
  }

  /** New settings, in force from the next append on. */
  configure(config: LogConfig): void {
    void config;
  }

  /** Resolves when everything appended so far is durable. */
  flush(): Promise<void> {
    throw new Error("not yet");
  }

  /** The facts for the data directory's checkpoint, at this instant. */
  checkpoint(): LogCheckpoint {
    throw new Error("not yet");
  }

  /** Bytes of all segments. */
  sizeBytes(): Promise<number> {
    throw new Error("not yet");
  }

  /** Number of segments, the active one included. */
  segmentCount(): number {
    throw new Error("not yet");
  }

  /** Bytes waiting for the disk. */
  queuedBytes(): number {
    throw new Error("not yet");
  }

  /** How healthy the log is. */
  health(): LogHealth {
    throw new Error("not yet");
  }

  /**
   * Refuses further appends, writes and syncs what is queued, writes the indexes and gives back reserved blocks. Leases
   * of reads stay valid. Rejects when the last sync failed; the log is closed then as well.
   */
  close(): Promise<void> {
    return Promise.resolve(this.#options.logger.debug({}, "closed"));
  }
}

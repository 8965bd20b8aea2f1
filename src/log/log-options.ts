// What a log is opened with: its seams, its settings, its bounds, and whom it tells about its work.

import type { Clock } from "../base/clock.ts";
import type { Logger } from "../base/logger.ts";
import type { Random } from "../base/random.ts";
import type { Disk } from "../storage/disk.ts";
import type { FileCache } from "./file-cache.ts";
import type { LogCheckpoint, LogConfig } from "./log-types.ts";

/** What opening a log that was not closed cleanly found and did. */
export interface RecoveryFacts {
  /** Bytes read and checked, from the recovery point on. */
  readonly scannedBytes: number;
  /** Bytes of a torn tail that were set aside and cut. */
  readonly cutBytes: number;
  /** Log end offset after recovery. */
  readonly logEndOffset: number;
}

/** Hears what a log does, as numbers for metrics. Called synchronously; must not throw. */
export interface LogObserver {
  /** A group of batches is in the page cache. */
  appended(bytes: number, records: number): void;
  /** A sync has succeeded after `durationMs`; it made `bytes` durable. */
  synced(durationMs: number, bytes: number): void;
  /** A log has been recovered. */
  recovered(facts: RecoveryFacts): void;
}

/** Hears nothing. */
export const silentObserver: LogObserver = {
  appended: () => undefined,
  synced: () => undefined,
  recovered: () => undefined,
};

/** Bounds of one log's memory and of what a power cut can tear. Bytes. */
export interface LogLimits {
  /** Appends are grouped up to this size; a single larger append is a group of its own. */
  readonly groupBytesMax: number;
  /**
   * At most this much is written and not synced (W). Recovery needs it: damage with valid data this far behind it is
   * corruption and not a torn tail, so it must never be lowered for a directory that was written with more.
   */
  readonly unsyncedBytesMax: number;
  /** At most this much waits for the disk; more is refused with SERVER_OVERLOADED. */
  readonly queuedBytesMax: number;
}

/** 1 MiB groups, 16 MiB unsynced, 8 MiB queued beside an append that is larger by itself. */
export const defaultLimits: LogLimits = {
  groupBytesMax: 1 << 20,
  unsyncedBytesMax: 16 << 20,
  queuedBytesMax: 8 << 20,
};

/** How much room the disk has, for all its logs. */
export interface LogRoom {
  /** True while what is removed is to go at once. */
  readonly isShort: boolean;
  /** How many of so many bytes a log may reserve ahead of need; it is taken to do so. */
  reservable(bytes: number): number;
}

/** A disk that has always room. */
export const endlessRoom: LogRoom = { isShort: false, reservable: (bytes) => bytes };

/** Everything a log is opened with. */
export interface LogOptions {
  /** The partition's directory; its files belong to this log alone. */
  readonly directory: string;
  readonly disk: Disk;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly config: LogConfig;
  /** The log's entry in the data directory's checkpoint; null when there is none. */
  readonly checkpoint: LogCheckpoint | null;
  /** Makes the directory and the first segment when there are none; else an empty directory is an error. */
  readonly createIfMissing: boolean;
  /**
   * Writes the data directory's checkpoint with this log's `checkpoint()` in it, durably. Awaited before any file below
   * a new log start is removed.
   */
  readonly persistCheckpoint: () => Promise<void>;
  readonly observer: LogObserver;
  readonly limits: LogLimits;
  /** Open files and maps, shared by all logs of a process. */
  readonly files: FileCache;
  /** Says how old records are; the wall clock when absent. */
  readonly ageClock?: Pick<Clock, "nowMs">;
  /** Says how much room the disk has; there is always enough when absent. */
  readonly room?: LogRoom;
}

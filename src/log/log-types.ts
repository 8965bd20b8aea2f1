// What one partition's log promises to the floors above: settings, positions, and the results of append and read.

import type { AbortedSpan } from "./transaction-spans.ts";

/** When `highWatermark` moves: after a sync (`fsync`), or once the bytes are in the page cache (`os`). */
export type Durability = "fsync" | "os";

/** How a log is compacted. Times are milliseconds; Infinity is no bound. */
export interface CompactionConfig {
  /** Compaction waits until more than this part of the log is new, 0 to 1. */
  readonly dirtyRatioMin: number;
  /** A record is not compacted before it is this old. */
  readonly minLagMs: number;
  /** A record does not wait longer than this. */
  readonly maxLagMs: number;
  /** How long a tombstone, and the marker of an empty transaction, stays after it was first compacted. */
  readonly deleteRetentionMs: number;
}

/** Settings of one log. Sizes are bytes, times milliseconds; -1 and Infinity as noted. */
export interface LogConfig {
  /** A segment is rolled before it grows past this. */
  readonly segmentBytes: number;
  /** A segment is rolled when its first record is this old. */
  readonly segmentMs: number;
  /** Largest random part subtracted from `segmentMs`, so that many segments do not roll at once. */
  readonly segmentJitterMs: number;
  /** At most this many bytes of log between two offset index entries. */
  readonly indexIntervalBytes: number;
  /** Largest size of an index file; the segment is rolled when it is reached. */
  readonly segmentIndexBytes: number;
  /** Sealed segments whose newest record is older are removed; -1 keeps them. */
  readonly retentionMs: number;
  /** Oldest segments are removed while the log would stay at least this large; -1 keeps them. */
  readonly retentionBytes: number;
  /** False where cleanup.policy does not contain `delete`: then age and size remove nothing. */
  readonly deleteByRetention: boolean;
  /** Null where cleanup.policy does not contain `compact`. */
  readonly compaction: CompactionConfig | null;
  /** When `highWatermark` moves. */
  readonly durability: Durability;
  /** Unsynced bytes are synced at the latest after this long (acks=1, `os`). */
  readonly flushMs: number;
  /** Unsynced records are synced at the latest after this many. */
  readonly flushMessages: number;
  /** Removed segments are kept under `.deleted` names this long before they are unlinked. */
  readonly fileDeleteDelayMs: number;
}

/**
 * The positions of a log, taken at one instant: logStartOffset <= lastStableOffset <= highWatermark <= logEndOffset.
 */
export interface LogPositions {
  /** Oldest offset readable. */
  readonly logStartOffset: number;
  /** Offsets below are readable: durable by the log's policy. */
  readonly highWatermark: number;
  /** Offsets below are readable and belong to no transaction that may still be aborted. */
  readonly lastStableOffset: number;
  /** Next offset to be given. */
  readonly logEndOffset: number;
}

/** An append that has its offsets and is on its way to the disk, or was there before. */
export interface PendingAppend {
  /** Offset of the first record. */
  readonly baseOffset: number;
  /** One past the offset of the last record. */
  readonly nextOffset: number;
  /** Resolves when the bytes are in the page cache: they survive the death of the process. */
  readonly written: Promise<void>;
  /** Resolves when a sync that began after the write has succeeded: they survive a power cut. */
  readonly durable: Promise<void>;
  /** Nothing was appended: the producer repeats itself, and all other fields are those of the first append. */
  readonly isDuplicate: boolean;
  /** Largest timestamp of the batches as they are stored, Unix milliseconds. */
  readonly maxTimestampMs: number;
}

/** What to read. */
export interface LogReadRequest {
  /** First offset wanted; batches are returned whole, so the first may begin below it. */
  readonly offset: number;
  /** Soft limit in bytes: the first batch is returned even when it is larger. */
  readonly maxBytes: number;
  /** Read up to here: never past `highWatermark` unless a coordinator replays its own log. */
  readonly upTo: "lastStableOffset" | "highWatermark" | "logEndOffset";
}

/** Whole batches from a log. The bytes are on loan until `release` and must not be changed. */
export interface LogReadResult {
  /** Whole stored batches back to back; empty when there is nothing to read yet. */
  readonly bytes: Uint8Array;
  /** One past the last offset of the returned batches, or the offset asked for when empty. */
  readonly nextOffset: number;
  /** Up to `lastStableOffset`: the aborted transactions that touch the batches, by first offset. Else empty. */
  readonly aborted: readonly AbortedSpan[];
  /** Gives the bytes back. Calling it twice is harmless. */
  release(): void;
}

/** A record found by its time. */
export interface TimedOffset {
  readonly offset: number;
  readonly timestampMs: number;
}

/** The facts that let a log be opened without a scan; one entry of the data directory's checkpoint. */
export interface LogCheckpoint {
  /** Everything below was synced when this was taken. */
  readonly recoveryPoint: number;
  /** Oldest readable offset. */
  readonly logStartOffset: number;
  /** Base offset of the segment that holds the recovery point. */
  readonly segmentBase: number;
  /** Byte position in that segment where the recovery point's batch begins (its end, when nothing follows). */
  readonly position: number;
}

/** How healthy a log is. `corrupt` and `failed` logs refuse appends and still serve what can be read. */
export type LogHealth =
  | { readonly state: "ok" }
  | { readonly state: "corrupt"; readonly detail: string }
  | { readonly state: "failed"; readonly detail: string };

// Settings and seams of a broker: bounds, intervals, and whom it tells about its work.

import type { ScrubGauges } from "./scrubber.ts";
import type { LogObserver } from "../log/log-options.ts";
import type { DiskLevel, DiskMarks } from "./disk-watch.ts";

const MiB = 1024 * 1024;

/** Settings. Sizes are bytes, times milliseconds. */
export interface BrokerSettings extends DiskMarks {
  /** Whether `ensure` creates a topic that does not exist. */
  readonly autoCreateTopics: boolean;
  /** Partitions of a topic created without a count. */
  readonly defaultPartitions: number;
  /** Config of topics that do not set it themselves, as text by key. */
  readonly topicDefaults: Readonly<Record<string, string>>;
  /** Most partitions of one topic. */
  readonly topicPartitionsMax: number;
  /** Most partitions of all topics together. */
  readonly partitionsMax: number;
  /** Bytes of appends held until they are as safe as asked for; past it producers wait. */
  readonly inFlightBytesMax: number;
  /** How long a producer or reader waits for room before it is refused. */
  readonly admissionWaitMs: number;
  /** How many wait for room at most; more are refused at once. */
  readonly admissionsMax: number;
  /** Largest reply of a fetch, save for a single batch that is larger. */
  readonly replyBytesMax: number;
  /** Bytes of replies lent out and not released; past it fetches wait. */
  readonly lentBytesMax: number;
  /** How many fetches wait for data at most. */
  readonly parkedFetchesMax: number;
  /** Segment files kept open for reading. */
  readonly openFilesMax: number;
  /** Time between looks at the age and size of segments. */
  readonly retentionCheckIntervalMs: number;
  /** Time between looks at what waits for compaction. */
  readonly compactionCheckIntervalMs: number;
  /** What compaction reads and writes a second at most; 0 is no bound. */
  readonly compactionBytesPerSecond: number;
  /** Memory for the keys of one compaction. */
  readonly compactionKeyBytesMax: number;
  /** How long a partition remembers a silent producer. */
  readonly producerIdExpirationMs: number;
  /** How long a wall clock that has jumped must stand by it before anything is removed by its word. */
  readonly clockHoldMs: number;
  /** Least time between checkpoints of recovery points. */
  readonly checkpointIntervalMs: number;
  /** How long an append may take before its producer hears that it is not known how it ended. */
  readonly produceTimeoutMs: number;
  /** How fast sealed segments are looked through, MiB a second; 0: not at all. */
  readonly scrubMibPerSecond: number;
  /** Time from the begin of one look through all of them to the next. */
  readonly scrubIntervalMs: number;
  /** Segments of the server's own topics, as they are made; what exists keeps its size. */
  readonly stateSegmentBytes: number;
  /** How much the log of a state machine grows, at the least, before its whole state is written again and it is cut. */
  readonly stateSnapshotBytes: number;
}

/** What holds when nothing else is said. */
export const defaultBrokerSettings: BrokerSettings = {
  autoCreateTopics: true,
  defaultPartitions: 1,
  topicDefaults: {},
  topicPartitionsMax: 10_000,
  partitionsMax: 20_000,
  inFlightBytesMax: 256 * MiB,
  admissionWaitMs: 5000,
  admissionsMax: 10_000,
  replyBytesMax: 55 * MiB,
  lentBytesMax: 256 * MiB,
  parkedFetchesMax: 100_000,
  openFilesMax: 512,
  retentionCheckIntervalMs: 300_000,
  compactionCheckIntervalMs: 15_000,
  compactionBytesPerSecond: 64 * MiB,
  compactionKeyBytesMax: 128 * MiB,
  producerIdExpirationMs: 86_400_000,
  clockHoldMs: 86_400_000,
  checkpointIntervalMs: 1000,
  produceTimeoutMs: 30_000,
  diskWarnBytes: 1024 * MiB,
  diskWarnPercent: 5,
  diskReserveBytes: 64 * MiB,
  diskReservePercent: 1,
  diskStallMs: 10_000,
  scrubMibPerSecond: 8,
  scrubIntervalMs: 86_400_000,
  stateSegmentBytes: 16 * MiB,
  stateSnapshotBytes: 4 * MiB,
};

/** Hears what a broker does, as numbers for metrics. Called synchronously; must not throw. */
export interface BrokerObserver extends LogObserver {
  /** A produce has been answered, this long after it came. */
  produced(durationMs: number): void;
  /** A fetch has been answered with this many bytes. */
  fetched(bytes: number): void;
}

/** Hears nothing. */
export const silentBrokerObserver: BrokerObserver = {
  appended: () => undefined,
  synced: () => undefined,
  recovered: () => undefined,
  produced: () => undefined,
  fetched: () => undefined,
};

/** What compaction did since the start, and what waits for it. */
export interface CompactionGauges {
  readonly runs: number;
  /** Runs that ended at something they could not read or write. */
  readonly errors: number;
  readonly bytesRead: number;
  readonly bytesWritten: number;
  /** What logs became smaller by. */
  readonly bytesRemoved: number;
  /** When the last run ended well, Unix milliseconds; -1 before the first. */
  readonly lastRunMs: number;
  /** Largest part of a log that was not compacted at the last look, 0 to 1. */
  readonly dirtyRatio: number;
  /** Bytes that waited at the last look. */
  readonly dirtyBytes: number;
}

/** Numbers of a broker at one instant. */
export interface BrokerGauges extends ScrubGauges {
  readonly topics: number;
  readonly partitions: number;
  /** Bytes of appends held until they are as safe as asked for. */
  readonly inFlightBytes: number;
  /** Bytes of replies lent out. */
  readonly lentBytes: number;
  /** Fetches that wait for data. */
  readonly parkedFetches: number;
  /** Segment files kept open for reading. */
  readonly openFiles: number;
  /** Free bytes of the file system at the last look; Infinity before the first. */
  readonly freeBytes: number;
  /** How full it was then. */
  readonly diskLevel: DiskLevel;
  /** For how long the disk has not answered, milliseconds; 0 when it does. */
  readonly diskStalledMs: number;
  /** How far the wall clock is ahead of what is believed, milliseconds; 0 when it is believed. */
  readonly clockDoubtedMs: number;
  readonly compaction: CompactionGauges;
}

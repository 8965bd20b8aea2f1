// One log over a disk in memory, with what its owner keeps for it: the checkpoint, on that disk.

import type { Logger } from "../../src/base/logger.ts";
import { seededRandom } from "../../src/base/random.ts";
import { FileCache } from "../../src/log/file-cache.ts";
import { Log } from "../../src/log/log.ts";
import {
  type LogLimits,
  type LogObserver,
  type LogOptions,
  silentObserver,
} from "../../src/log/log-options.ts";
import type { LogCheckpoint, LogConfig } from "../../src/log/log-types.ts";
import { type Disk, readWhole, replaceWhole } from "../../src/storage/disk.ts";
import { batchOf, type ReadRecord, recordsOf } from "./batches.ts";
import { FakeClock } from "./fake-clock.ts";

/** Where the fixture's log is. */
export const logDirectory = "/data/orders-0";
const checkpointPath = "/data/checkpoint";

/** Small sizes, so that a few records fill segments and indexes. */
export const smallConfig: LogConfig = {
  segmentBytes: 1024,
  segmentMs: 1_000_000_000,
  segmentJitterMs: 0,
  indexIntervalBytes: 200,
  segmentIndexBytes: 4096,
  retentionMs: -1,
  retentionBytes: -1,
  deleteByRetention: true,
  compaction: null,
  durability: "fsync",
  flushMs: 1000,
  flushMessages: Number.POSITIVE_INFINITY,
  fileDeleteDelayMs: 60_000,
};

/** Small limits to go with them. */
export const smallLimits: LogLimits = {
  groupBytesMax: 4096,
  unsyncedBytesMax: 4096,
  queuedBytesMax: 16_384,
};

/** What a test sets apart from the defaults. */
export interface FixtureOptions {
  readonly disk: Disk;
  readonly clock?: FakeClock;
  readonly config?: Partial<LogConfig>;
  readonly limits?: Partial<LogLimits>;
  readonly observer?: LogObserver;
  readonly logger?: Logger;
  readonly directory?: string;
  readonly seed?: number;
}

/** Warnings and errors that a log has logged. */
export class KeptLogger implements Logger {
  readonly warnings: string[] = [];
  readonly errors: string[] = [];
  debug(): void {}
  info(): void {}
  warn(_facts: object, message: string): void {
    this.warnings.push(message);
  }
  error(_facts: object, message: string): void {
    this.errors.push(message);
  }
}

/** A log and its owner's part of the disk. */
export class LogFixture {
  readonly disk: Disk;
  readonly clock: FakeClock;
  readonly logger: Logger;
  readonly files: FileCache;
  readonly #options: FixtureOptions;
  #log: Log | null = null;

  constructor(options: FixtureOptions) {
    this.#options = options;
    this.disk = options.disk;
    this.clock = options.clock ?? new FakeClock();
    this.logger = options.logger ?? new KeptLogger();
    const { disk, logger } = this;
    this.files = new FileCache({ disk, logger, filesMax: 4, indexBytesMax: 1 << 20 });
  }

  /** Warnings and errors so far. */
  get kept(): KeptLogger {
    return this.logger as KeptLogger;
  }

  /** The settings the log was opened with. */
  get config(): LogConfig {
    return { ...smallConfig, ...this.#options.config };
  }

  /** The open log. */
  get log(): Log {
    if (this.#log === null) throw new Error("the fixture's log is not open");
    return this.#log;
  }

  /** Opens the log as its owner would at start. */
  async open(more: Partial<LogOptions> = {}): Promise<Log> {
    const { disk } = this;
    await disk.makeDirectory("/data");
    await disk.syncDirectory("/");
    // A checkpoint that a dead process renamed into place is seen but may not be durable yet.
    await disk.syncDirectory("/data");
    const checkpoint = await this.storedCheckpoint();
    return this.openAlone({ checkpoint, ...more });
  }

  /** Opens the log alone; whoever calls plays its owner. */
  async openAlone(more: Partial<LogOptions>): Promise<Log> {
    const { disk } = this;
    this.#log = await Log.open({
      directory: this.#options.directory ?? logDirectory,
      disk,
      clock: this.clock,
      random: seededRandom(this.#options.seed ?? 1),
      logger: this.logger,
      config: this.config,
      checkpoint: null,
      createIfMissing: true,
      persistCheckpoint: () => this.persist(),
      observer: this.#options.observer ?? silentObserver,
      limits: { ...smallLimits, ...this.#options.limits },
      files: this.files,
      ...more,
    });
    return this.#log;
  }

  /** The checkpoint as it is on the disk. */
  async storedCheckpoint(): Promise<LogCheckpoint | null> {
    const bytes = await readWhole(this.disk, checkpointPath);
    return bytes === null ? null : (JSON.parse(Buffer.from(bytes).toString()) as LogCheckpoint);
  }

  /** Writes the checkpoint of the open log. */
  async persist(): Promise<void> {
    const text = JSON.stringify(this.log.checkpoint());
    await replaceWhole(this.disk, checkpointPath, Buffer.from(text));
  }

  /** Closes the log and leaves the disk as after an orderly stop. */
  async closeClean(): Promise<void> {
    await this.log.close();
    await this.persist();
  }

  /** All records below `end`, for logs that are damaged from there on. */
  async readAllBelow(end: number): Promise<readonly ReadRecord[]> {
    const records: ReadRecord[] = [];
    let next = this.log.positions().logStartOffset;
    while (next < end) {
      const result = await this.log.read({ offset: next, maxBytes: 300, upTo: "highWatermark" });
      records.push(...recordsOf(result.bytes));
      result.release();
      next = result.nextOffset;
    }
    return records;
  }

  /** All records from `offset` on, read in steps of `maxBytes`; every lease is given back. */
  async readAll(offset: number, maxBytes = 300): Promise<readonly ReadRecord[]> {
    const records: ReadRecord[] = [];
    let next = offset;
    for (;;) {
      const result = await this.log.read({ offset: next, maxBytes, upTo: "highWatermark" });
      if (result.bytes.length === 0) return records;
      const whole = recordsOf(result.bytes);
      records.push(...whole.filter((record) => record.offset >= next));
      result.release();
      next = result.nextOffset;
    }
  }
}

/** A batch whose records have these values and, from the first time on, one millisecond between them. */
export function batchOfValues(values: readonly string[], timestampMs = 1000): Uint8Array {
  return batchOf(values.map((value, index) => ({ value, timestampMs: timestampMs + index })));
}

/** A batch of one record, `bytes` long in all (at least 80). */
export function batchOfSize(bytes: number, timestampMs = 1000): Uint8Array {
  for (let length = Math.max(0, bytes - 75); ; length++) {
    const batch = batchOf([{ value: "x".repeat(length), timestampMs }]);
    if (batch.length === bytes) return batch;
    if (batch.length > bytes) throw new Error(`no batch of one record has ${bytes} bytes`);
  }
}

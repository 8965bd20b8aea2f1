// What a server does unasked: rolls and removes old segments, forgets silent producers, removes deleted topics'
// directories, watches the disk.
//
// One log at a time, with a turn of the event loop between two, so that thousands of partitions hold nobody up.

import type { Clock, Timer } from "../base/clock.ts";
import { LogError } from "../base/error.ts";
import type { Logger } from "../base/logger.ts";
import type { DataDirectory } from "../storage/data-directory.ts";
import { writeClockFile } from "../storage/clock-file.ts";
import { type Disk, isShortOfRoom } from "../storage/disk.ts";
import type { DiskWatch } from "./disk-watch.ts";
import type { Partition } from "./partition.ts";
import type { Topics } from "./topics.ts";

/** What housekeeping works with. */
export interface HousekeepingOptions {
  readonly topics: Topics;
  readonly data: DataDirectory;
  readonly disk: Disk;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly diskWatch: DiskWatch;
  /** Says how old things are. */
  readonly ageClock: Clock;
  /** Time between two rounds. */
  readonly intervalMs: number;
  /** How long a partition remembers a silent producer, in milliseconds. */
  readonly producerIdExpirationMs: number;
}

/** Rounds over all partitions. */
export class Housekeeping {
  readonly #options: HousekeepingOptions;
  #timer: Timer | null = null;
  #round: Promise<void> | null = null;
  #removal: Promise<void> | null = null;
  #isClosed = false;

  /** @param options Topics and the data directory. */
  constructor(options: HousekeepingOptions) {
    this.#options = options;
  }

  /** Begins with a first round now and goes on until `close`. */
  start(): void {
    this.removeRetired();
    void this.run();
  }

  /**
   * A whole round that begins now, or after the one under way. Never rejects: what fails is logged and tried again by
   * the next round.
   */
  async run(): Promise<void> {
    await this.#round;
    if (this.#isClosed) return;
    this.#timer?.cancel();
    this.#round ??= this.#runRound().finally(() => {
      this.#round = null;
      if (this.#isClosed) return;
      this.#timer = this.#options.clock.after(this.#options.intervalMs, () => void this.run());
    });
    await this.#round;
  }

  /** Removes the directories of deleted topics after a delay, or at once where the disk is short of room. */
  removeRetiredAfter(delayMs: number): void {
    const { clock, data, disk, diskWatch } = this.#options;
    void isShortOfRoom(disk, data.path).then((isShort) => {
      clock.after(isShort || diskWatch.isShort ? 0 : delayMs, () => this.removeRetired());
    });
  }

  /** Removes the directories of deleted topics, in the background. */
  removeRetired(): void {
    const { data, logger } = this.#options;
    if (this.#isClosed) return;
    const before = this.#removal ?? Promise.resolve();
    const removal = before
      .then(() => data.removeRetired())
      .then(
        () => undefined,
        (error: unknown) => logger.warn({ err: error }, "deleted topics are not removed yet"),
      );
    this.#removal = removal;
  }

  /** Begins nothing any more; resolves when what was under way has ended. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#timer?.cancel();
    await this.#round;
    await this.#removal;
  }

  async #runRound(): Promise<void> {
    const { topics, diskWatch, ageClock, disk, data, logger } = this.#options;
    await diskWatch.ask();
    await writeClockFile(disk, data.path, ageClock.nowMs()).catch((error: unknown) => {
      logger.warn({ err: error }, "the time cannot be noted; a jump may go unnoticed at a start");
    });
    // As they are now: what is created during the round waits for the next.
    const partitions = Array.from(topics.partitions());
    for (const partition of partitions) {
      if (this.#isClosed) return;
      await this.#keep(partition);
      await nextTurn();
    }
  }

  async #keep(partition: Partition): Promise<void> {
    const { logger, ageClock, producerIdExpirationMs } = this.#options;
    const log = partition.logOrNull;
    if (log === null || !partition.isLive || log.health().state !== "ok") return;
    try {
      log.expireProducers(ageClock.nowMs() - producerIdExpirationMs);
      await log.rollIfDue();
      const removedCount = await log.applyRetention();
      if (removedCount === 0) return;
      logger.info({ partition: partition.directoryName, removedCount }, "old segments removed");
    } catch (error) {
      if (!(error instanceof LogError) && partition.isLive) throw error;
      logger.warn({ err: error, partition: partition.directoryName }, "retention failed");
    }
  }
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}

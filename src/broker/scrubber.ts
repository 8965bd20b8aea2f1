// Looks through all sealed segments again and again, gently: one at a time, in small pieces, at a bounded rate.
//
// A pass begins at a partition drawn at random, so that a server that is often restarted gets to all of them in time.

import type { Clock, Timer } from "../base/clock.ts";
import { LogError } from "../base/error.ts";
import type { Logger } from "../base/logger.ts";
import type { Random } from "../base/random.ts";
import type { LogDamage } from "../log/log-scrub.ts";
import type { Partition } from "./partition.ts";
import type { Topics } from "./topics.ts";

/** What a scrubber works with. */
export interface ScrubberOptions {
  readonly topics: Topics;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  /** Bytes a second at the most; 0: nothing is looked at. */
  readonly bytesPerSecond: number;
  /** Time from the begin of one pass to the next; the first comes sooner. */
  readonly intervalMs: number;
}

/** Numbers of a scrubber at one instant. */
export interface ScrubGauges {
  /** Read and checked since the start. */
  readonly scrubbedBytes: number;
  /** When the last whole pass ended, Unix milliseconds; -1 when there was none since the start. */
  readonly lastPassMs: number;
  /** Segments found damaged that are still there. */
  readonly damagedSegments: number;
  /** Indexes made again since the start. */
  readonly rebuiltIndexes: number;
}

// More of them say no more to whoever reads them.
const warningsMax = 20;
// Late enough for a server that starts to have better things to do.
const firstPassMs = 60_000;
// Shorter waits are not worth a timer: they add up to one that is.
const waitMsMin = 10;

/** Passes over all partitions. */
export class Scrubber {
  readonly #options: ScrubberOptions;
  #timer: Timer | null = null;
  #wake: (() => void) | null = null;
  #pass: Promise<void> | null = null;
  #isClosed = false;
  // When what was read so far may have been read, by the rate. Monotonic milliseconds.
  #dueMs = 0;
  #scrubbedBytes = 0;
  #lastPassMs = -1;
  #rebuiltIndexes = 0;

  /** @param options Topics, and how fast. */
  constructor(options: ScrubberOptions) {
    this.#options = options;
  }

  /** Begins; nothing happens when the rate is 0. */
  start(): void {
    const { bytesPerSecond, intervalMs } = this.#options;
    if (bytesPerSecond > 0) this.#passAfter(Math.min(firstPassMs, intervalMs));
  }

  /** A whole pass now, or the end of the one under way. Never rejects: what fails is logged. */
  async run(): Promise<void> {
    if (this.#isClosed) return;
    const begunMs = this.#options.clock.monotonicMs();
    this.#timer?.cancel();
    this.#pass ??= this.#runPass().finally(() => {
      this.#pass = null;
      const { clock, intervalMs, bytesPerSecond } = this.#options;
      if (this.#isClosed || bytesPerSecond === 0) return;
      this.#passAfter(Math.max(0, begunMs + intervalMs - clock.monotonicMs()));
    });
    await this.#pass;
  }

  /** Numbers for metrics. */
  gauges(): ScrubGauges {
    let damagedSegments = 0;
    for (const partition of this.#options.topics.partitions()) {
      damagedSegments += partition.damage().length;
    }
    return {
      scrubbedBytes: this.#scrubbedBytes,
      lastPassMs: this.#lastPassMs,
      damagedSegments,
      rebuiltIndexes: this.#rebuiltIndexes,
    };
  }

  /** Damaged places that are known, as sentences: the first of them. */
  warnings(): readonly string[] {
    const { topics } = this.#options;
    return Array.from(topics.partitions(), (partition) => partition.damage())
      .flat()
      .slice(0, warningsMax)
      .map(damageText);
  }

  /** Begins nothing any more; resolves when the pass under way has ended, which is soon. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#timer?.cancel();
    this.#wake?.();
    await this.#pass;
  }

  #passAfter(delayMs: number): void {
    this.#timer = this.#options.clock.after(delayMs, () => void this.run());
  }

  async #runPass(): Promise<void> {
    const { topics, random, clock, logger } = this.#options;
    const partitions = Array.from(topics.partitions());
    const first = partitions.length === 0 ? 0 : random.below(partitions.length);
    const before = this.#scrubbedBytes;
    for (const partition of [...partitions.slice(first), ...partitions.slice(0, first)]) {
      if (this.#isClosed) return;
      await this.#look(partition);
    }
    if (this.#isClosed) return;
    this.#lastPassMs = clock.nowMs();
    const { damagedSegments } = this.gauges();
    const facts = { bytes: this.#scrubbedBytes - before, damagedSegments };
    logger.info(facts, "all sealed segments have been looked through");
  }

  async #look(partition: Partition): Promise<void> {
    const { logger } = this.#options;
    const log = partition.logOrNull;
    if (log === null || !partition.isLive) return;
    try {
      const { rebuiltIndexes } = await log.scrub((bytes) => this.#pace(bytes));
      this.#rebuiltIndexes += rebuiltIndexes;
    } catch (error) {
      if (this.#isClosed || !partition.isLive) return;
      logger.warn({ err: error, partition: partition.directoryName }, "a look at segments failed");
    }
  }

  async #pace(bytes: number): Promise<void> {
    const { clock, bytesPerSecond } = this.#options;
    const nowMs = clock.monotonicMs();
    this.#scrubbedBytes += bytes;
    if (bytesPerSecond > 0) {
      this.#dueMs = Math.max(this.#dueMs, nowMs) + (bytes * 1000) / bytesPerSecond;
      if (this.#dueMs - nowMs >= waitMsMin) await this.#wait(this.#dueMs - nowMs);
    }
    if (this.#isClosed) throw new LogError("SERVER_STOPPING", "the server is stopping");
  }

  #wait(delayMs: number): Promise<void> {
    if (this.#isClosed) return Promise.resolve();
    return new Promise((resolve) => {
      const timer = this.#options.clock.after(delayMs, resolve);
      this.#wake = () => {
        timer.cancel();
        resolve();
      };
    });
  }
}

/** A damaged place in one sentence. */
export function damageText({ file, position, fromOffset, toOffset, what }: LogDamage): string {
  const name = file.split("/").slice(-2).join("/");
  const offsets = `offsets ${fromOffset} to ${toOffset - 1} cannot be read`;
  return `${name} is damaged at position ${position} (${what}): ${offsets}`;
}

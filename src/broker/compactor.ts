// Compaction in the background: of all logs that are due, one at a time, the one with the largest dirty part first, in
// small slices and no faster than it may be.

import type { Clock, Timer } from "../base/clock.ts";
import { LogError } from "../base/error.ts";
import type { Logger } from "../base/logger.ts";
import { LoopShare } from "../base/loop-share.ts";
import { Pace } from "../base/pace.ts";
import type { BrokerSettings, CompactionGauges } from "./broker-settings.ts";
import type { Partition } from "./partition.ts";
import type { Topics } from "./topics.ts";

/** What compaction works with. */
export interface CompactorOptions {
  readonly topics: Topics;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly settings: Pick<
    BrokerSettings,
    "compactionCheckIntervalMs" | "compactionBytesPerSecond" | "compactionKeyBytesMax"
  >;
}

interface Due {
  readonly partition: Partition;
  readonly dirtyRatio: number;
}

/** Compacts the logs of a broker. */
export class Compactor {
  readonly #options: CompactorOptions;
  readonly #pace: Pace;
  readonly #share: LoopShare;
  readonly #totals = { runs: 0, errors: 0, bytesRead: 0, bytesWritten: 0, bytesRemoved: 0 };
  #look = { dirtyRatio: 0, dirtyBytes: 0 };
  #lastRunMs = -1;
  #timer: Timer | null = null;
  #round: Promise<void> | null = null;
  #isStarted = false;
  #isStopped = false;

  /** @param options Topics, clock, bounds. */
  constructor(options: CompactorOptions) {
    const { clock, settings } = options;
    this.#options = options;
    const bytesPerSecond = settings.compactionBytesPerSecond;
    this.#pace = new Pace(clock, bytesPerSecond === 0 ? Number.POSITIVE_INFINITY : bytesPerSecond);
    this.#share = new LoopShare(clock);
  }

  /** Numbers for metrics. */
  gauges(): CompactionGauges {
    return { ...this.#totals, ...this.#look, lastRunMs: this.#lastRunMs };
  }

  /** Looks at the logs at every interval from now on, as long as there are any to be compacted. */
  start(): void {
    this.#isStarted = true;
    this.#arm();
  }

  /** A topic came, went, or has another config. */
  topicChanged(name: string): void {
    if (this.#isStarted && this.#options.topics.find(name)?.partitions.some(isCompacted) === true) {
      this.#armTimer();
    }
  }

  /** Compacts what is due; never rejects: what fails is logged, counted, and tried again by the next round. */
  async run(): Promise<void> {
    await this.#round;
    if (this.#isStopped) return;
    this.#timer?.cancel();
    this.#timer = null;
    this.#round ??= this.#runRound().finally(() => {
      this.#round = null;
      if (this.#isStarted) this.#arm();
    });
    await this.#round;
  }

  /** Begins nothing any more. What is under way ends when its log is closed. */
  stop(): void {
    this.#isStopped = true;
    this.#timer?.cancel();
    this.#timer = null;
  }

  /** Resolves when what was under way has ended. */
  async close(): Promise<void> {
    this.stop();
    await this.#round;
  }

  #arm(): void {
    if (hasCompacted(this.#options.topics.partitions())) this.#armTimer();
  }

  #armTimer(): void {
    const { clock, settings } = this.#options;
    if (this.#isStopped || this.#timer !== null || this.#round !== null) return;
    this.#timer = clock.after(settings.compactionCheckIntervalMs, () => {
      this.#timer = null;
      void this.run();
    });
  }

  async #runRound(): Promise<void> {
    for (const { partition } of await this.#due()) {
      if (this.#isStopped) return;
      await this.#attempt(partition, () => this.#compact(partition));
    }
    // For the numbers.
    await this.#due();
  }

  // What is due, the largest dirty part first.
  async #due(): Promise<readonly Due[]> {
    const due: Due[] = [];
    const look = { dirtyRatio: 0, dirtyBytes: 0 };
    for (const partition of Array.from(this.#options.topics.partitions())) {
      if (!isCompacted(partition)) continue;
      if (this.#isStopped) return [];
      await this.#attempt(partition, async () => {
        const need = (await partition.logOrNull?.compactionNeed()) ?? null;
        if (need === null) return;
        look.dirtyRatio = Math.max(look.dirtyRatio, need.dirtyRatio);
        look.dirtyBytes += need.dirtyBytes;
        if (need.isDue) due.push({ partition, dirtyRatio: need.dirtyRatio });
      });
      await this.#share.after(1);
    }
    this.#look = look;
    return due.sort((one, other) => other.dirtyRatio - one.dirtyRatio);
  }

  async #compact(partition: Partition): Promise<void> {
    const { clock, logger, settings } = this.#options;
    const startedMs = clock.monotonicMs();
    const facts = await partition.logOrNull?.compact({
      keyBytesMax: settings.compactionKeyBytesMax,
      throttle: (bytes) => this.#throttle(bytes),
    });
    if (facts === undefined || facts === null) return;
    this.#totals.runs++;
    this.#totals.bytesRead += facts.bytesRead;
    this.#totals.bytesWritten += facts.bytesWritten;
    this.#totals.bytesRemoved += Math.max(0, facts.bytesBefore - facts.bytesAfter);
    this.#lastRunMs = clock.nowMs();
    const durationMs = Math.round(clock.monotonicMs() - startedMs);
    logger.info({ partition: partition.directoryName, durationMs, ...facts }, "a log is compacted");
  }

  #throttle(bytes: number): Promise<void> | null {
    const pace = this.#pace.after(bytes);
    const turn = this.#share.after(bytes);
    if (pace === null || turn === null) return pace ?? turn;
    return pace.then(() => turn);
  }

  async #attempt(partition: Partition, work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      if (!partition.isLive) return;
      this.#totals.errors++;
      const facts = { err: error, partition: partition.directoryName };
      // What cannot be read is never dropped, so such a log grows until somebody looks after it.
      const isPassing = error instanceof LogError && error.code !== "CORRUPT_MESSAGE";
      if (isPassing) this.#options.logger.warn(facts, "a log could not be compacted");
      else this.#options.logger.error(facts, "a log cannot be compacted");
    }
  }
}

function isCompacted(partition: Partition): boolean {
  return partition.isLive && partition.rules.isKeyRequired;
}

function hasCompacted(partitions: Iterable<Partition>): boolean {
  for (const partition of partitions) if (isCompacted(partition)) return true;
  return false;
}

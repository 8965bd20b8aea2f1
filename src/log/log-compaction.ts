// Compaction of one log: of each key the latest record stays, everything keeps its offset (decision 0023).
//
// Only sealed segments below the last stable offset are touched, from the log's start on: first the keys of what is new
// are learned, then group by group of neighbours is written again and put in the place of the old ones. Groups go in
// order of offsets, so that whatever a record took the place of is gone before the record itself can go. What cannot be
// read ends the run: nothing is dropped unseen.

import { type CompactionState, readCompaction, writeCompaction } from "./compaction-file.ts";
import { type CompactionNeed, CompactionPlanner, type CompactionRange } from "./compaction-plan.ts";
import { type CompactionFacts, CompactionRun, type CompactionWork } from "./compaction-run.ts";
import { CompactionSwaps } from "./compaction-swaps.ts";
import type { LogReader } from "./log-reader.ts";
import type { LogRetention } from "./log-retention.ts";
import type { LogState } from "./log-state.ts";
import type { ProducerKeeper } from "./producer-keeper.ts";

/** The parts of a log that compaction works on. */
export interface CompactionParts {
  readonly state: LogState;
  readonly reader: LogReader;
  readonly retention: LogRetention;
  readonly keeper: ProducerKeeper;
}

/** What a run may use. */
export interface CompactionResources {
  /** Memory for what is known of keys, bytes; what does not fit waits for the next run. */
  readonly keyBytesMax: number;
  /** Asked after each piece of work over so many bytes: when to go on. */
  readonly throttle: (bytes: number) => Promise<void> | null;
}

// Ends a run from within.
class RunEnded extends Error {}

/** Compaction of one log; one run at a time. */
export class LogCompaction {
  readonly #parts: CompactionParts;
  readonly #planner: CompactionPlanner;
  readonly #swaps: CompactionSwaps;
  #known: CompactionState | null = null;
  #running: Promise<unknown> = Promise.resolve();
  #isStopped = false;
  #wake: (() => void) | null = null;

  constructor(parts: CompactionParts) {
    this.#parts = parts;
    this.#planner = new CompactionPlanner(parts);
    this.#swaps = new CompactionSwaps(parts);
  }

  /** See `Log.compactionNeed`. */
  async need(): Promise<CompactionNeed | null> {
    return (await this.#range())?.need ?? null;
  }

  /** See `Log.compact`. */
  run(resources: CompactionResources): Promise<CompactionFacts | null> {
    const run = this.#running.then(() => this.#run(resources));
    this.#running = run.catch(() => undefined);
    return run;
  }

  /** Begins nothing any more; resolves when the run under way has ended, which it does soon. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#wake?.();
    await this.#running;
  }

  async #range(): Promise<CompactionRange | null> {
    const { state } = this.#parts;
    const { disk, directory } = state.options;
    if (this.#isStopped || this.#swaps.isBroken || state.config.compaction === null) return null;
    if (state.isClosed || state.health.state !== "ok") return null;
    this.#known ??= await readCompaction(disk, directory);
    return this.#planner.range(this.#known);
  }

  async #run(resources: CompactionResources): Promise<CompactionFacts | null> {
    const range = this.#isStopped ? null : await this.#range();
    if (range === null) return null;
    try {
      return await new CompactionRun(this.#work(resources), range).go();
    } catch (error) {
      // What retention took away cannot be read any more, and need not be.
      const isTaken = range.segments.some(
        ({ segment }) => segment.isRemoved && !segment.isReplaced,
      );
      if (error instanceof RunEnded || isTaken) return null;
      throw error;
    }
  }

  #work({ keyBytesMax, throttle }: CompactionResources): CompactionWork {
    const { disk, directory } = this.#parts.state.options;
    return {
      ...this.#parts,
      swaps: this.#swaps,
      keyBytesMax,
      pause: (bytes) => {
        if (this.#isStopped) throw new RunEnded();
        const wait = throttle(bytes);
        return wait === null ? null : this.#unlessStopped(wait);
      },
      keep: async (change) => {
        const before = this.#known ?? (await readCompaction(disk, directory));
        const holesBelow = Math.max(before.holesBelow, change.holesBelow ?? 0);
        const known = { ...before, ...change, holesBelow };
        await writeCompaction(disk, directory, known);
        this.#known = known;
        this.#parts.state.holesBelow = holesBelow;
      },
    };
  }

  async #unlessStopped(wait: Promise<void>): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
      void wait.then(resolve);
    });
    this.#wake = null;
    if (this.#isStopped) throw new RunEnded();
  }
}

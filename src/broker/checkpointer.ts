// Writes the data directory's checkpoint: what each log needs to be opened without a scan.
//
// A checkpoint may lag behind the logs, never lead. Logs that are not open (yet, or because they could not be opened)
// keep the entry they had, so that the next start judges them by the same facts.

import type { Clock, Timer } from "../base/clock.ts";
import type { Logger } from "../base/logger.ts";
import type { Log } from "../log/log.ts";
import type { LogCheckpoint } from "../log/log-types.ts";

/** Where checkpoints are kept; `DataDirectory` is one. */
export interface CheckpointStore {
  /** The entry found at the start, until a checkpoint is written; null when there is none. */
  checkpointOf(directoryName: string): LogCheckpoint | null;
  /** Replaces all entries, durably. A failure is final: later calls reject too. */
  writeCheckpoint(entries: ReadonlyMap<string, LogCheckpoint>): Promise<void>;
}

/** What a checkpointer works with. */
export interface CheckpointerOptions {
  readonly store: CheckpointStore;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Least time between two checkpoints that nobody waits for. */
  readonly intervalMs: number;
  /** Partition directories there were at the start. */
  readonly directoryNames: readonly string[];
}

/** Collects the logs' checkpoints and writes them. */
export class Checkpointer {
  readonly #options: CheckpointerOptions;
  readonly #logs = new Map<string, Log>();
  readonly #kept = new Map<string, LogCheckpoint>();
  #timer: Timer | null = null;
  #written: ReadonlySet<string> | null = null;
  /** Names in checkpoints that may be on the disk: their writing has not ended, or has failed, perhaps after all. */
  readonly #attempted = new Set<string>();
  #writes = 0;
  #failure: unknown = null;
  #isClosed = false;

  /** @param options Store and clock. */
  constructor(options: CheckpointerOptions) {
    this.#options = options;
    for (const name of options.directoryNames) {
      const entry = options.store.checkpointOf(name);
      if (entry !== null) this.#kept.set(name, entry);
    }
  }

  /** The reason why checkpoints cannot be written any more; null while they can. */
  get failure(): unknown {
    return this.#failure;
  }

  /** Includes an open log under its directory's name from the next checkpoint on. */
  add(directoryName: string, log: Log): void {
    this.#kept.delete(directoryName);
    this.#logs.set(directoryName, log);
  }

  /** What the checkpoint at the start says of a log that was not opened since; null when it says nothing. */
  entryOf(directoryName: string): LogCheckpoint | null {
    return this.#kept.get(directoryName) ?? null;
  }

  /** Leaves a log out from the next checkpoint on. */
  remove(directoryName: string): void {
    this.#logs.delete(directoryName);
    this.#kept.delete(directoryName);
  }

  /** True when the stored checkpoint has an entry of this name, maybe of an earlier incarnation. */
  hasStored(directoryName: string): boolean {
    if (this.#attempted.has(directoryName)) return true;
    if (this.#written !== null) return this.#written.has(directoryName);
    return this.#options.store.checkpointOf(directoryName) !== null;
  }

  /** Says that something changed: a checkpoint is written within the interval. */
  touch(): void {
    const { clock, intervalMs, logger } = this.#options;
    if (this.#timer !== null || this.#isClosed) return;
    this.#timer = clock.after(intervalMs, () => {
      this.#timer = null;
      this.write().catch((error: unknown) => {
        logger.error({ err: error }, "the checkpoint cannot be written; restarts will take longer");
      });
    });
  }

  /** Writes a checkpoint now; resolves when it is durable. @throws DISK_FULL, KAFKA_STORAGE_ERROR */
  async write(): Promise<void> {
    const entries = new Map(this.#kept);
    for (const [directoryName, log] of this.#logs) entries.set(directoryName, log.checkpoint());
    for (const name of entries.keys()) this.#attempted.add(name);
    const number = ++this.#writes;
    try {
      await this.#options.store.writeCheckpoint(entries);
      this.#written = new Set(entries.keys());
      if (number === this.#writes) this.#attempted.clear();
      this.#failure = null;
    } catch (error) {
      this.#failure = error;
      throw error;
    }
  }

  /** Writes no more checkpoints by itself; `write` still works. */
  close(): void {
    this.#isClosed = true;
    this.#timer?.cancel();
    this.#timer = null;
  }
}

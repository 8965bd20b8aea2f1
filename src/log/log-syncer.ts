// The second half of group commit: what is written becomes durable. One sync is under way at a time, and groups are
// written beside it; each sync covers what was written before it began.
//
// A sync follows at once when a written group needs it, or what is unsynced has reached `flushMessages` or `flushMs`.
// Otherwise, under `fsync`, as soon as the one before has ended; under `os`, when `flushMs` is over. A failed sync is
// final.

import type { Timer } from "../base/clock.ts";
import type { BatchGroup } from "./batch-group.ts";
import type { LogState } from "./log-state.ts";

/** Syncs of one log. */
export class LogSyncer {
  readonly #state: LogState;
  readonly #onFailed: (error: unknown) => void;
  /** Written, waiting for a sync that begins after them. */
  #unsynced: BatchGroup[] = [];
  /** Covered by the sync that is under way. */
  #covered: readonly BatchGroup[] = [];
  #unsyncedRecords = 0;
  #unsyncedSinceMs = 0;
  #isDue = false;
  #timer: Timer | null = null;
  #running: Promise<void> | null = null;
  /** The sync under way, of those that `#running` makes one after the other. */
  #current: Promise<void> | null = null;

  /** @param onFailed Hears of a failed sync, after the log was latched and before anybody else. */
  constructor(state: LogState, onFailed: (error: unknown) => void) {
    this.#state = state;
    this.#onFailed = onFailed;
  }

  /** The group that was written last and is not durable; undefined when all is. */
  get last(): BatchGroup | undefined {
    return this.#unsynced.at(-1) ?? this.#covered.at(-1);
  }

  /** Takes over a group that has just been written. */
  add(group: BatchGroup): void {
    if (this.#unsynced.length === 0) this.#unsyncedSinceMs = this.#nowMs();
    this.#unsynced.push(group);
    this.#unsyncedRecords += group.recordCount;
    if (group.needsSync) this.#isDue = true;
    this.#start();
  }

  /** What is written now is to become durable without delay. */
  demand(): void {
    this.#isDue = true;
    this.#start();
  }

  /**
   * Resolves when nothing written is unsynced; the caller lets nothing be written meanwhile.
   * @throws KAFKA_STORAGE_ERROR when a sync has failed.
   */
  async syncAll(): Promise<void> {
    const state = this.#state;
    while (state.health.state === "ok" && (this.#running !== null || state.active.isDirty)) {
      this.demand();
      await this.#running;
    }
    if (state.health.state !== "ok") throw state.refusal();
  }

  /** Resolves when no sync is under way; nothing is scheduled any more. */
  async drain(): Promise<void> {
    if (this.#state.health.state === "ok") this.demand();
    while (this.#running !== null) await this.#running;
    this.#timer?.cancel();
    this.#timer = null;
  }

  /** Resolves when the sync under way has ended, well or not; at once when there is none. */
  async ended(): Promise<void> {
    await this.#current?.catch(() => undefined);
  }

  /** Hands over what will not become durable any more. */
  giveUp(): readonly BatchGroup[] {
    this.#unsyncedRecords = 0;
    return this.#unsynced.splice(0);
  }

  #start(): void {
    if (this.#running === null && this.#isWanted()) this.#running = this.#run();
    else this.#armTimer();
  }

  async #run(): Promise<void> {
    try {
      do {
        this.#current = this.#sync();
        await this.#current;
      } while (this.#state.health.state === "ok" && this.#isWanted());
    } catch (error) {
      this.#onFailed(error);
    } finally {
      // In the same turn as the last look, so that no group falls between.
      this.#running = null;
      this.#current = null;
    }
    this.#armTimer();
  }

  #isWanted(): boolean {
    const { active, config } = this.#state;
    if (this.#isDue && active.isDirty) return true;
    this.#isDue = false;
    if (this.#unsynced.length === 0) return false;
    const ageMs = this.#nowMs() - this.#unsyncedSinceMs;
    const isOverdue = this.#unsyncedRecords >= config.flushMessages || ageMs >= config.flushMs;
    return isOverdue || config.durability === "fsync";
  }

  async #sync(): Promise<void> {
    const state = this.#state;
    const { active } = state;
    const { observer } = state.options;
    this.#covered = this.#unsynced;
    const bytes = active.unsyncedBytes;
    const startedMs = this.#nowMs();
    this.#unsynced = [];
    this.#unsyncedRecords = 0;
    this.#isDue = false;
    this.#timer?.cancel();
    this.#timer = null;
    try {
      await active.sync();
    } catch (error) {
      this.#unsynced.unshift(...this.#covered);
      this.#covered = [];
      state.latch("a sync failed; the log is closed for appends", error);
      throw error;
    }
    const covered = this.#covered;
    this.#covered = [];
    observer.synced(this.#nowMs() - startedMs, bytes);
    state.advance();
    for (const group of covered) group.durable.resolve();
  }

  #armTimer(): void {
    const isIdle = this.#unsynced.length === 0 || this.#running !== null;
    if (isIdle || this.#timer !== null) return;
    const { clock } = this.#state.options;
    const ageMs = this.#nowMs() - this.#unsyncedSinceMs;
    this.#timer = clock.after(Math.max(0, this.#state.config.flushMs - ageMs), () => {
      this.#timer = null;
      this.demand();
    });
  }

  #nowMs(): number {
    return this.#state.options.clock.monotonicMs();
  }
}

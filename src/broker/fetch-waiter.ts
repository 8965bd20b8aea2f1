// One parked fetch: sleeps until enough bytes became readable, one of them ended, time is up, or the client has gone.

import type { Clock } from "../base/clock.ts";
import type { IsolationLevel } from "../services.ts";
import type { Partition } from "./partition.ts";
import type { Waiter } from "./waiters.ts";

/** What a parked fetch waits for. */
export interface FetchWaiterOptions {
  readonly clock: Clock;
  readonly partitions: readonly Partition[];
  /** What counts as readable. */
  readonly isolation: IsolationLevel;
  readonly waitMs: number;
  /** Wakes when the partitions' `readableBytes` together have reached this: before that, reading again is useless. */
  readonly wakeAtBytes: number;
}

/** Waits once. */
export class FetchWaiter implements Waiter {
  readonly #options: FetchWaiterOptions;
  #isAwake = false;
  #resolve: (() => void) | null = null;

  /** @param options What to wait for. */
  constructor(options: FetchWaiterOptions) {
    this.#options = options;
  }

  /** Resolves when woken, at the deadline, or when the signal aborts; leaves nothing behind. Never rejects. */
  async wait(signal: AbortSignal | null): Promise<void> {
    const { clock, partitions, waitMs } = this.#options;
    if (signal?.aborted === true) return;
    const wake = (): void => this.wake();
    const timer = clock.after(waitMs, wake);
    signal?.addEventListener("abort", wake);
    for (const partition of partitions) partition.addWaiter(this);
    try {
      await new Promise<void>((resolve) => {
        this.#resolve = resolve;
        // What happened between the last reading and now would otherwise not be noticed.
        this.notify();
      });
    } finally {
      timer.cancel();
      signal?.removeEventListener("abort", wake);
      for (const partition of partitions) partition.removeWaiter(this);
    }
  }

  notify(): void {
    if (this.#isAwake || !this.#isDue()) return;
    this.wake();
  }

  /** Ends the wait now. */
  wake(): void {
    this.#isAwake = true;
    this.#resolve?.();
  }

  #isDue(): boolean {
    let readableBytes = 0;
    const { partitions, isolation } = this.#options;
    for (const partition of partitions) {
      if (!partition.isLive) return true;
      readableBytes += partition.readableBytes(isolation);
    }
    return readableBytes >= this.#options.wakeAtBytes;
  }
}

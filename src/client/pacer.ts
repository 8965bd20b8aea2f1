// Keeps a loop of long polls from turning fast when the server answers at once with nothing, or not at all.

import type { Clock } from "../base/clock.ts";

const pauseMsMin = 50;
const pauseMsMax = 5_000;

/** Pauses that grow while nothing comes, and begin small again once something does. */
export class Pacer {
  readonly #clock: Clock;
  readonly #signal: AbortSignal | null;
  #lastMs: number;
  #pauseMs = pauseMsMin;

  /** @param clock Times the pauses; @param signal Ends a pause at once. */
  constructor(clock: Clock, signal: AbortSignal | null) {
    this.#clock = clock;
    this.#signal = signal;
    this.#lastMs = clock.monotonicMs();
  }

  /** Something came. */
  reset(): void {
    this.#pauseMs = pauseMsMin;
    this.#lastMs = this.#clock.monotonicMs();
  }

  /** Nothing came: pauses unless the server took at least half of the time it was given to wait. */
  async afterEmpty(waitMs: number): Promise<void> {
    const tookMs = this.#clock.monotonicMs() - this.#lastMs;
    if (tookMs >= waitMs / 2) this.reset();
    else await this.pause();
    this.#lastMs = this.#clock.monotonicMs();
  }

  /** Pauses, longer each time until `reset`. Resolves early when the signal aborts. */
  async pause(): Promise<void> {
    const delayMs = this.#pauseMs;
    this.#pauseMs = Math.min(delayMs * 2, pauseMsMax);
    const signal = this.#signal;
    if (signal?.aborted === true) return;
    await new Promise<void>((resolve) => {
      const wake = (): void => {
        timer.cancel();
        signal?.removeEventListener("abort", wake);
        resolve();
      };
      const timer = this.#clock.after(delayMs, wake);
      signal?.addEventListener("abort", wake);
    });
  }
}

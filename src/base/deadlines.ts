// Waiting with an end, for many at once on one timer: arming one for each would cost more than most of them wait.

import type { Clock, Timer } from "./clock.ts";

interface Waiting {
  readonly sinceMs: number;
  readonly end: () => void;
}

/** Waits of the same length. Their order of arrival is the order of their ends. */
export class Deadlines {
  readonly #clock: Clock;
  readonly #timeoutMs: number;
  readonly #waiting = new Set<Waiting>();
  #timer: Timer | null = null;
  #isClosed = false;

  /** @param timeoutMs A wait ends after this long, at the latest a quarter of it too late. */
  constructor(clock: Clock, timeoutMs: number) {
    this.#clock = clock;
    this.#timeoutMs = timeoutMs;
  }

  /** How many wait. */
  get count(): number {
    return this.#waiting.size;
  }

  /** Resolves when the work has ended or its time is over. @throws what the work throws in time */
  within(work: Promise<void>): Promise<void> {
    return new Promise((resolve, reject) => {
      const waiting = { sinceMs: this.#clock.monotonicMs(), end: resolve };
      this.#waiting.add(waiting);
      this.#arm();
      work.then(
        () => {
          this.#waiting.delete(waiting);
          resolve();
        },
        (error: unknown) => {
          this.#waiting.delete(waiting);
          reject(error as Error);
        },
      );
    });
  }

  /** Ends no wait any more: each lasts as long as its work. */
  close(): void {
    this.#isClosed = true;
    this.#timer?.cancel();
    this.#timer = null;
  }

  #sweep(): void {
    this.#timer = null;
    const startedMs = this.#clock.monotonicMs() - this.#timeoutMs;
    for (const waiting of this.#waiting) {
      if (waiting.sinceMs > startedMs) break;
      this.#waiting.delete(waiting);
      waiting.end();
    }
    if (this.#waiting.size > 0) this.#arm();
  }

  #arm(): void {
    if (this.#isClosed) return;
    this.#timer ??= this.#clock.after(this.#timeoutMs / 4, () => this.#sweep());
  }
}

// Holds work to so many bytes a second on average: whoever works on much data in the background waits where it has run
// ahead.

import type { Clock } from "./clock.ts";

// Shorter waits are not worth a timer; they add up to the next one.
const waitMsMin = 5;

/** A bound on bytes a second. */
export class Pace {
  readonly #clock: Clock;
  readonly #bytesPerSecond: number;
  // When all that was done would be done at this pace.
  #doneMs = Number.NEGATIVE_INFINITY;

  /**
   * @param clock          Tells the time and wakes who waits.
   * @param bytesPerSecond The bound; Infinity is none.
   */
  constructor(clock: Clock, bytesPerSecond: number) {
    this.#clock = clock;
    this.#bytesPerSecond = bytesPerSecond;
  }

  /**
   * To be asked after a piece of work over so many bytes.
   * @returns Null: go on. A promise: the work is ahead; go on when it resolves.
   */
  after(bytes: number): Promise<void> | null {
    const nowMs = this.#clock.monotonicMs();
    this.#doneMs = Math.max(this.#doneMs, nowMs) + (bytes / this.#bytesPerSecond) * 1000;
    const aheadMs = this.#doneMs - nowMs;
    if (aheadMs < waitMsMin) return null;
    return new Promise((resolve) => {
      this.#clock.after(Math.ceil(aheadMs), resolve);
    });
  }
}

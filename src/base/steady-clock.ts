// A wall clock that does not jump: it goes on by the monotonic clock while the system's says something else, until that
// has stood by it for long enough to be believed.
//
// What ends by age or by a lease asks this one. A system clock set wrong for a minute must not remove what was to be
// kept for a week, nor give away what somebody holds.

import type { Clock, Timer } from "./clock.ts";

/** What a steady clock is made with. Milliseconds. */
export interface SteadyClockOptions {
  readonly clock: Clock;
  /** The system's clock is followed at once while it is not further off than this. */
  readonly toleranceMs: number;
  /** It is believed after it has been further off for this long. */
  readonly holdMs: number;
  /** Hears each time that the system's clock is not believed, and how far it is ahead. Must not throw. */
  readonly onDoubt: (aheadMs: number) => void;
}

/** A clock whose `nowMs` does not jump; the rest is the system's. */
export class SteadyClock implements Clock {
  readonly #options: SteadyClockOptions;
  #wallMs: number;
  #atMs: number;
  #doubtedSinceMs: number | null = null;

  constructor(options: SteadyClockOptions) {
    this.#options = options;
    this.#wallMs = options.clock.nowMs();
    this.#atMs = options.clock.monotonicMs();
  }

  /**
   * Says what time it was when somebody last looked, in an earlier process. A system clock that is more than `gapMs`
   * later is not believed at once.
   */
  continueFrom(seenMs: number, gapMs: number): void {
    const aheadMs = this.#options.clock.nowMs() - seenMs;
    if (aheadMs <= gapMs) return;
    this.#wallMs = seenMs;
    this.#atMs = this.#options.clock.monotonicMs();
    this.#doubt(aheadMs);
  }

  nowMs(): number {
    const { clock, toleranceMs, holdMs } = this.#options;
    const systemMs = clock.nowMs();
    const monotonicMs = clock.monotonicMs();
    const steadyMs = Math.floor(this.#wallMs + monotonicMs - this.#atMs);
    const isFar = Math.abs(systemMs - steadyMs) > toleranceMs;
    if (isFar && this.#doubtedSinceMs === null) this.#doubt(systemMs - steadyMs);
    const doubtedForMs = monotonicMs - (this.#doubtedSinceMs ?? monotonicMs);
    if (isFar && doubtedForMs < holdMs) return steadyMs;
    this.#doubtedSinceMs = null;
    this.#wallMs = systemMs;
    this.#atMs = monotonicMs;
    return systemMs;
  }

  /** How far the system's clock is ahead (or, negative, behind) while it is not believed; 0 when it is. */
  get doubtedMs(): number {
    const steadyMs = this.nowMs();
    return this.#doubtedSinceMs === null ? 0 : this.#options.clock.nowMs() - steadyMs;
  }

  monotonicMs(): number {
    return this.#options.clock.monotonicMs();
  }

  after(delayMs: number, callback: () => void): Timer {
    return this.#options.clock.after(delayMs, callback);
  }

  #doubt(aheadMs: number): void {
    this.#doubtedSinceMs = this.#options.clock.monotonicMs();
    this.#options.onDoubt(aheadMs);
  }
}

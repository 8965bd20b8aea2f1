// A clock that stands still until a test moves it: timers fire in order of their due time, then of their making.

import { assert } from "../../src/base/assert.ts";
import type { Clock, Timer } from "../../src/base/clock.ts";

interface Scheduled {
  readonly dueMs: number;
  readonly callback: () => void;
}

/** Time under the hands of a test. The wall clock can be set apart from the monotonic one. */
export class FakeClock implements Clock {
  #monotonicMs = 1_000;
  #wallAheadMs: number;
  readonly #timers = new Set<Scheduled>();

  /** @param wallMs What `nowMs` says at first (Unix milliseconds). */
  constructor(wallMs = 1_700_000_000_000) {
    this.#wallAheadMs = wallMs - this.#monotonicMs;
  }

  nowMs(): number {
    return Math.floor(this.#monotonicMs + this.#wallAheadMs);
  }

  monotonicMs(): number {
    return this.#monotonicMs;
  }

  after(delayMs: number, callback: () => void): Timer {
    const timer: Scheduled = { dueMs: this.#monotonicMs + Math.max(0, delayMs), callback };
    this.#timers.add(timer);
    return { cancel: () => this.#timers.delete(timer) };
  }

  /** Timers set and neither fired nor cancelled. */
  get timerCount(): number {
    return this.#timers.size;
  }

  /** Milliseconds until the next timer is due; null when none is set. */
  get nextTimerMs(): number | null {
    const next = this.#next();
    return next === null ? null : next.dueMs - this.#monotonicMs;
  }

  /**
   * Moves time forward and fires what falls due on the way, each at its own instant, in one synchronous go: promises
   * started by the callbacks go on only after the caller's next await.
   */
  advance(ms: number): void {
    assert(ms >= 0, `time only moves forward, not by ${ms} ms`);
    const endMs = this.#monotonicMs + ms;
    while (this.#fireNext(endMs));
    this.#monotonicMs = endMs;
  }

  /** Like `advance`, but lets all promises settle before, between and after the timers. */
  async run(ms: number): Promise<void> {
    assert(ms >= 0, `time only moves forward, not by ${ms} ms`);
    const endMs = this.#monotonicMs + ms;
    do await settle();
    while (this.#fireNext(endMs));
    this.#monotonicMs = endMs;
    await settle();
  }

  /** Makes the wall clock jump, either way; timers and the monotonic clock do not notice. */
  setWall(wallMs: number): void {
    this.#wallAheadMs = wallMs - this.#monotonicMs;
  }

  #next(): Scheduled | null {
    let first: Scheduled | null = null;
    // A Set keeps the order of insertion, so that of two timers due together the older one wins.
    for (const timer of this.#timers) {
      if (first === null || timer.dueMs < first.dueMs) first = timer;
    }
    return first;
  }

  #fireNext(endMs: number): boolean {
    const timer = this.#next();
    if (timer === null || timer.dueMs > endMs) return false;
    this.#timers.delete(timer);
    this.#monotonicMs = Math.max(this.#monotonicMs, timer.dueMs);
    timer.callback();
    return true;
  }
}

/**
 * Lets promises go on until nothing but timers and real input can wake anything: all microtasks, and `turns` turns of
 * the event loop for work that hops through `setImmediate`.
 */
export async function settle(turns = 5): Promise<void> {
  for (let turn = 0; turn < turns; turn++) {
    await new Promise<void>((resolve) => {
      setImmediate(resolve);
    });
  }
}

// The clock of one life of a server: it reads the world's, and its timers end with it.

import type { Clock, Timer } from "../../src/base/clock.ts";

/** A clock that can die. */
export class LifeClock implements Clock {
  readonly #world: Clock;
  readonly #timers = new Set<Timer>();
  #isDead = false;

  constructor(world: Clock) {
    this.#world = world;
  }

  nowMs(): number {
    return this.#world.nowMs();
  }

  monotonicMs(): number {
    return this.#world.monotonicMs();
  }

  after(delayMs: number, callback: () => void): Timer {
    if (this.#isDead) return { cancel: () => undefined };
    const timer = this.#world.after(delayMs, () => {
      this.#timers.delete(timer);
      callback();
    });
    this.#timers.add(timer);
    return {
      cancel: () => {
        this.#timers.delete(timer);
        timer.cancel();
      },
    };
  }

  /** No timer of this life fires any more. */
  die(): void {
    this.#isDead = true;
    for (const timer of this.#timers) timer.cancel();
    this.#timers.clear();
  }
}

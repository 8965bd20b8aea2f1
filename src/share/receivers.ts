// Those who wait for records of one group, in the order in which they came: whoever waits longest is woken first, and
// keeps its place when it finds that another was quicker.

import type { Clock } from "../base/clock.ts";

/** A place in line. */
export interface Ticket {
  /** About to look: what happens from now on wakes it. */
  look(): void;
  /** Resolves when woken since the last look, at the deadline, or when the signal aborts. Never rejects. */
  wait(waitMs: number, signal: AbortSignal | null): Promise<void>;
  /** What there may be is nothing for this place: the next that is not awake looks. */
  passOn(): void;
  /** Gives the place up. */
  leave(): void;
}

interface Place {
  isAwake: boolean;
  wake: (() => void) | null;
}

/** The line of one group. */
export class Receivers {
  readonly #clock: Clock;
  readonly #line = new Set<Place>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** How many are in line. */
  get count(): number {
    return this.#line.size;
  }

  /** Takes the last place. */
  join(): Ticket {
    const place: Place = { isAwake: false, wake: null };
    this.#line.add(place);
    return {
      look: () => {
        place.isAwake = false;
      },
      wait: (waitMs, signal) => this.#wait(place, waitMs, signal),
      passOn: () => this.#wakeAfter(place),
      leave: () => {
        this.#line.delete(place);
      },
    };
  }

  /** There may be something: the first that is not awake looks. */
  wakeFirst(): void {
    for (const place of this.#line) {
      if (place.isAwake) continue;
      wake(place);
      return;
    }
  }

  #wakeAfter(place: Place): void {
    let isBehind = false;
    for (const other of this.#line) {
      if (isBehind && !other.isAwake) {
        wake(other);
        return;
      }
      isBehind ||= other === place;
    }
  }

  /** Everybody looks. */
  wakeAll(): void {
    for (const place of this.#line) wake(place);
  }

  async #wait(place: Place, waitMs: number, signal: AbortSignal | null): Promise<void> {
    if (place.isAwake || signal?.aborted === true) return;
    const wakeUp = (): void => wake(place);
    const timer = this.#clock.after(waitMs, wakeUp);
    signal?.addEventListener("abort", wakeUp);
    try {
      await new Promise<void>((resolve) => {
        place.wake = resolve;
      });
    } finally {
      place.wake = null;
      timer.cancel();
      signal?.removeEventListener("abort", wakeUp);
    }
  }
}

function wake(place: Place): void {
  place.isAwake = true;
  place.wake?.();
}

// Time comes in as a parameter. This file is the only one that may read the system's clocks or set a timer.

/** A scheduled callback; cancelling twice is harmless. */
export interface Timer {
  /** Makes sure the callback does not run. */
  cancel(): void;
}

/** What the house needs of time. */
export interface Clock {
  /** Wall clock, Unix milliseconds; may jump either way. */
  nowMs(): number;
  /** Monotonic milliseconds with fractions, from an arbitrary start; never goes back. */
  monotonicMs(): number;
  /**
   * Runs `callback` once, at least `delayMs` (0 or more) from now. The timer does not keep the process alive.
   */
  after(delayMs: number, callback: () => void): Timer;
}

/** Resolves after `delayMs` of the given clock. */
export function sleep(clock: Clock, delayMs: number): Promise<void> {
  return new Promise((resolve) => {
    clock.after(delayMs, resolve);
  });
}

// setTimeout's largest delay; longer ones would fire at once, so they are taken in steps.
const timeoutMsMax = 2_147_483_647;

class SystemTimer implements Timer {
  readonly #holdsProcess: boolean;
  #handle: NodeJS.Timeout;

  constructor(delayMs: number, callback: () => void, holdsProcess: boolean) {
    this.#holdsProcess = holdsProcess;
    this.#handle = this.#arm(delayMs, callback);
  }

  #arm(delayMs: number, callback: () => void): NodeJS.Timeout {
    const step = Math.min(delayMs, timeoutMsMax);
    const handle = setTimeout(() => {
      if (delayMs > step) this.#handle = this.#arm(delayMs - step, callback);
      else callback();
    }, step);
    return this.#holdsProcess ? handle : handle.unref();
  }

  cancel(): void {
    clearTimeout(this.#handle);
  }
}

/** The machine's own clocks. */
export const systemClock: Clock = {
  nowMs: () => Date.now(),
  monotonicMs: () => performance.now(),
  after: (delayMs, callback) => new SystemTimer(Math.max(0, delayMs), callback, false),
};

/**
 * The machine's own clocks, with timers that keep the process alive until they fire or are cancelled: for clients and
 * commands, where such a timer may be all that somebody awaits.
 */
export const foregroundClock: Clock = {
  ...systemClock,
  after: (delayMs, callback) => new SystemTimer(Math.max(0, delayMs), callback, true),
};

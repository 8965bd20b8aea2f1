// Long work in slices, so that the event loop turns: whoever works on much data asks after each piece whether to go on.
// All askers share one slice a turn; when it is used up they go on one after the other, each in a turn of its own.

import type { Clock } from "./clock.ts";

const sliceMs = 10;
// Looking at the clock costs more than most pieces of work do; so much is done in between.
const bytesBetweenLooks = 16 * 1024;

/** What all long work of one event loop asks for its share of time. */
export class LoopShare {
  readonly #clock: Clock;
  readonly #waiting: (() => void)[] = [];
  // Null while nobody has asked since the loop turned.
  #sliceEndMs: number | null = null;
  #bytesUnlooked = 0;

  /** @param clock Tells when a slice is used up. */
  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /**
   * To be asked after a piece of work over so many bytes.
   *
   * @returns Null: go on. A promise: the slice is used up; go on when it resolves, in a later turn, in order of asking.
   */
  after(bytes: number): Promise<void> | null {
    this.#bytesUnlooked += bytes;
    if (this.#sliceEndMs !== null && this.#bytesUnlooked < bytesBetweenLooks) return null;
    this.#bytesUnlooked = 0;
    const nowMs = this.#clock.monotonicMs();
    if (this.#sliceEndMs === null) {
      this.#beginSlice(nowMs);
      return null;
    }
    if (nowMs < this.#sliceEndMs) return null;
    return new Promise((resolve) => {
      this.#waiting.push(resolve);
    });
  }

  #beginSlice(nowMs: number): void {
    this.#sliceEndMs = nowMs + sliceMs;
    setImmediate(() => this.#turn());
  }

  #turn(): void {
    this.#sliceEndMs = null;
    const goOn = this.#waiting.shift();
    if (goOn === undefined) return;
    this.#beginSlice(this.#clock.monotonicMs());
    goOn();
  }
}

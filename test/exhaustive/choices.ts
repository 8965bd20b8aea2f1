// Dice that go through every sequence of outcomes, one after the other, instead of rolling.

import type { Random } from "../../src/base/random.ts";

/** All outcomes of whatever draws from it: draw to the end, `advance`, and begin again while it says so. */
export class Choices implements Random {
  readonly #digits: number[] = [];
  readonly #bounds: number[] = [];
  #drawn = 0;

  below(bound: number): number {
    const digit = this.#digits[this.#drawn] ?? 0;
    this.#digits[this.#drawn] = digit;
    this.#bounds[this.#drawn] = bound;
    this.#drawn++;
    return digit;
  }

  bytes(count: number): Uint8Array {
    return new Uint8Array(count);
  }

  /** Goes to the next outcome; false after the last one. */
  advance(): boolean {
    for (let at = this.#drawn - 1; at >= 0; at--) {
      const next = (this.#digits[at] ?? 0) + 1;
      if (next < (this.#bounds[at] ?? 0)) {
        this.#digits.length = at;
        this.#digits.push(next);
        this.#drawn = 0;
        return true;
      }
    }
    return false;
  }
}

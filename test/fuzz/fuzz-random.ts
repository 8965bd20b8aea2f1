// Numbers for the fuzzer: every input has its own seed, so that any one of them can be made again alone.

/** A generator (mulberry32) without closures: a hundred million inputs ask it a thousand million times. */
export class FuzzRandom {
  #state = 0;

  /** Starts over for input `index` of a run. */
  seed(run: number, index: number): void {
    this.#state = Math.imul(run ^ 0x9e3779b9, 0x85ebca6b) ^ Math.imul(index + 1, 0xc2b2ae35);
  }

  /** 32 random bits as a signed number. */
  bits(): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return mixed ^ (mixed >>> 14);
  }

  /** An integer in [0, bound); `bound` from 1 to 2^31. */
  below(bound: number): number {
    return (this.bits() >>> 1) % bound;
  }
}

/** A number that stands for a text. */
export function hashOf(text: string): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < text.length; index++) {
    hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193);
  }
  return hash | 0;
}

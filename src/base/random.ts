// Randomness comes in as a parameter. This file is the only one that may ask the system for it.

import { randomBytes, randomFillSync } from "node:crypto";

/** A source of random bits. */
export interface Random {
  /** An integer in [0, bound); `bound` from 1 to 2^32. */
  below(bound: number): number;
  /** `count` random bytes, newly allocated. */
  bytes(count: number): Uint8Array;
}

/** Unpredictable randomness from the operating system. */
export const systemRandom: Random = {
  below(bound) {
    const words = new Uint32Array(1);
    randomFillSync(words);
    // The bias of the remainder is below 2^-22 for the small bounds used here.
    return (words[0] ?? 0) % bound;
  },
  bytes: (count) => randomBytes(count),
};

/**
 * A repeatable generator (mulberry32): the same seed gives the same numbers on every machine.
 *
 * @param seed Any integer; only its low 32 bits count.
 */
export function seededRandom(seed: number): Random {
  let state = seed | 0;
  const next = (): number => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return (mixed ^ (mixed >>> 14)) >>> 0;
  };
  return {
    below: (bound) => Math.floor((next() / 2 ** 32) * bound),
    bytes(count) {
      const bytes = new Uint8Array(count);
      for (let index = 0; index < count; index++) bytes[index] = next() & 0xff;
      return bytes;
    },
  };
}

/** A random version-4 UUID as 32 lower-case hexadecimal digits with dashes. */
export function randomUuid(random: Random): string {
  const bytes = Buffer.from(random.bytes(16));
  bytes.writeUInt8((bytes.readUInt8(6) & 0x0f) | 0x40, 6);
  bytes.writeUInt8((bytes.readUInt8(8) & 0x3f) | 0x80, 8);
  const hex = bytes.toString("hex");
  const parts = [
    [0, 8],
    [8, 12],
    [12, 16],
    [16, 20],
    [20, 32],
  ] as const;
  return parts.map(([from, to]) => hex.slice(from, to)).join("-");
}

// What is fuzzed: a decoder with its samples, its promise about refusals, and its bound on memory.

import type { ErrorName } from "../../src/base/error.ts";

/** What a decoder may take for an input of some length, in bytes of memory. */
export interface MemoryBound {
  /** As a sentence: where the bound comes from. */
  readonly text: string;
  /** The bound, for an input of `length` bytes. */
  bytes(length: number): number;
}

/** One decoder under test. */
export interface FuzzTarget {
  readonly name: string;
  readonly bound: MemoryBound;
  /** What the decoder may throw, as a LogError. Anything else that is thrown is a finding. */
  readonly refusals: readonly ErrorName[];
  /** Valid inputs to begin with. Made when asked for. */
  samples(): readonly Uint8Array[];
  /** Pieces that mean something in the format; none when absent. */
  readonly words?: readonly (string | Uint8Array)[];
  /** True where inputs are JSON, or have JSON in them: then most changes are of one value for another. */
  readonly isJson?: boolean;
  /** Makes a changed input pass the outermost check again, in place, such as a checksum over it. */
  repair?(input: Buffer): void;
  /**
   * Decodes an input and checks what came of it. The input must not be changed.
   *
   * @returns A small number that tells kinds of valid results apart. 0 for what is refused without an error.
   * @throws  LogError for a refusal; anything else for a broken promise.
   */
  run(input: Buffer): number | Promise<number>;
  /** Share of all inputs in comparison with other targets; 1 when absent. Slow decoders have less. */
  readonly weight?: number;
  /** True for code that may take the whole process with it, or that waits: its inputs are noted down one by one. */
  readonly isNoted?: boolean;
  /** Longest input that is usual, bytes; 768 when absent. A few are always longer. */
  readonly usualBytesMax?: number;
}

/** A promise of a decoder that did not hold. */
export class Violation extends Error {
  constructor(what: string) {
    super(what);
    this.name = "Violation";
  }
}

/** Throws a Violation unless something holds. */
export function holds(condition: boolean, what: string): void {
  if (!condition) throw new Violation(what);
}

/** Throws a Violation unless two pieces of bytes are the same. */
export function sameBytes(one: Uint8Array, other: Uint8Array, what: string): void {
  if (Buffer.compare(one, other) !== 0) throw new Violation(what);
}

// Fuzzes one decoder: makes inputs, runs them, keeps those that did something new, and checks what was promised.
//
// Repeatable: input `index` of a run depends on the seed, the target and the inputs kept before its batch.

import { Script } from "node:vm";
import { LogError } from "../../src/base/error.ts";
import type { Coverage } from "./coverage.ts";
import { FuzzRandom, hashOf } from "./fuzz-random.ts";
import { type MutationSource, Mutator } from "./mutator.ts";
import type { FuzzTarget } from "./target.ts";

// Inputs between two looks at what they covered: few while much is found, more as less is.
const batchInputsMin = 64;
const batchInputsMax = 16_384;
/** The longest input ever made. */
export const inputBytesMax = 64 * 1024;
const usualBytesMax = 768;
// One input in so many may be long, and one in so many has its memory measured.
const longEvery = 8192;
const measuredEvery = 1024;
const keptInputsMax = 4096;
const outcomesMax = 2000;
/** What an input may take in the best of five runs, milliseconds. Far above what any needs: a bound on work. */
const slowMs = 60;
// A batch that takes longer, and an input of it that does, hangs.
const hangMsDefault = 20_000;
// What one look at the heap may be off: code that is compiled, caches that are filled.
const measureSlackBytes = 512 * 1024;

/** An input under which a decoder broke its promise. */
export interface Finding {
  readonly target: string;
  readonly input: Uint8Array;
  readonly what: string;
}

/** How to fuzz. */
export interface FuzzOptions {
  readonly seed: number;
  readonly inputs: number;
  /** Inputs to begin with, beside the target's samples. */
  readonly corpus: readonly Uint8Array[];
  /** Null: new outcomes alone tell which inputs are worth keeping. */
  readonly coverage: Coverage | null;
  /** When a batch counts as one that does not end, milliseconds; a minute when absent. */
  readonly hangMs?: number;
  /** Told the input that is about to run, for targets that may end the process. */
  readonly note?: ((input: Buffer) => void) | undefined;
  /** Asked between batches. */
  readonly isOver?: (() => boolean) | undefined;
  /** Called between batches. */
  readonly onProgress?: ((inputs: number) => void | Promise<void>) | undefined;
}

/** What came of it. */
export interface FuzzFacts {
  readonly target: string;
  readonly inputs: number;
  /** Inputs that were decoded to a value. */
  readonly valid: number;
  /** Inputs that were kept because they did something new, samples left out. */
  readonly kept: readonly Uint8Array[];
  readonly corpus: number;
  /** Different results and refusals. */
  readonly outcomes: number;
  /** Most memory that one input was seen to take, bytes. */
  readonly bytesMost: number;
  readonly findings: readonly Finding[];
}

const findingsMax = 8;

/** Why a decoder refused, or what went wrong, as a number; null for a finding. */
function refusalOf(target: FuzzTarget, error: unknown): number | null {
  if (!(error instanceof LogError) || !target.refusals.includes(error.code)) return null;
  const { message } = error;
  let hash = hashOf(error.code);
  for (let index = 0; index < message.length; index++) {
    const code = message.charCodeAt(index);
    // What is quoted is the input's own, and numbers are.
    if (code === 0x27 || code === 0x22) break;
    if (code >= 0x61 && code <= 0x7a) hash = Math.imul(hash ^ code, 0x01000193);
  }
  return hash;
}

/** What went wrong, in one line. */
export function shownError(error: unknown): string {
  if (error instanceof LogError) return `an undocumented refusal, ${error.code}: ${error.message}`;
  return error instanceof Error ? `${error.name}: ${error.message}` : `threw ${String(error)}`;
}

const samplesOf = new WeakMap<FuzzTarget, readonly Uint8Array[]>();

/** The samples of a target, made once. */
export function samplesFor(target: FuzzTarget): readonly Uint8Array[] {
  const samples = samplesOf.get(target) ?? target.samples();
  samplesOf.set(target, samples);
  return samples;
}

/** Runs one target on one input; what is wrong with it, or null. The whole check, once. */
export async function faultUnder(target: FuzzTarget, input: Uint8Array): Promise<string | null> {
  const bytes = Buffer.from(input);
  try {
    await target.run(bytes);
  } catch (error) {
    if (refusalOf(target, error) === null) return shownError(error);
  }
  return Buffer.compare(bytes, input) === 0 ? null : "the input was changed";
}

/** Fuzzes a target. */
export async function fuzz(target: FuzzTarget, options: FuzzOptions): Promise<FuzzFacts> {
  return new Fuzzing(target, options).run();
}

class Fuzzing {
  readonly #target: FuzzTarget;
  readonly #options: FuzzOptions;
  readonly #random = new FuzzRandom();
  readonly #mutator: Mutator;
  readonly #run: number;
  readonly #source: MutationSource & { readonly corpus: Uint8Array[] };
  readonly #kept: Uint8Array[] = [];
  readonly #reasons = new Set<number>();
  readonly #findings: Finding[] = [];
  readonly #faults = new Set<string>();
  // Of the batch under way: what to keep, and what to look at again.
  #fresh: Uint8Array[] = [];
  #slow: number[] = [];
  #next = 0;
  #isStuck = false;
  #valid = 0;
  #bytesMost = 0;

  constructor(target: FuzzTarget, options: FuzzOptions) {
    this.#target = target;
    this.#options = options;
    this.#mutator = new Mutator(this.#random, inputBytesMax);
    this.#run = options.seed ^ hashOf(target.name);
    const words = (target.words ?? []).map((word) => Buffer.from(word));
    const corpus = [...samplesFor(target), ...options.corpus];
    this.#source = { corpus, words, isJson: target.isJson ?? false };
  }

  async run(): Promise<FuzzFacts> {
    const { inputs, isOver, onProgress } = this.#options;
    await this.#begin();
    let done = 0;
    let size = batchInputsMin;
    const isEnough = (): boolean => this.#isStuck || this.#findings.length >= findingsMax;
    while (done < inputs && !(isOver?.() ?? false) && !isEnough()) {
      const end = Math.min(inputs, done + size);
      const isNew = await this.#batch(done, end);
      size = isNew ? Math.max(batchInputsMin, size >> 1) : Math.min(batchInputsMax, size << 1);
      done = end;
      await onProgress?.(done);
    }
    return {
      target: this.#target.name,
      inputs: done,
      valid: this.#valid,
      kept: this.#kept,
      corpus: this.#source.corpus.length,
      outcomes: this.#reasons.size,
      bytesMost: this.#bytesMost,
      findings: this.#findings,
    };
  }

  // What the samples do is not new.
  async #begin(): Promise<void> {
    for (const sample of this.#source.corpus) {
      this.#mutator.bytes.set(sample);
      this.#mutator.length = sample.length;
      this.#options.note?.(this.#mutator.input);
      const outcome = await this.#outcome();
      if (outcome !== null) this.#reasons.add(outcome);
    }
    this.#options.coverage?.note(this.#options.coverage.fresh());
  }

  // True when something new was seen. All inputs of a batch are made of what was kept before it, so that each can be
  // made again.
  async #batch(from: number, to: number): Promise<boolean> {
    const { coverage } = this.#options;
    this.#fresh = [];
    this.#slow = [];
    if (this.#target.isNoted === true) await this.#runNoted(from, to);
    else this.#runWatched(from, to);
    if (this.#isStuck) return false;
    const covers = coverage !== null && coverage.fresh().length > 0;
    if (covers) await this.#keepCovering(from, to);
    for (const index of this.#slow) await this.#judgeSlowness(index);
    const step = measuredEvery;
    for (let index = Math.ceil(from / step) * step; index < to; index += step) {
      await this.#measure(index);
    }
    for (const input of this.#fresh) this.#keep(input);
    return this.#fresh.length > 0;
  }

  async #runNoted(from: number, to: number): Promise<void> {
    for (let index = from; index < to; index++) {
      this.#make(index);
      this.#options.note?.(this.#mutator.input);
      const startMs = performance.now();
      this.#take(await this.#outcome(), index, startMs);
    }
  }

  // The engine itself ends a loop without an end.
  #runWatched(from: number, to: number): void {
    const { hangMs = hangMsDefault } = this.#options;
    this.#next = from;
    while (this.#next < to) {
      if (this.#runWithin(hangMs, to)) continue;
      // Others may have had the processor all the while: the input that was at hand has that time for itself.
      if (this.#runWithin(hangMs, this.#next + 1)) continue;
      // Whatever else there is to find would wait behind the next input like this one.
      this.#found(`did not end within ${hangMs} ms`);
      this.#isStuck = true;
      return;
    }
  }

  // False when it had to be ended; the input at hand is that of `#next`.
  #runWithin(ms: number, to: number): boolean {
    try {
      withinTime(ms, () => this.#runPlain(to));
      return true;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ERR_SCRIPT_EXECUTION_TIMEOUT") return false;
      throw error;
    }
  }

  #runPlain(to: number): void {
    for (; this.#next < to; this.#next++) {
      const index = this.#next;
      this.#make(index);
      const startMs = performance.now();
      this.#take(this.#outcomeNow(), index, startMs);
    }
  }

  #make(index: number): void {
    const { usualBytesMax: usual = usualBytesMax, repair } = this.#target;
    const random = this.#random;
    random.seed(this.#run, index);
    this.#mutator.make(this.#source, index % longEvery === longEvery - 1 ? inputBytesMax : usual);
    // Now and then a wrong checksum stays wrong.
    if (repair !== undefined && random.below(16) !== 0) repair(this.#mutator.input);
  }

  #take(outcome: number | null, index: number, startMs: number): void {
    if (performance.now() - startMs > slowMs) this.#slow.push(index);
    if (outcome === null || this.#reasons.has(outcome)) return;
    if (this.#reasons.size >= outcomesMax) return;
    this.#reasons.add(outcome);
    this.#fresh.push(Buffer.from(this.#mutator.input));
  }

  #keep(input: Uint8Array): void {
    if (this.#source.corpus.length >= keptInputsMax) return;
    this.#source.corpus.push(input);
    this.#kept.push(input);
  }

  // Which inputs of a range ran code that had never run before: halves are run again until one input is left.
  async #keepCovering(from: number, to: number): Promise<void> {
    const middle = (from + to) >>> 1;
    for (const [start, end] of [
      [from, middle],
      [middle, to],
    ] as const) {
      for (let index = start; index < end; index++) {
        this.#make(index);
        await this.#again();
      }
      const parts = this.#options.coverage?.fresh() ?? [];
      if (parts.length === 0) continue;
      if (end - start > 1) {
        await this.#keepCovering(start, end);
      } else {
        this.#options.coverage?.note(parts);
        this.#fresh.push(Buffer.from(this.#mutator.input));
      }
    }
  }

  async #again(): Promise<void> {
    try {
      await this.#target.run(this.#mutator.input);
    } catch {
      // It was judged the first time.
    }
  }

  async #outcome(): Promise<number | null> {
    try {
      return this.#judged(await this.#target.run(this.#mutator.input));
    } catch (error) {
      return this.#refused(error);
    }
  }

  #outcomeNow(): number | null {
    try {
      return this.#judged(this.#target.run(this.#mutator.input) as number);
    } catch (error) {
      return this.#refused(error);
    }
  }

  #judged(result: number): number {
    if (result !== 0) this.#valid++;
    return result;
  }

  #refused(error: unknown): number | null {
    const refusal = refusalOf(this.#target, error);
    if (refusal === null) this.#found(shownError(error));
    return refusal;
  }

  #found(what: string): void {
    const kind = what.replaceAll(/\d+/g, "N").slice(0, 120);
    if (this.#faults.has(kind) || this.#findings.length >= findingsMax) return;
    this.#faults.add(kind);
    const input = Buffer.from(this.#mutator.input);
    this.#findings.push({ target: this.#target.name, input, what });
  }

  // Somebody else may have had the processor: only the best of some runs counts.
  async #judgeSlowness(index: number): Promise<void> {
    let leastMs = Infinity;
    for (let times = 0; times < 5 && leastMs > slowMs; times++) {
      this.#make(index);
      const startMs = performance.now();
      await this.#again();
      leastMs = Math.min(leastMs, performance.now() - startMs);
    }
    if (leastMs <= slowMs) return;
    this.#found(`${this.#mutator.length} bytes took ${leastMs.toFixed(0)} ms`);
  }

  // What the engine does beside is in the figure too: the least of some runs counts.
  async #measure(index: number): Promise<void> {
    this.#make(index);
    const { input, length } = this.#mutator;
    const before = Buffer.from(input);
    const bound = this.#target.bound.bytes(length);
    let least = await this.#bytesTaken();
    if (Buffer.compare(before, input) !== 0) this.#found("the input was changed");
    for (let times = 0; times < 4 && least > bound; times++) {
      least = Math.min(least, await this.#bytesTaken());
    }
    if (least > this.#bytesMost) this.#bytesMost = least;
    if (least > bound + measureSlackBytes) {
      this.#found(`${length} bytes took ${least} bytes of memory, the bound is ${bound}`);
    }
  }

  // A collection in between hides what was taken: then once more.
  async #bytesTaken(): Promise<number> {
    for (let times = 0; times < 4; times++) {
      const before = process.memoryUsage();
      await this.#again();
      const after = process.memoryUsage();
      const taken = after.heapUsed - before.heapUsed + after.external - before.external;
      if (taken >= 0) return taken;
    }
    return 0;
  }
}

const slot = "varve:fuzz";
const script = new Script(`globalThis[${JSON.stringify(slot)}]()`);

function withinTime(timeout: number, work: () => void): void {
  Reflect.set(globalThis, slot, work);
  script.runInThisContext({ timeout });
}

// Single records of which nothing is asked before a time to come: one row of numbers each, because a queue may hold
// millions of them. Rows lie by offset in chunks, which split and join, so that no change moves many of them.

import type { OffsetRange, RecordFate, RecordRun } from "./record-run.ts";
import { TimeHeap } from "./time-heap.ts";

const chunkRows = 256;
const leastRows = 4;
const kindsMax = 256;
const staleMin = 1024;

/** Records asleep, by offset and by the time when they wake. */
export class SleepingRecords {
  readonly #chunks: Chunk[] = [];
  readonly #wakes = new TimeHeap();
  /** What many fates have in common is one object. */
  readonly #kinds = new Map<string, RecordFate>();
  #size = 0;

  /** How many. */
  get size(): number {
    return this.#size;
  }

  /** How many times are remembered: those of records that were taken as well, up to a bound. */
  get timeCount(): number {
    return this.#wakes.size;
  }

  /** The lowest offset; null when there is none. */
  lowest(): number | null {
    return this.#chunks[0]?.first ?? null;
  }

  /** The first at an offset or behind it, as a run; null when there is none. */
  next(offset: number): RecordRun | null {
    const index = this.#chunkAt(offset);
    const chunk = this.#chunks[index];
    const at = chunk?.indexOf(offset) ?? 0;
    if (chunk !== undefined && at < chunk.count) return chunk.runAt(at);
    return this.#chunks[index + 1]?.runAt(0) ?? null;
  }

  /** The record at an offset, as a run; null when it is not asleep. */
  find(offset: number): RecordRun | null {
    const run = this.#size === 0 ? null : this.next(offset);
    return run?.first === offset ? run : null;
  }

  /** Puts a record to sleep that is not asleep. */
  add(offset: number, fate: RecordFate): void {
    const chunk = this.#chunkFor(offset);
    chunk.insert(offset, fate, this.#kindOf(fate));
    this.#size++;
    this.#wakes.push(wakeMsOf(fate), offset);
    if (this.#wakes.size > 2 * this.#size + staleMin) this.#forgetStale();
  }

  /** Takes the records of a range out; answers them by offset. */
  takeWithin({ first, last }: OffsetRange): readonly RecordRun[] {
    const taken: RecordRun[] = [];
    while (this.#size > 0) {
      const index = this.#indexWith(first);
      const chunk = this.#chunks[index];
      if (chunk === undefined || chunk.first > last) break;
      const from = chunk.indexOf(first);
      const to = chunk.indexOf(last + 1);
      if (from === to) break;
      for (let at = from; at < to; at++) taken.push(chunk.runAt(at));
      chunk.remove(from, to);
      this.#size -= to - from;
      this.#tidy(index);
    }
    return taken;
  }

  /** Takes one out that wakes by then; null when there is none. */
  takeAwake(nowMs: number): RecordRun | null {
    if (this.nextWakeMs() > nowMs) return null;
    const offset = this.#wakes.firstOffset;
    this.#wakes.pop();
    return this.takeWithin({ first: offset, last: offset })[0] ?? null;
  }

  /** When the next one wakes, Unix milliseconds; Infinity when there is none. */
  nextWakeMs(): number {
    while (this.#wakes.size > 0 && !this.#holds(this.#wakes.firstMs, this.#wakes.firstOffset)) {
      this.#wakes.pop();
    }
    return this.#wakes.firstMs;
  }

  #holds(atMs: number, offset: number): boolean {
    const run = this.find(offset);
    return run !== null && wakeMsOf(run.fate) === atMs;
  }

  #forgetStale(): void {
    this.#wakes.retain((atMs, offset) => this.#holds(atMs, offset));
  }

  #kindOf(fate: RecordFate): RecordFate {
    const { phase, deliveries, priority, owner, reason } = fate;
    const name = `${phase} ${deliveries} ${priority} ${owner} ${reason}`;
    const known = this.#kinds.get(name);
    if (known !== undefined) return known;
    // Reasons may be many: those that go have their own object from then on, that is all.
    if (this.#kinds.size >= kindsMax) this.#kinds.clear();
    this.#kinds.set(name, fate);
    return fate;
  }

  /** Index of the last chunk that begins at or below an offset; 0 when there is none. */
  #chunkAt(offset: number): number {
    let low = 0;
    let high = this.#chunks.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#chunks[middle]?.first ?? 0) <= offset) low = middle + 1;
      else high = middle;
    }
    return Math.max(0, low - 1);
  }

  /** Index of the chunk that has the first record at an offset or behind it. */
  #indexWith(offset: number): number {
    const index = this.#chunkAt(offset);
    const chunk = this.#chunks[index];
    return chunk !== undefined && chunk.last < offset ? index + 1 : index;
  }

  #chunkFor(offset: number): Chunk {
    const index = this.#chunkAt(offset);
    const chunk = this.#chunks[index];
    if (chunk !== undefined && chunk.count < chunkRows) return chunk;
    // What comes in order fills one chunk after the other.
    const isBehind = chunk === undefined || chunk.last < offset;
    const made = isBehind ? new Chunk() : chunk.split();
    this.#chunks.splice(index + 1, 0, made);
    return chunk === undefined || isBehind || made.first <= offset ? made : chunk;
  }

  // Chunks that have become small join, or many would be left with one row each.
  #tidy(index: number): void {
    const [chunk, next] = [this.#chunks[index], this.#chunks[index + 1]];
    if (chunk === undefined) return;
    if (chunk.count === 0) {
      this.#chunks.splice(index, 1);
      return;
    }
    if (next === undefined || 4 * (chunk.count + next.count) > 3 * chunkRows) return;
    chunk.append(next);
    this.#chunks.splice(index + 1, 1);
  }
}

function wakeMsOf({ dueMs, expiresAtMs }: RecordFate): number {
  return Math.min(dueMs, expiresAtMs);
}

// Columns of a row: offset, due, expiry, hash of the key, bytes.
const columns = 5;

class Chunk {
  count = 0;
  /** The first offset, at hand for searches. */
  first = 0;
  #numbers = new Float64Array(leastRows * columns);
  readonly #kinds: RecordFate[] = [];

  get last(): number {
    return this.#offsetAt(this.count - 1);
  }

  /** Index of the first row at an offset or behind it. */
  indexOf(offset: number): number {
    let low = 0;
    let high = this.count;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#offsetAt(middle) < offset) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  runAt(at: number): RecordRun {
    const row = at * columns;
    const numbers = this.#numbers;
    const kind = this.#kinds[at];
    if (kind === undefined) throw new Error("a row without a kind");
    const { phase, deliveries, priority, owner, reason } = kind;
    const offset = numbers[row] ?? 0;
    const fate: RecordFate = {
      phase,
      deliveries,
      dueMs: numbers[row + 1] ?? 0,
      expiresAtMs: numbers[row + 2] ?? 0,
      priority,
      keyHash: numbers[row + 3] ?? 0,
      owner,
      reason,
      bytes: numbers[row + 4] ?? 0,
    };
    return { first: offset, last: offset, fate, isDue: false, isOffered: false };
  }

  insert(offset: number, fate: RecordFate, kind: RecordFate): void {
    this.#makeRoom(this.count + 1);
    const at = this.indexOf(offset);
    const row = at * columns;
    const numbers = this.#numbers;
    numbers.copyWithin(row + columns, row, this.count * columns);
    numbers[row] = offset;
    numbers[row + 1] = fate.dueMs;
    numbers[row + 2] = fate.expiresAtMs;
    numbers[row + 3] = fate.keyHash;
    numbers[row + 4] = fate.bytes;
    this.#kinds.splice(at, 0, kind);
    this.count++;
    this.first = this.#offsetAt(0);
  }

  remove(from: number, to: number): void {
    this.#numbers.copyWithin(from * columns, to * columns, this.count * columns);
    this.#kinds.splice(from, to - from);
    this.count -= to - from;
    this.first = this.#offsetAt(0);
  }

  /** Gives the upper half away. */
  split(): Chunk {
    const half = this.count >> 1;
    const made = new Chunk();
    made.#makeRoom(this.count - half);
    made.#numbers.set(this.#numbers.subarray(half * columns, this.count * columns));
    made.#kinds.push(...this.#kinds.splice(half));
    made.count = this.count - half;
    made.first = made.#offsetAt(0);
    this.count = half;
    return made;
  }

  /** Takes what lies behind it in. */
  append(other: Chunk): void {
    this.#makeRoom(this.count + other.count);
    const rows = other.#numbers.subarray(0, other.count * columns);
    this.#numbers.set(rows, this.count * columns);
    this.#kinds.push(...other.#kinds);
    this.count += other.count;
  }

  #offsetAt(at: number): number {
    return this.#numbers[at * columns] ?? 0;
  }

  #makeRoom(rows: number): void {
    if (rows * columns <= this.#numbers.length) return;
    const room = Math.min(chunkRows, Math.max(rows, (2 * this.#numbers.length) / columns));
    const made = new Float64Array(room * columns);
    made.set(this.#numbers);
    this.#numbers = made;
  }
}

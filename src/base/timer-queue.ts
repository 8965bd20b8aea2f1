// Many deadlines on one timer: a binary heap ordered by deadline, with a map from key to entry.
//
// Setting a later deadline for a key does not touch the system's timer (it fires early once and is armed again), so a
// deadline that is postponed on every request costs a few swaps in the heap.
//
// After the whole process stood still (stopped, swapped out, its machine asleep) everything is overdue at once, while
// what would have postponed it still waits to be read. Then the deadlines hold back for a moment.

import { assert } from "./assert.ts";
import type { Clock, Timer } from "./clock.ts";

// This late means that nothing has run meanwhile.
const stallMs = 1000;
const holdMs = 500;

interface Entry {
  readonly key: string;
  atMs: number;
  /** Breaks ties: what was set first fires first. */
  sequence: number;
  callback: () => void;
  /** Index in the heap. */
  slot: number;
}

/** Deadlines by key, on the monotonic clock. Setting and cancelling take O(log n). */
export class TimerQueue {
  readonly #clock: Clock;
  readonly #byKey = new Map<string, Entry>();
  readonly #heap: Entry[] = [];
  #sequence = 0;
  #timer: Timer | null = null;
  #armedAtMs = Infinity;
  #heldUntilMs = 0;

  /** @param clock Gives the monotonic time and the one timer. */
  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** How many deadlines are set. */
  get size(): number {
    return this.#heap.length;
  }

  /** True while a deadline is set for the key. */
  has(key: string): boolean {
    return this.#byKey.has(key);
  }

  /**
   * Runs `callback` once, at least `delayMs` from now; replaces the key's earlier deadline and callback. The callback
   * must not throw.
   */
  set(key: string, delayMs: number, callback: () => void): void {
    const atMs = this.#clock.monotonicMs() + Math.max(0, delayMs);
    const sequence = this.#sequence++;
    const known = this.#byKey.get(key);
    if (known === undefined) {
      const entry: Entry = { key, atMs, sequence, callback, slot: this.#heap.length };
      this.#byKey.set(key, entry);
      this.#heap.push(entry);
      this.#siftUp(entry);
    } else {
      known.atMs = atMs;
      known.sequence = sequence;
      known.callback = callback;
      this.#siftUp(known);
      this.#siftDown(known);
    }
    this.#arm();
  }

  /** Forgets the key's deadline; harmless when there is none. */
  cancel(key: string): void {
    const entry = this.#byKey.get(key);
    if (entry !== undefined) this.#remove(entry);
  }

  /** Forgets every deadline. */
  clear(): void {
    this.#byKey.clear();
    this.#heap.length = 0;
    this.#timer?.cancel();
    this.#timer = null;
    this.#armedAtMs = Infinity;
  }

  #arm(): void {
    const first = this.#heap[0];
    if (first === undefined) return;
    const atMs = Math.max(first.atMs, this.#heldUntilMs);
    if (atMs >= this.#armedAtMs) return;
    const nowMs = this.#clock.monotonicMs();
    this.#timer?.cancel();
    this.#armedAtMs = atMs;
    const dueMs = Math.max(atMs, nowMs);
    this.#timer = this.#clock.after(dueMs - nowMs, () => this.#wake(dueMs));
  }

  #wake(dueMs: number): void {
    const nowMs = this.#clock.monotonicMs();
    this.#timer = null;
    this.#armedAtMs = Infinity;
    if (nowMs - dueMs >= stallMs) {
      this.#heldUntilMs = nowMs + holdMs;
      this.#arm();
    } else {
      this.#fire(nowMs);
    }
  }

  #fire(nowMs: number): void {
    // What callbacks set anew waits for the next turn, or a zero delay would never let go of this loop.
    const sequenceEnd = this.#sequence;
    try {
      for (;;) {
        const first = this.#heap[0];
        if (first === undefined || first.atMs > nowMs || first.sequence >= sequenceEnd) break;
        this.#remove(first);
        first.callback();
      }
    } finally {
      this.#arm();
    }
  }

  #remove(entry: Entry): void {
    this.#byKey.delete(entry.key);
    const last = this.#heap.pop();
    assert(last !== undefined, "an entry of the map is in the heap");
    if (last === entry) return;
    this.#place(last, entry.slot);
    this.#siftUp(last);
    this.#siftDown(last);
  }

  #place(entry: Entry, slot: number): void {
    this.#heap[slot] = entry;
    entry.slot = slot;
  }

  #siftUp(entry: Entry): void {
    while (entry.slot > 0) {
      const slot = entry.slot;
      const parentSlot = (slot - 1) >> 1;
      const parent = this.#heap[parentSlot];
      if (parent === undefined || !isBefore(entry, parent)) return;
      this.#place(parent, slot);
      this.#place(entry, parentSlot);
    }
  }

  #siftDown(entry: Entry): void {
    for (;;) {
      const slot = entry.slot;
      let least = entry;
      const left = this.#heap[2 * slot + 1];
      if (left !== undefined && isBefore(left, least)) least = left;
      const right = this.#heap[2 * slot + 2];
      if (right !== undefined && isBefore(right, least)) least = right;
      if (least === entry) return;
      const childSlot = least.slot;
      this.#place(least, slot);
      this.#place(entry, childSlot);
    }
  }
}

function isBefore(left: Entry, right: Entry): boolean {
  return left.atMs < right.atMs || (left.atMs === right.atMs && left.sequence < right.sequence);
}

// Offsets by time: a binary heap of two numbers an entry, for millions of them. An entry cannot be taken back: whoever
// takes it out looks whether it still holds.

const leastRoom = 16;

/** Times and offsets; putting one in and taking the first out cost O(log n). */
export class TimeHeap {
  #times: Float64Array = new Float64Array(leastRoom);
  #offsets: Float64Array = new Float64Array(leastRoom);
  #size = 0;

  /** How many entries. */
  get size(): number {
    return this.#size;
  }

  /** The first time; Infinity when there is none. */
  get firstMs(): number {
    return this.#size === 0 ? Number.POSITIVE_INFINITY : (this.#times[0] ?? 0);
  }

  /** The offset of the first time; of several the lowest. -1 when there is none. */
  get firstOffset(): number {
    return this.#size === 0 ? -1 : (this.#offsets[0] ?? 0);
  }

  /** Puts an offset in. */
  push(atMs: number, offset: number): void {
    if (this.#size === this.#times.length) this.#resize(2 * this.#size);
    let at = this.#size++;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!this.#isBehind(parent, atMs, offset)) break;
      this.#move(parent, at);
      at = parent;
    }
    this.#put(at, atMs, offset);
  }

  /** Takes the first entry out, if there is one. */
  pop(): void {
    if (this.#size === 0) return;
    const last = --this.#size;
    this.#sink(0, this.#times[last] ?? 0, this.#offsets[last] ?? 0);
    if (this.#size >= leastRoom && 4 * this.#size < this.#times.length)
      this.#resize(2 * this.#size);
  }

  /** Keeps the entries that hold. O(n). */
  retain(holds: (atMs: number, offset: number) => boolean): void {
    let kept = 0;
    for (let at = 0; at < this.#size; at++) {
      const [atMs = 0, offset = 0] = [this.#times[at], this.#offsets[at]];
      if (holds(atMs, offset)) this.#put(kept++, atMs, offset);
    }
    this.#size = kept;
    this.#resize(Math.max(leastRoom, 2 * kept));
    for (let at = (kept >> 1) - 1; at >= 0; at--) {
      this.#sink(at, this.#times[at] ?? 0, this.#offsets[at] ?? 0);
    }
  }

  // Puts an entry in the place `at` or below it.
  #sink(from: number, atMs: number, offset: number): void {
    let at = from;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= this.#size) break;
      const other = child + 1;
      const isOther =
        other < this.#size &&
        this.#isBehind(child, this.#times[other] ?? 0, this.#offsets[other] ?? 0);
      if (isOther) child = other;
      if (this.#isBehind(child, atMs, offset)) break;
      this.#move(child, at);
      at = child;
    }
    this.#put(at, atMs, offset);
  }

  #isBehind(at: number, atMs: number, offset: number): boolean {
    const time = this.#times[at] ?? 0;
    return time === atMs ? (this.#offsets[at] ?? 0) > offset : time > atMs;
  }

  #move(from: number, to: number): void {
    this.#put(to, this.#times[from] ?? 0, this.#offsets[from] ?? 0);
  }

  #put(at: number, atMs: number, offset: number): void {
    this.#times[at] = atMs;
    this.#offsets[at] = offset;
  }

  #resize(room: number): void {
    this.#times = resized(this.#times, room, this.#size);
    this.#offsets = resized(this.#offsets, room, this.#size);
  }
}

function resized(numbers: Float64Array, room: number, used: number): Float64Array {
  const made = new Float64Array(room);
  made.set(numbers.subarray(0, used));
  return made;
}

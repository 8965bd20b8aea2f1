// Records of one key wait for each other: the one that was handed out holds the key until it is settled, failed or not,
// and the others stand in line behind it by offset. Keys are known by a hash: two that share one wait for each other.

interface Line {
  /** The record that was handed out and is not settled; null: the first in line may go. */
  holder: number | null;
  /** Never handed out, and due, by offset. */
  readonly waiting: number[];
}

/** The lines of one share partition. */
export class KeyLines {
  readonly #lines = new Map<number, Line>();

  /** How many keys have records in line or in flight. */
  get keyCount(): number {
    return this.#lines.size;
  }

  /** Whether a record may be handed out now. */
  isFirst(keyHash: number, offset: number): boolean {
    const line = this.#lines.get(keyHash);
    if (line === undefined) return false;
    return (line.holder ?? line.waiting[0]) === offset;
  }

  /** A record was handed out and is not settled. */
  hold(keyHash: number, offset: number): void {
    this.#lineOf(keyHash).holder = offset;
  }

  /** A record that was never handed out takes its place in line. */
  join(keyHash: number, offset: number): void {
    const { waiting } = this.#lineOf(keyHash);
    waiting.splice(placeOf(waiting, offset), 0, offset);
  }

  /** A record is out of the line, wherever it was; answers who is first now, null when nobody is. */
  leave(keyHash: number, offset: number): number | null {
    const line = this.#lines.get(keyHash);
    if (line === undefined) return null;
    if (line.holder === offset) line.holder = null;
    const { waiting } = line;
    // A long line is not moved up for the first of it.
    if (waiting[0] === offset) waiting.shift();
    else {
      const at = placeOf(waiting, offset);
      if (waiting[at] === offset) waiting.splice(at, 1);
    }
    const first = line.holder ?? line.waiting[0] ?? null;
    if (first === null) this.#lines.delete(keyHash);
    return first;
  }

  #lineOf(keyHash: number): Line {
    const known = this.#lines.get(keyHash);
    if (known !== undefined) return known;
    const line: Line = { holder: null, waiting: [] };
    this.#lines.set(keyHash, line);
    return line;
  }
}

/** Index of the first in line at an offset or behind it. Lines may be long, and what was delayed joins anywhere. */
function placeOf(waiting: readonly number[], offset: number): number {
  let low = 0;
  let high = waiting.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((waiting[middle] ?? 0) < offset) low = middle + 1;
    else high = middle;
  }
  return low;
}

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
    let at = waiting.length;
    while (at > 0 && (waiting[at - 1] ?? 0) > offset) at--;
    waiting.splice(at, 0, offset);
  }

  /** A record is out of the line, wherever it was; answers who is first now, null when nobody is. */
  leave(keyHash: number, offset: number): number | null {
    const line = this.#lines.get(keyHash);
    if (line === undefined) return null;
    if (line.holder === offset) line.holder = null;
    const at = line.waiting.indexOf(offset);
    if (at >= 0) line.waiting.splice(at, 1);
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

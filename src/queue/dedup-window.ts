// Dedup ids of the last while, with the place of the first record of each. One id is appended once: who comes second
// while the first is on its way waits for what becomes of it.

/** Where a record lies. */
export interface RecordPlace {
  readonly partition: number;
  readonly offset: number;
}

interface Entry {
  /** Null while the first is on its way. */
  place: RecordPlace | null;
  atMs: number;
  readonly settled: Promise<void>;
  readonly settle: () => void;
}

/** Ids and places. */
export class DedupWindow {
  readonly #entries = new Map<string, Entry>();

  /** How many ids are remembered. */
  get size(): number {
    return this.#entries.size;
  }

  /**
   * Where the first record of an id is; null: there is none, and the id is reserved for the caller until `keep` or
   * `giveUp`.
   */
  async find(
    id: string,
    time: { readonly nowMs: number; readonly windowMs: number },
  ): Promise<RecordPlace | null> {
    const sinceMs = time.nowMs - time.windowMs;
    this.#dropBefore(sinceMs);
    for (;;) {
      const entry = this.#entries.get(id);
      if (entry === undefined || (entry.place !== null && entry.atMs < sinceMs)) {
        // Behind the others, where its time is.
        this.#entries.delete(id);
        this.#entries.set(id, newEntry(time.nowMs));
        return null;
      }
      if (entry.place !== null) return entry.place;
      await entry.settled;
    }
  }

  /** The first record of an id is there. An earlier one that is known stays. */
  keep(id: string, place: RecordPlace, atMs: number): void {
    const known = this.#entries.get(id);
    if (known?.place !== undefined && known.place !== null) return;
    const entry = known ?? newEntry(atMs);
    entry.place = place;
    if (known === undefined) this.#entries.set(id, entry);
    entry.settle();
  }

  /** Nothing was appended under the id. */
  giveUp(id: string): void {
    const entry = this.#entries.get(id);
    if (entry === undefined || entry.place !== null) return;
    this.#entries.delete(id);
    entry.settle();
  }

  // Entries lie in the order in which they came, near enough: what is read from a log comes by partition.
  #dropBefore(atMs: number): void {
    for (const [id, entry] of this.#entries) {
      if (entry.atMs >= atMs) return;
      if (entry.place !== null) this.#entries.delete(id);
    }
  }
}

function newEntry(atMs: number): Entry {
  let settle: () => void = () => undefined;
  const settled = new Promise<void>((resolve) => {
    settle = resolve;
  });
  return { place: null, atMs, settled, settle };
}

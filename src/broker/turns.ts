// Work in turns: what is done under one key happens one after the other, different keys at the same time.

/** Runs pieces of work one at a time per key, in the order of their calls. */
export class Turns {
  readonly #last = new Map<string, Promise<unknown>>();
  // What is done alone, and all that waits for it.
  #alone: Promise<unknown> | null = null;

  /** How many keys have work running or waiting. */
  get busyCount(): number {
    return this.#last.size;
  }

  /** Whether work under the key is running or waiting. */
  isBusy(key: string): boolean {
    return this.#last.has(key);
  }

  /** Runs `work` when everything called before under the key has settled; resolves or rejects as it does. */
  async run<Result>(key: string, work: () => Promise<Result>): Promise<Result> {
    const last = this.#last.get(key);
    const before = this.#alone === null ? last : Promise.all([last, this.#alone]);
    const turn = before === undefined ? work() : before.then(work);
    // Whoever comes next waits for this turn's end and not for its success.
    const settled = turn.then(
      () => undefined,
      () => undefined,
    );
    this.#last.set(key, settled);
    try {
      return await turn;
    } finally {
      if (this.#last.get(key) === settled) this.#last.delete(key);
    }
  }

  /** Runs `work`, in one turn of the event loop, when all called before has settled; what is called meanwhile waits. */
  async alone<Result>(work: () => Result): Promise<Result> {
    const before = this.#all();
    const turn = Promise.all(before).then(work);
    const settled = turn.then(
      () => undefined,
      () => undefined,
    );
    this.#alone = settled;
    try {
      return await turn;
    } finally {
      if (this.#alone === settled) this.#alone = null;
    }
  }

  /** Resolves when all work called so far has settled. */
  async idle(): Promise<void> {
    await Promise.all(this.#all());
  }

  #all(): readonly Promise<unknown>[] {
    return this.#alone === null ? [...this.#last.values()] : [...this.#last.values(), this.#alone];
  }
}

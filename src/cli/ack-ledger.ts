// Keeps count of what is acknowledged while requests end out of order: what is, and up to where without a gap.

/** Records in the order they were sent, in chunks that succeed or fail as a whole. */
export class AckLedger {
  readonly #chunks: { readonly records: number; isDone: boolean }[] = [];
  #first = 0;
  #acknowledged = 0;
  #prefix = 0;

  /** Records acknowledged, wherever they stand. */
  get acknowledged(): number {
    return this.#acknowledged;
  }

  /** Records acknowledged from the first one on, without a gap: where to resume. */
  get prefix(): number {
    return this.#prefix;
  }

  /** Notes a chunk as sent; call what it returns when the chunk is acknowledged. */
  add(records: number): () => void {
    const chunk = { records, isDone: false };
    this.#chunks.push(chunk);
    return () => {
      chunk.isDone = true;
      this.#acknowledged += records;
      this.#advance();
    };
  }

  #advance(): void {
    for (let chunk = this.#chunks[this.#first]; chunk?.isDone === true; ) {
      this.#prefix += chunk.records;
      this.#first++;
      chunk = this.#chunks[this.#first];
    }
    // Forgets what is done, now and then, so that a long run keeps only what is under way.
    if (this.#first >= 1024) {
      this.#chunks.splice(0, this.#first);
      this.#first = 0;
    }
  }
}

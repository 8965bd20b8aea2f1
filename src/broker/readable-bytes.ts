// How many bytes of a partition have become readable, as a number that only grows.
//
// A log speaks of offsets; a fetch waits for bytes. So each append is remembered until the high watermark has passed
// it. Appends that were refused by the disk give their offsets back: the next append begins below their end and takes
// their place here.

interface Appended {
  readonly nextOffset: number;
  readonly bytes: number;
}

// More than any reply carries: whoever waits for bytes looks again.
const unknownBytes = 64 * 1024 * 1024;

/** Counts bytes from append to readable. */
export class ReadableBytes {
  #unread: Appended[] = [];
  #highWatermark: number;
  #total = 0;

  /** @param highWatermark Where counting starts. */
  constructor(highWatermark: number) {
    this.#highWatermark = highWatermark;
  }

  /** Bytes that have become readable since counting began; never less than that, more where it cannot be known. */
  get total(): number {
    return this.#total;
  }

  /** An append took the offsets from `baseOffset` to below `nextOffset`. */
  appended({
    baseOffset,
    nextOffset,
    bytes,
  }: {
    readonly baseOffset: number;
    readonly nextOffset: number;
    readonly bytes: number;
  }): void {
    while ((this.#unread.at(-1)?.nextOffset ?? 0) > baseOffset) this.#unread.pop();
    this.#unread.push({ nextOffset, bytes });
  }

  /** The high watermark is now here. */
  advancedTo(highWatermark: number): void {
    if (highWatermark <= this.#highWatermark) return;
    let count = 0;
    let countedTo = this.#highWatermark;
    for (const { nextOffset, bytes } of this.#unread) {
      if (nextOffset > highWatermark) break;
      this.#total += bytes;
      countedTo = nextOffset;
      count++;
    }
    if (count > 0) this.#unread = this.#unread.slice(count);
    // Somebody else appended too: the server itself, to a topic of its own.
    if (countedTo < highWatermark) this.#total += unknownBytes;
    this.#highWatermark = highWatermark;
  }
}

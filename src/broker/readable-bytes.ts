// How many bytes of a partition have become readable, as a number that only grows.
//
// A log speaks of offsets; a fetch waits for bytes. So each append is remembered until what is readable has passed it.
// Appends that were refused by the disk give their offsets back: the next append begins below their end and takes their
// place here. While a transaction keeps much from being readable, older appends are remembered two by two.

interface Appended {
  /** Where the first of them ends: from there on all of them count. */
  readonly firstEnd: number;
  readonly nextOffset: number;
  readonly bytes: number;
}

// Beyond this the older half is halved.
const unreadMax = 4096;

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
    this.#unread.push({ firstEnd: nextOffset, nextOffset, bytes });
    if (this.#unread.length > unreadMax) this.#unread = foldOlder(this.#unread);
  }

  /** The high watermark is now here. */
  advancedTo(highWatermark: number): void {
    if (highWatermark <= this.#highWatermark) return;
    let count = 0;
    let countedTo = this.#highWatermark;
    for (const { firstEnd, nextOffset, bytes } of this.#unread) {
      if (firstEnd > highWatermark) break;
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

// Counting the second of two with the first wakes somebody early at the worst.
function foldOlder(unread: readonly Appended[]): Appended[] {
  const middle = unread.length >>> 1;
  const folded: Appended[] = [];
  for (let index = 0; index < middle; index += 2) {
    const one = unread[index];
    const other = index + 1 < middle ? unread[index + 1] : undefined;
    if (one === undefined) break;
    const { nextOffset } = other ?? one;
    folded.push({ firstEnd: one.firstEnd, nextOffset, bytes: one.bytes + (other?.bytes ?? 0) });
  }
  return [...folded, ...unread.slice(middle)];
}

// Reads the stored batches of records that are about to be leased.

import type { FetchResult } from "../services.ts";
import { nextFetchedOffset } from "./fetched-end.ts";
import type { Wish } from "./leasing.ts";
import { lengthOf } from "./record-run.ts";
import type { ShareGroup } from "./share-machine.ts";
import type { SharePartition } from "./share-partition.ts";
import type { ShareSource } from "./share-source.ts";

/** Part of a wish with the batches that hold it. */
export interface ReadWish extends Wish {
  readonly batches: Uint8Array;
}

/** What was read. */
export interface DeliveryReads {
  /** In the order of the wishes; less than was wished where the bytes ran out. */
  readonly parts: readonly ReadWish[];
  /** Partitions whose first records are not in the log any more, and where it begins now. */
  readonly gone: ReadonlyMap<SharePartition, number>;
  /** Ends the loan of all batches. */
  release(): void;
}

interface Read {
  readonly from: number;
  readonly to: number;
  readonly batches: Uint8Array;
}

const leastBytes = 4 * 1024;
const recordOverheadBytes = 32;
// What lies between two wishes is read along with them when it is no more than this.
const gapRecordsMax = 100;
const readsAtOnce = 8;

/** Reads wishes until the bytes are used up; the first batch comes however large. */
export async function readWishes(
  source: ShareSource,
  group: ShareGroup,
  { wishes, maxBytes }: { readonly wishes: readonly Wish[]; readonly maxBytes: number },
): Promise<DeliveryReads> {
  const parts: ReadWish[] = [];
  const reader = new WishReader(source, group, { wishes, maxBytes });
  try {
    for (const [index, wish] of wishes.entries()) {
      for (let at = wish.first; at <= wish.last; ) {
        const found = reader.find(wish, at) ?? (await reader.readFrom(index, at));
        if (found === null || found.to <= at) break;
        const last = Math.min(wish.last, found.to - 1);
        parts.push({ ...wish, first: at, last, batches: found.batches });
        at = last + 1;
      }
    }
  } catch (error) {
    reader.release();
    throw error;
  }
  return { parts, gone: reader.gone, release: () => reader.release() };
}

interface Place {
  readonly partition: SharePartition;
  readonly from: number;
  readonly maxBytes: number;
}

class WishReader {
  readonly gone = new Map<SharePartition, number>();
  readonly #source: ShareSource;
  readonly #group: ShareGroup;
  readonly #wishes: readonly Wish[];
  readonly #reads = new Map<SharePartition, Read[]>();
  readonly #releases: (() => void)[] = [];
  #leftBytes: number;

  constructor(
    source: ShareSource,
    group: ShareGroup,
    { wishes, maxBytes }: { readonly wishes: readonly Wish[]; readonly maxBytes: number },
  ) {
    this.#source = source;
    this.#group = group;
    this.#wishes = wishes;
    this.#leftBytes = maxBytes;
  }

  /** What was read and holds an offset; null when nothing does. */
  find({ partition }: Wish, offset: number): Read | null {
    const reads = this.#reads.get(partition) ?? [];
    return reads.findLast(({ from, to }) => from <= offset && offset < to) ?? null;
  }

  /** Reads on from a place in a wish, and at once what the next wishes need; null when there is nothing more. */
  async readFrom(index: number, offset: number): Promise<Read | null> {
    if (this.#leftBytes <= 0) return null;
    const places = this.#placesFrom(index, offset);
    const fetches = places.map((place) => this.#fetch(place));
    const outcomes = await Promise.allSettled(fetches);
    let first: Read | null = null;
    let failure: unknown = null;
    for (const [at, outcome] of outcomes.entries()) {
      const place = places[at];
      if (outcome.status === "rejected") failure ??= outcome.reason;
      else if (place !== undefined) {
        const read = this.#take(place, outcome.value);
        if (at === 0) first = read;
      }
    }
    if (failure !== null) throw failure;
    return first;
  }

  /** Ends the loan of all batches. */
  release(): void {
    for (const each of this.#releases.splice(0)) each();
  }

  // A few that are far apart: to wait for them one after the other would take as many times as long.
  #placesFrom(index: number, offset: number): readonly Place[] {
    const places: Place[] = [];
    let guessed = 0;
    for (let at = index; at < this.#wishes.length && places.length < readsAtOnce; ) {
      const wish = this.#wishes[at];
      if (wish === undefined) break;
      const isFirst = at === index;
      const from = isFirst ? offset : wish.first;
      const { last, next } = spanFrom(this.#wishes, at);
      at = next;
      if (!isFirst && this.find(wish, from) !== null) continue;
      const guess = lengthOf({ first: from, last }) * (wish.run.fate.bytes + recordOverheadBytes);
      const left = this.#leftBytes - guessed;
      if (places.length > 0 && left < guess) break;
      const maxBytes = Math.min(left, Math.max(leastBytes, guess));
      guessed += maxBytes;
      places.push({ partition: wish.partition, from, maxBytes });
    }
    return places;
  }

  async #fetch({ partition: { topic, partition }, from, maxBytes }: Place): Promise<FetchResult> {
    return this.#source.fetch({
      maxWaitMs: 0,
      minBytes: 0,
      maxBytes,
      isolation: this.#group.settings.isolation,
      partitions: [{ topic, partition, fetchOffset: from, maxBytes }],
      signal: null,
    });
  }

  // What was read although the bytes have run out is given back: batches may be larger than was thought.
  #take({ partition, from }: Place, fetched: FetchResult): Read | null {
    this.#releases.push(() => fetched.release());
    const [result] = fetched.partitions;
    if (result === undefined) throw new Error("the engine gave no answer to a fetch");
    const { error, batches, logStartOffset } = result;
    if (error === "OFFSET_BELOW_LOG_START") this.gone.set(partition, logStartOffset);
    if (batches.length === 0) return null;
    if (this.#leftBytes <= 0) {
      this.#releases.pop()?.();
      return null;
    }
    this.#leftBytes -= batches.length;
    const read = { from, to: nextFetchedOffset(batches, from), batches };
    const ofPartition = this.#reads.get(partition);
    if (ofPartition === undefined) this.#reads.set(partition, [read]);
    else ofPartition.push(read);
    return read;
  }
}

// Wishes that follow each other closely are one read. Those that lie far apart are read alone, or each would cost as
// much as many.
function spanFrom(wishes: readonly Wish[], index: number): { last: number; next: number } {
  const wish = wishes[index];
  let last = wish?.last ?? -1;
  let at = index + 1;
  for (; at < wishes.length; at++) {
    const next = wishes[at];
    if (next === undefined || next.partition !== wish?.partition) break;
    if (next.first <= last || next.first - last > gapRecordsMax) break;
    last = next.last;
  }
  return { last, next: at };
}

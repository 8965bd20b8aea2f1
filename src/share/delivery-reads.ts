// Reads the stored batches of records that are about to be leased.

import type { FetchPartitionResult } from "../services.ts";
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

/** Reads wishes until the bytes are used up; the first batch comes however large. */
export async function readWishes(
  source: ShareSource,
  group: ShareGroup,
  { wishes, maxBytes }: { readonly wishes: readonly Wish[]; readonly maxBytes: number },
): Promise<DeliveryReads> {
  const parts: ReadWish[] = [];
  const gone = new Map<SharePartition, number>();
  const releases: (() => void)[] = [];
  const release = (): void => {
    for (const each of releases.splice(0)) each();
  };
  const reads = new Map<SharePartition, Read[]>();
  let leftBytes = maxBytes;
  const read = async (index: number, wish: Wish, from: number): Promise<Read | null> => {
    const { partition } = wish;
    const known = reads.get(partition)?.findLast((each) => each.from <= from && from < each.to);
    if (known !== undefined) return known;
    if (leftBytes <= 0) return null;
    const to = goodReadEnd(wishes, index);
    const { result, release: free } = await fetchFrom(source, group, { wish, from, to, leftBytes });
    releases.push(free);
    if (result.error === "OFFSET_BELOW_LOG_START") gone.set(partition, result.logStartOffset);
    const { batches } = result;
    if (batches.length === 0) return null;
    leftBytes -= batches.length;
    const made = { from, to: nextFetchedOffset(batches, from), batches };
    const ofPartition = reads.get(partition);
    if (ofPartition === undefined) reads.set(partition, [made]);
    else ofPartition.push(made);
    return made;
  };
  try {
    for (const [index, wish] of wishes.entries()) {
      for (let at = wish.first; at <= wish.last; ) {
        const found = await read(index, wish, at);
        if (found === null || found.to <= at) break;
        const last = Math.min(wish.last, found.to - 1);
        parts.push({ ...wish, first: at, last, batches: found.batches });
        at = last + 1;
      }
    }
  } catch (error) {
    release();
    throw error;
  }
  return { parts, gone, release };
}

// The last record of the wishes that follow each other closely: one read for all of them. Those that lie far apart are
// read alone, or each would cost as much as many.
function goodReadEnd(wishes: readonly Wish[], index: number): number {
  const wish = wishes[index];
  let last = wish?.last ?? -1;
  for (let at = index + 1; at < wishes.length; at++) {
    const next = wishes[at];
    if (next === undefined || next.partition !== wish?.partition) break;
    if (next.first <= last || next.first - last > gapRecordsMax) break;
    last = next.last;
  }
  return last;
}

async function fetchFrom(
  source: ShareSource,
  group: ShareGroup,
  ask: {
    readonly wish: Wish;
    readonly from: number;
    readonly to: number;
    readonly leftBytes: number;
  },
): Promise<{ readonly result: FetchPartitionResult; readonly release: () => void }> {
  const { wish, from, to, leftBytes } = ask;
  const { topic, partition } = wish.partition;
  const records = lengthOf({ first: from, last: to });
  const guess = records * (wish.run.fate.bytes + recordOverheadBytes);
  const maxBytes = Math.min(leftBytes, Math.max(leastBytes, guess));
  const fetched = await source.fetch({
    maxWaitMs: 0,
    minBytes: 0,
    maxBytes,
    isolation: group.settings.isolation,
    partitions: [{ topic, partition, fetchOffset: from, maxBytes }],
    signal: null,
  });
  const [result] = fetched.partitions;
  if (result === undefined) throw new Error("the engine gave no answer to a fetch");
  return { result, release: () => fetched.release() };
}

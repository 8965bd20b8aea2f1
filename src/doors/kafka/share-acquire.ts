// Acquires records for a share fetch: as many as asked for, or up to the end of the batch that holds the last of them,
// and the stored batches that hold what was acquired.

import type { ErrorName } from "../../base/error.ts";
import type {
  AcquiredRange,
  ShareAcquirePartition,
  ShareAcquireRequest,
  ShareAcquireResult,
  ShareServices,
  TopicPartition,
} from "../../services.ts";
import { batchesHolding, type SpannedBatch, spannedBatches } from "./batches-holding.ts";
import type { Loan } from "./handler.ts";
import type { PartitionById, ShareMember } from "./share-sessions.ts";

/** What one partition of a fetch is answered with. */
export interface AcquiredPartition extends PartitionById {
  readonly topic: string;
  readonly error: ErrorName | null;
  readonly detail: string | null;
  /** Stored batches, on loan. */
  readonly records: Uint8Array;
  readonly acquired: readonly AcquiredRange[];
}

/** What is wanted of which partitions. */
export interface Wanted {
  readonly places: readonly TopicPartition[];
  readonly topicId: (topic: string) => string;
  readonly maxRecords: number;
  readonly maxBytes: number;
  readonly maxWaitMs: number;
  /** Ranges are not to be longer; 0: as long as they come. */
  readonly batchSize: number;
  /** A batch that is begun is acquired to its end, whatever the limit of records. */
  readonly isWholeBatches: boolean;
  readonly signal: AbortSignal;
}

/** Acquired records; `release` when their bytes have been used. */
export interface Acquired extends Loan {
  readonly lockMs: number;
  readonly partitions: readonly AcquiredPartition[];
}

// What one answer may hold, whatever the client allows.
const recordsMax = 10_000;
const bytesMax = 50 * 1024 * 1024;

interface Found {
  readonly place: TopicPartition;
  readonly batches: readonly SpannedBatch[];
  readonly acquired: readonly AcquiredRange[];
}

/** Acquires for a member; waits while there is nothing. Throws what the services throw. */
export async function acquire(
  shares: ShareServices,
  member: ShareMember,
  wanted: Wanted,
): Promise<Acquired> {
  const maxRecords = bounded(wanted.maxRecords, recordsMax);
  const request: ShareAcquireRequest = {
    ...member,
    partitions: wanted.places,
    maxRecords,
    maxBytes: bounded(wanted.maxBytes, bytesMax),
    // Nothing is wanted, so nothing can be waited for.
    maxWaitMs: maxRecords === 0 ? 0 : Math.max(0, wanted.maxWaitMs),
    signal: wanted.signal,
  };
  const first = await shares.acquire(request);
  const rest = wanted.isWholeBatches ? restOf(first, maxRecords) : null;
  const results = [first];
  if (rest !== null) {
    // What was acquired is the member's already: it is not lost for a failure to get more.
    const more = await shares.acquire({ ...request, ...rest, maxWaitMs: 0 }).catch(() => null);
    if (more !== null) results.push(more);
  }
  return {
    lockMs: first.lockMs,
    partitions: partitionsOf(results, wanted),
    release: () => {
      for (const result of results) result.release();
    },
  };
}

/** Undoes an acquisition that nobody will hear of. */
export async function giveBack(
  shares: ShareServices,
  { group, memberId }: ShareMember,
  partitions: readonly AcquiredPartition[],
): Promise<void> {
  const held = partitions.filter(({ acquired }) => acquired.length > 0);
  if (held.length === 0) return;
  const all = held.map(({ topic, partition, acquired }) => ({
    topic,
    partition,
    batches: acquired.map(({ firstOffset, lastOffset }) => {
      return { firstOffset, lastOffset, types: ["release" as const] };
    }),
  }));
  await shares.acknowledge(group, memberId, all);
}

function bounded(value: number, most: number): number {
  return Math.min(most, Math.max(0, value));
}

/** The partition in which the limit of records cut a batch, and how many records behind the cut are the batch's. */
function restOf(
  result: ShareAcquireResult,
  maxRecords: number,
): Pick<ShareAcquireRequest, "partitions" | "maxRecords"> | null {
  const found = foundIn([result]);
  let count = 0;
  for (const { acquired } of found) {
    for (const { firstOffset, lastOffset } of acquired) count += lastOffset - firstOffset + 1;
  }
  if (maxRecords === 0 || count < maxRecords) return null;
  for (const { place, batches, acquired } of found) {
    const end = acquired.at(-1)?.lastOffset ?? -1;
    const cut = batches.find(({ firstOffset, lastOffset }) => {
      return firstOffset <= end && end < lastOffset;
    });
    if (cut === undefined) continue;
    return { partitions: [place], maxRecords: Math.min(recordsMax, cut.lastOffset - end) };
  }
  return null;
}

function foundIn(results: readonly ShareAcquireResult[]): readonly Found[] {
  const byPlace = new Map<string, ShareAcquirePartition[]>();
  for (const part of results.flatMap(({ partitions }) => partitions)) {
    if (part.error !== null) continue;
    const name = `${part.topic} ${part.partition}`;
    byPlace.set(name, [...(byPlace.get(name) ?? []), part]);
  }
  return [...byPlace.values()].flatMap((parts) => {
    const [one] = parts;
    if (one === undefined) return [];
    const acquired = parts.flatMap((part) => part.acquired);
    return [
      {
        place: { topic: one.topic, partition: one.partition },
        batches: spannedBatches(parts.flatMap((part) => part.batches)),
        acquired: acquired.toSorted((left, right) => left.firstOffset - right.firstOffset),
      },
    ];
  });
}

function partitionsOf(
  results: readonly ShareAcquireResult[],
  { topicId, batchSize }: Wanted,
): readonly AcquiredPartition[] {
  const errors = (results[0]?.partitions ?? []).filter(({ error }) => error !== null);
  const failed = errors.map(({ topic, partition, error, detail }): AcquiredPartition => {
    const id = topicId(topic);
    const records = new Uint8Array(0);
    return { topic, topicId: id, partition, error, detail, records, acquired: [] };
  });
  const found = foundIn(results).map(({ place, batches, acquired }): AcquiredPartition => {
    const records = batchesHolding(batches, acquired);
    const pieces = piecesOf(acquired, batchSize);
    const id = topicId(place.topic);
    return { ...place, topicId: id, error: null, detail: null, records, acquired: pieces };
  });
  return [...found, ...failed];
}

/** Ranges in pieces of the size that the client likes best. */
function piecesOf(ranges: readonly AcquiredRange[], batchSize: number): readonly AcquiredRange[] {
  if (batchSize <= 0) return ranges;
  return ranges.flatMap(({ firstOffset, lastOffset, deliveryCount }) => {
    const pieces: AcquiredRange[] = [];
    for (let at = firstOffset; at <= lastOffset; at += batchSize) {
      const end = Math.min(lastOffset, at + batchSize - 1);
      pieces.push({ firstOffset: at, lastOffset: end, deliveryCount });
    }
    return pieces;
  });
}

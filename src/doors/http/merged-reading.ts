// Reads all partitions of a topic together: within one page records come in the order of their timestamps, and in
// each partition in the order of their offsets.

import type { LogError } from "../../base/error.ts";
import type { LoopShare } from "../../base/loop-share.ts";
import type { RecordCursor } from "../../record/record-cursor.ts";
import type { FetchResult, IsolationLevel } from "../../services.ts";
import type { HttpContext } from "./http-context.ts";
import { fetchError, recordCostBytes } from "./reading.ts";
import { FetchedRecords } from "../../record/fetched-records.ts";

/** One page's wants; `from` has every partition. */
export interface MergedRequest {
  readonly topic: string;
  readonly from: ReadonlyMap<number, number>;
  /** Partitions whose log start is followed when it has moved on since. */
  readonly isFloating: boolean;
  readonly maxRecords: number;
  readonly maxBytes: number;
  readonly waitMs: number;
  readonly isolation: IsolationLevel;
  readonly signal: AbortSignal | null;
  /** True when nobody waits for the page any more: it is broken off. */
  readonly isGone?: () => boolean;
}

// With less than this for each partition, most of a page would be first batches anyway.
const partitionBytesMin = 16 * 1024;

let rotation = 0;

/**
 * Reads one page, waiting for at least one record, or for some that cannot be shown and are passed over.
 *
 * @param take Called for each record with its partition and where the vector stands after it.
 * @returns    The next offset of every partition.
 * @throws OFFSET_OUT_OF_RANGE, OFFSET_BELOW_LOG_START, UNKNOWN_TOPIC_OR_PARTITION, KAFKA_STORAGE_ERROR
 */
export async function readMerged(
  { services, share: loop }: HttpContext,
  request: MergedRequest,
  take: (cursor: RecordCursor, partition: number) => void,
): Promise<Map<number, number>> {
  const { topic, maxBytes, isolation } = request;
  let { waitMs } = request;
  const position = new Map(request.from);
  for (;;) {
    const order = rotated([...position]);
    const share = Math.max(partitionBytesMin, Math.floor(maxBytes / order.length));
    const fetched = await services.data.fetch({
      maxWaitMs: waitMs,
      minBytes: waitMs > 0 ? 1 : 0,
      maxBytes,
      isolation,
      partitions: order.map(([partition, fetchOffset]) => {
        return { topic, partition, fetchOffset, maxBytes: Math.min(share, maxBytes) };
      }),
      signal: request.signal,
    });
    try {
      const walks = openWalks(fetched, position, request);
      if (walks === null) continue;
      const count = await merge(walks, { ...request, loop }, take);
      let hasMoved = false;
      for (const { partition, walk } of walks) {
        if (position.get(partition) !== walk.nextOffset) hasMoved = true;
        position.set(partition, walk.nextOffset);
      }
      if (count > 0 || !hasMoved) return position;
      waitMs = 0;
    } finally {
      fetched.release();
    }
  }
}

function rotated<Item>(items: readonly Item[]): readonly Item[] {
  const first = rotation++ % Math.max(1, items.length);
  return [...items.slice(first), ...items.slice(0, first)];
}

interface PartitionWalk {
  readonly partition: number;
  readonly walk: FetchedRecords;
}

// Null when a log start had moved on and the page must be fetched again from there.
function openWalks(
  fetched: FetchResult,
  position: Map<number, number>,
  request: MergedRequest,
): readonly PartitionWalk[] | null {
  const walks: PartitionWalk[] = [];
  let hasMoved = false;
  for (const result of fetched.partitions) {
    const { partition } = result;
    const offset = position.get(partition) ?? 0;
    if (result.error === "OFFSET_BELOW_LOG_START" && request.isFloating) {
      position.set(partition, result.logStartOffset);
      hasMoved = true;
      continue;
    }
    const failure: LogError | null = fetchError(result, offset);
    if (failure !== null) throw failure;
    walks.push({ partition, walk: new FetchedRecords(result, offset) });
  }
  return hasMoved ? null : walks;
}

async function merge(
  walks: readonly PartitionWalk[],
  request: MergedRequest & { readonly loop: LoopShare },
  take: (cursor: RecordCursor, partition: number) => void,
): Promise<number> {
  let live = walks.filter(({ walk }) => walk.next());
  let count = 0;
  let bytes = 0;
  while (live.length > 0 && count < request.maxRecords) {
    let oldest = live[0] as PartitionWalk;
    for (const other of live) {
      if (other.walk.cursor.timestampMs < oldest.walk.cursor.timestampMs) oldest = other;
    }
    const { cursor } = oldest.walk;
    const recordBytes = cursor.recordEnd - cursor.recordStart;
    bytes += recordBytes;
    if (count > 0 && bytes > request.maxBytes) break;
    oldest.walk.take();
    take(cursor, oldest.partition);
    count++;
    if (!oldest.walk.next()) live = live.filter((walk) => walk !== oldest);
    const pause = request.loop.after(recordBytes + recordCostBytes);
    if (pause === null) continue;
    await pause;
    if (request.isGone?.() === true) break;
  }
  return count;
}

// Reads records through the services: fetches batches, walks them, and hands each record on within the caller's
// bounds.

import { LogError } from "../../base/error.ts";
import type { LoopShare } from "../../base/loop-share.ts";
import { FetchedRecords } from "../../record/fetched-records.ts";
import type { RecordCursor } from "../../record/record-cursor.ts";
import type { FetchPartitionResult, IsolationLevel } from "../../services.ts";
import type { HttpContext } from "./http-context.ts";

/** What a read of one partition wants. */
export interface ReadRequest {
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
  /** True where the position was `earliest`: a log start that has moved on since is followed. */
  readonly isFloating: boolean;
  readonly maxRecords: number;
  readonly maxBytes: number;
  readonly waitMs: number;
  readonly isolation: IsolationLevel;
  readonly signal: AbortSignal | null;
  /** True when nobody waits for the records any more: the walk is broken off. */
  readonly isGone?: () => boolean;
}

/** Where a read ended. */
export interface ReadEnd {
  readonly nextOffset: number;
  readonly highWatermark: number;
  readonly lastStableOffset: number;
  readonly logStartOffset: number;
}

/** Bounds of one walk. */
export interface WalkBounds {
  readonly maxRecords: number;
  readonly maxBytes: number;
  /** Asked after each record. */
  readonly share: LoopShare;
  /** Asked after each pause. */
  readonly isGone?: () => boolean;
}

/** What a record costs beside its bytes, in bytes that would cost as much; for `LoopShare.after`. */
export const recordCostBytes = 64;

/**
 * Reads one partition: at least one record if there is one, however large; else waits. What came but cannot be shown
 * (markers, aborted records) ends the wait as well: the reader goes on behind it.
 *
 * @param take Called for each record; the cursor's bytes are valid during the call only.
 * @throws OFFSET_OUT_OF_RANGE, OFFSET_BELOW_LOG_START, UNKNOWN_TOPIC_OR_PARTITION, KAFKA_STORAGE_ERROR
 */
export async function readPartition(
  { services, share }: HttpContext,
  request: ReadRequest,
  take: (cursor: RecordCursor) => void,
): Promise<ReadEnd> {
  const { topic, partition, maxBytes, isolation } = request;
  let { offset, waitMs } = request;
  for (;;) {
    const fetched = await services.data.fetch({
      maxWaitMs: waitMs,
      minBytes: waitMs > 0 ? 1 : 0,
      maxBytes,
      isolation,
      partitions: [{ topic, partition, fetchOffset: offset, maxBytes }],
      signal: request.signal,
    });
    try {
      const [result] = fetched.partitions;
      if (result === undefined) throw new Error("the engine gave no answer to a fetch");
      const { highWatermark, lastStableOffset, logStartOffset } = result;
      if (result.error === "OFFSET_BELOW_LOG_START" && request.isFloating) {
        offset = logStartOffset;
        continue;
      }
      const failure = fetchError(result, offset);
      if (failure !== null) throw failure;
      const walk = new FetchedRecords(result, offset);
      const count = await walkRecords(walk, { ...request, share }, take);
      if (count > 0 || walk.nextOffset === offset) {
        return { nextOffset: walk.nextOffset, highWatermark, lastStableOffset, logStartOffset };
      }
      // Only batches without readable records: go on behind them.
      offset = walk.nextOffset;
      waitMs = 0;
    } finally {
      fetched.release();
    }
  }
}

async function walkRecords(
  walk: FetchedRecords,
  bounds: WalkBounds,
  take: (cursor: RecordCursor) => void,
): Promise<number> {
  const { share } = bounds;
  let count = 0;
  let bytes = 0;
  while (count < bounds.maxRecords && walk.next()) {
    const { cursor } = walk;
    const recordBytes = cursor.recordEnd - cursor.recordStart;
    bytes += recordBytes;
    if (count > 0 && bytes > bounds.maxBytes) break;
    take(cursor);
    walk.take();
    count++;
    const pause = share.after(recordBytes + recordCostBytes);
    if (pause === null) continue;
    await pause;
    if (bounds.isGone?.() === true) break;
  }
  return count;
}

/** The error of one partition's answer to a fetch; null when there is none. */
export function fetchError(result: FetchPartitionResult, offset: number): LogError | null {
  const { topic, partition, error, logStartOffset, highWatermark } = result;
  if (error === null) return null;
  const name = `partition ${partition} of topic '${topic}'`;
  if (error === "UNKNOWN_TOPIC_OR_PARTITION") {
    return new LogError(error, result.detail ?? `there is no ${name}`, {
      facts: { topic, partition },
    });
  }
  const bounds = `the log has offsets ${logStartOffset} to ${highWatermark}`;
  const detail = result.detail ?? `offset ${offset} of ${name} cannot be read: ${bounds}`;
  const facts = { topic, partition, offset, logStartOffset, highWatermark };
  return new LogError(error, detail, { facts: { ...facts, logEndOffset: highWatermark } });
}

// Walks the records that a queue hands out: consecutive ones, in ranges, inside stored batches that may hold others.

import type { LoopShare } from "../../base/loop-share.ts";
import { FetchedRecords } from "../../record/fetched-records.ts";
import type { RecordCursor } from "../../record/record-cursor.ts";
import type { ReceivedRange } from "../../services.ts";
import { recordCostBytes } from "./reading.ts";

/**
 * Walks every record of the ranges, in their order.
 *
 * @param take Called for each record; the cursor's bytes are valid during the call only.
 * @throws KAFKA_STORAGE_ERROR when stored bytes cannot be read.
 */
export async function walkRanges(
  ranges: readonly ReceivedRange[],
  share: LoopShare,
  take: (cursor: RecordCursor, range: ReceivedRange) => void,
): Promise<void> {
  let walk: FetchedRecords | null = null;
  let batches: Uint8Array | null = null;
  // The cursor is on a record that no range before has had.
  let isAhead = false;
  let at = -1;
  for (const range of ranges) {
    // Ranges of one reading often follow each other in the same batches: those are walked, and expanded, once.
    if (walk === null || batches !== range.batches || at >= range.firstOffset) {
      const { topic, partition, firstOffset } = range;
      batches = range.batches;
      walk = new FetchedRecords(
        { topic, partition, batches, abortedTransactions: [] },
        firstOffset,
      );
      isAhead = false;
    }
    const { cursor } = walk;
    while (isAhead || walk.next()) {
      isAhead = cursor.offset > range.lastOffset;
      if (isAhead) break;
      at = cursor.offset;
      if (at < range.firstOffset) continue;
      take(cursor, range);
      const pause = share.after(cursor.recordEnd - cursor.recordStart + recordCostBytes);
      if (pause !== null) await pause;
    }
  }
}

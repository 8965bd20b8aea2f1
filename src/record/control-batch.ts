// Transaction markers: control batches of one record that end a producer's transaction in a partition.
//
//   record   length 16 | attributes 0 | timestampDelta 0 | offsetDelta 0 | key length 4 | key | value length 6 | value
//            | header count 0
//   key      version i16 (0) | type i16 (0 abort, 1 commit; others are not of transactions)
//   value    version i16 (0) | coordinatorEpoch i32
//
// Source: Kafka protocol guide, "Control Batches".

import { viewOf, writeVarint } from "../base/bytes.ts";
import { batchHeaderBytes, updateCrc, writeBatchHeader } from "./batch-header.ts";

/** What a marker says. */
export interface TransactionMarker {
  readonly producerId: number;
  readonly producerEpoch: number;
  /** Counts the incarnations of the transaction coordinator; lower ones are fenced. */
  readonly coordinatorEpoch: number;
  /** False: aborted. */
  readonly isCommit: boolean;
}

/** Bytes of a whole marker batch. */
export const markerBatchBytes = 78;

const transactionalControl = 0x30;
const recordBytes = 16;
const keyBytes = 4;
const valueBytes = 6;
// Where key and value begin in the batch.
const keyAt = batchHeaderBytes + 5;
const valueAt = keyAt + keyBytes + 1;

/** The batch of a marker, with base offset 0 and leader epoch -1 as clients send theirs. */
export function buildMarkerBatch(marker: TransactionMarker, timestampMs: number): Uint8Array {
  const batch = new Uint8Array(markerBatchBytes);
  const view = viewOf(batch);
  writeBatchHeader(view, batch.length, {
    baseOffset: 0,
    leaderEpoch: -1,
    attributes: transactionalControl,
    lastOffsetDelta: 0,
    baseTimestampMs: timestampMs,
    maxTimestampMs: timestampMs,
    producerId: marker.producerId,
    producerEpoch: marker.producerEpoch,
    baseSequence: -1,
    recordCount: 1,
  });
  writeVarint(batch, batchHeaderBytes, recordBytes);
  writeVarint(batch, keyAt - 1, keyBytes);
  view.setInt16(keyAt + 2, marker.isCommit ? 1 : 0);
  writeVarint(batch, valueAt - 1, valueBytes);
  view.setInt32(valueAt + 2, marker.coordinatorEpoch);
  updateCrc(batch);
  return batch;
}

/**
 * What the control batch that begins at `at` says of its transaction; null when it is a control batch of another kind.
 * The batch must be whole in the view and be marked as control.
 */
export function readMarker(
  view: DataView,
  at: number,
): Pick<TransactionMarker, "coordinatorEpoch" | "isCommit"> | null {
  if (view.byteLength - at < markerBatchBytes) return null;
  // Markers are small and never compressed, and all who write them leave the deltas 0: the fields stand still. Later
  // versions may have longer values.
  const isMarker =
    view.getUint8(at + keyAt - 1) === keyBytes * 2 &&
    view.getUint8(at + valueAt - 1) >= valueBytes * 2;
  if (!isMarker) return null;
  const type = view.getInt16(at + keyAt + 2);
  if (type !== 0 && type !== 1) return null;
  return { coordinatorEpoch: view.getInt32(at + valueAt + 2), isCommit: type === 1 };
}

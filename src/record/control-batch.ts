// Transaction markers: control batches of one record that end a producer's transaction in a partition.
//
//   record   length 16 | attributes 0 | timestampDelta 0 | offsetDelta 0 | key length 4 | key | value length 6 | value
//            | header count 0
//   key      version i16 (0) | type i16 (0 abort, 1 commit; others are not of transactions)
//   value    version i16 (0) | coordinatorEpoch i32
//
// Source: Kafka protocol guide, "Control Batches".

import { viewOf, writeVarint } from "../base/bytes.ts";
import {
  attributesAt,
  batchHeaderBytes,
  hasDeleteHorizon,
  updateCrc,
  writeBatchHeader,
} from "./batch-header.ts";

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
const timestampBytesMax = 10;
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
  // Markers are small and never compressed, and all who write them leave the deltas 0: the fields stand still. Only
  // compaction moves them, when it counts the timestamp from a delete horizon. Later versions may have longer values.
  const shift = hasDeleteHorizon(attributesAt(view, at)) ? timestampBytesBeyondOne(view, at) : 0;
  const keyStart = at + keyAt + shift;
  const valueStart = at + valueAt + shift;
  if (view.byteLength < valueStart + valueBytes) return null;
  const isMarker =
    view.getUint8(keyStart - 1) === keyBytes * 2 && view.getUint8(valueStart - 1) >= valueBytes * 2;
  if (!isMarker) return null;
  const type = view.getInt16(keyStart + 2);
  if (type !== 0 && type !== 1) return null;
  return { coordinatorEpoch: view.getInt32(valueStart + 2), isCommit: type === 1 };
}

// How many bytes more than one the record's timestamp delta takes, which begins behind its length and attributes.
function timestampBytesBeyondOne(view: DataView, at: number): number {
  const start = at + batchHeaderBytes + 2;
  let end = start;
  while (end < start + timestampBytesMax - 1 && (view.getUint8(end) & 0x80) !== 0) end++;
  return end - start;
}

// What producers and transactions of a log must be, worked out slowly from all batches it ever held.

import { viewOf } from "../../src/base/bytes.ts";
import type { ProducerEntry } from "../../src/log/producer-entry.ts";
import {
  attributesAt,
  baseOffsetAt,
  baseSequenceAt,
  isControl,
  isTransactional,
  lastOffsetDeltaAt,
  maxTimestampAt,
  producerEpochAt,
  producerIdAt,
} from "../../src/record/batch-header.ts";

/** One stored batch, as far as producers are concerned. */
export interface ModelBatch {
  readonly baseOffset: number;
  readonly lastOffset: number;
  readonly producerId: number;
  readonly producerEpoch: number;
  readonly baseSequence: number;
  readonly isTransactional: boolean;
  readonly timestampMs: number;
  /** Null for records. */
  readonly marker: { readonly isCommit: boolean; readonly coordinatorEpoch: number } | null;
}

/** The batch that a stored one is; its offset is given where it is not stored yet. */
export function modelBatchOf(batch: Uint8Array, baseOffset?: number): ModelBatch {
  const view = viewOf(batch);
  const attributes = attributesAt(view, 0);
  const base = baseOffset ?? baseOffsetAt(view, 0);
  return {
    baseOffset: base,
    lastOffset: base + lastOffsetDeltaAt(view, 0),
    producerId: producerIdAt(view, 0),
    producerEpoch: producerEpochAt(view, 0),
    baseSequence: baseSequenceAt(view, 0),
    isTransactional: isTransactional(attributes),
    timestampMs: maxTimestampAt(view, 0),
    marker: isControl(attributes)
      ? { isCommit: batch[69] === 1, coordinatorEpoch: view.getInt32(73) }
      : null,
  };
}

/** One producer as the batches say. */
export interface ModelProducer {
  readonly producerEpoch: number;
  readonly coordinatorEpoch: number;
  readonly currentTransactionStart: number;
  readonly lastTimestampMs: number;
  /** Batches of records of its epoch, oldest first, as `firstSequence-lastSequence@baseOffset`. */
  readonly batches: readonly string[];
}

const wrap = 2n ** 31n;

/** The sequence some places after another. */
export function wrapped(sequence: number, count: number): number {
  return Number((BigInt(sequence) + BigInt(count) + wrap) % wrap);
}

/** What is known of each producer after these batches. */
export function modelProducers(batches: readonly ModelBatch[]): Map<number, ModelProducer> {
  const producers = new Map<number, ModelProducer>();
  for (const batch of batches) {
    const { producerId, producerEpoch, marker, timestampMs, baseOffset } = batch;
    if (producerId < 0) continue;
    const before = producers.get(producerId);
    const isSame = before?.producerEpoch === producerEpoch;
    const kept = isSame ? (before?.batches ?? []) : [];
    const last = wrapped(batch.baseSequence, batch.lastOffset - baseOffset);
    const open = before?.currentTransactionStart ?? -1;
    const opened = open < 0 && batch.isTransactional ? baseOffset : open;
    producers.set(producerId, {
      producerEpoch,
      lastTimestampMs: timestampMs,
      coordinatorEpoch: marker?.coordinatorEpoch ?? before?.coordinatorEpoch ?? -1,
      currentTransactionStart: marker === null ? opened : -1,
      batches: marker === null ? [...kept, `${batch.baseSequence}-${last}@${baseOffset}`] : kept,
    });
  }
  return producers;
}

/** An entry in the model's words. */
export function modelOf(entry: ProducerEntry): ModelProducer {
  return {
    producerEpoch: entry.producerEpoch,
    coordinatorEpoch: entry.coordinatorEpoch,
    currentTransactionStart: entry.currentTransactionStart,
    lastTimestampMs: entry.lastTimestampMs,
    batches: entry.batches.map(
      ({ firstSequence, lastSequence, baseOffset }) =>
        `${firstSequence}-${lastSequence}@${baseOffset}`,
    ),
  };
}

/** A transaction: from its first batch to its marker. */
export interface ModelTransaction {
  readonly producerId: number;
  readonly firstOffset: number;
  /** Null while it is open. */
  readonly markerOffset: number | null;
  readonly isCommit: boolean;
}

/** All transactions with records, by first offset. */
export function modelTransactions(batches: readonly ModelBatch[]): readonly ModelTransaction[] {
  const open = new Map<number, number>();
  const found: ModelTransaction[] = [];
  for (const { producerId, baseOffset, isTransactional: isPart, marker } of batches) {
    const firstOffset = open.get(producerId);
    if (marker === null) {
      if (isPart && firstOffset === undefined) open.set(producerId, baseOffset);
    } else if (firstOffset !== undefined) {
      open.delete(producerId);
      const { isCommit } = marker;
      found.push({ producerId, firstOffset, markerOffset: baseOffset, isCommit });
    }
  }
  for (const [producerId, firstOffset] of open) {
    found.push({ producerId, firstOffset, markerOffset: null, isCommit: false });
  }
  return found.sort((one, other) => one.firstOffset - other.firstOffset);
}

/** Where readers of committed records end. */
export function modelStableOffset(
  transactions: readonly ModelTransaction[],
  highWatermark: number,
): number {
  const undecided = transactions
    .filter(({ markerOffset }) => markerOffset === null || markerOffset >= highWatermark)
    .map(({ firstOffset }) => firstOffset);
  return Math.min(highWatermark, ...undecided);
}

/** The aborted transactions that touch the offsets from `from` to below `to`, by first offset. */
export function modelAborted(
  transactions: readonly ModelTransaction[],
  { from, to }: { readonly from: number; readonly to: number },
): readonly { readonly producerId: number; readonly firstOffset: number }[] {
  return transactions
    .filter(
      ({ markerOffset, isCommit, firstOffset }) =>
        markerOffset !== null && !isCommit && markerOffset >= from && firstOffset < to,
    )
    .map(({ producerId, firstOffset }) => ({ producerId, firstOffset }));
}

// What a partition remembers of one producer, and the rules by which its batches and markers are taken. Pure: an entry
// is never changed, each batch and each marker makes a new one. Order and errors are Kafka's.

import { assert } from "../base/assert.ts";
import { LogError } from "../base/error.ts";
import {
  attributesAt,
  baseSequenceAt,
  isControl,
  isTransactional,
  lastOffsetDeltaAt,
  maxTimestampAt,
  producerEpochAt,
  producerIdAt,
} from "../record/batch-header.ts";
import { readMarker, type TransactionMarker } from "../record/control-batch.ts";
import type { PendingAppend } from "./log-types.ts";

/** When bytes in the log are as safe as somebody waits for. */
export interface Safety {
  /** Resolves when they are in the page cache. */
  readonly written: Promise<void>;
  /** Resolves when they survive a power cut. */
  readonly durable: Promise<void>;
}

/** The safety of what is on the disk already. */
export const alreadySafe: Safety = { written: Promise.resolve(), durable: Promise.resolve() };

/** One batch that a producer is known to have sent. */
export interface SequencedBatch {
  readonly firstSequence: number;
  readonly lastSequence: number;
  readonly baseOffset: number;
  readonly lastOffset: number;
  /** Largest timestamp of the batch, or its append time; Unix milliseconds. */
  readonly timestampMs: number;
  /** Whoever sends the batch again waits for the first one's safety. */
  readonly safety: Safety;
}

/** What is remembered of one producer. */
export interface ProducerEntry {
  readonly producerId: number;
  readonly producerEpoch: number;
  /** Of its last marker; -1 when there was none. */
  readonly coordinatorEpoch: number;
  /** Unix milliseconds of its last batch or marker, as the batch says. */
  readonly lastTimestampMs: number;
  /** When it was last heard of, by the server's clock; Unix milliseconds. */
  readonly lastSeenMs: number;
  /** First offset of its open transaction; -1 when there is none. */
  readonly currentTransactionStart: number;
  /** The last ones of its epoch, oldest first; at most `batchesMax`. */
  readonly batches: readonly SequencedBatch[];
}

/** How many batches of a producer are remembered: Kafka's clients have at most that many under way. */
export const batchesMax = 5;

const sequenceMax = 2 ** 31 - 1;

/** The fields of a batch that producers are judged by. */
export interface ProducerBatch {
  readonly producerId: number;
  readonly producerEpoch: number;
  /** -1 in markers. */
  readonly baseSequence: number;
  readonly lastOffsetDelta: number;
  readonly timestampMs: number;
  readonly isTransactional: boolean;
  /** What the batch ends; null when it holds records. */
  readonly marker: Pick<TransactionMarker, "coordinatorEpoch" | "isCommit"> | null;
}

/**
 * What the batch that begins at `at` says of its producer; null without a producer, and for control batches that end no
 * transaction. A control batch must be whole in the view.
 */
export function producerBatchAt(view: DataView, at: number): ProducerBatch | null {
  const producerId = producerIdAt(view, at);
  if (producerId < 0) return null;
  const attributes = attributesAt(view, at);
  const marker = isControl(attributes) ? readMarker(view, at) : null;
  if (marker === null && isControl(attributes)) return null;
  return {
    producerId,
    producerEpoch: producerEpochAt(view, at),
    baseSequence: baseSequenceAt(view, at),
    lastOffsetDelta: lastOffsetDeltaAt(view, at),
    timestampMs: maxTimestampAt(view, at),
    isTransactional: isTransactional(attributes),
    marker,
  };
}

/** The sequence `count` after another one: after 2^31 - 1 comes 0. */
export function sequenceAfter(sequence: number, count: number): number {
  return (sequence + count) % (sequenceMax + 1);
}

/** The sequence `count` before another one. */
export function sequenceBefore(sequence: number, count: number): number {
  return (sequence - count + sequenceMax + 1) % (sequenceMax + 1);
}

/** The last sequence of a batch. */
export function lastSequenceOf({ baseSequence, lastOffsetDelta }: ProducerBatch): number {
  return sequenceAfter(baseSequence, lastOffsetDelta);
}

/** The remembered batch that this one repeats; null when it is new. */
export function findDuplicate(
  entry: ProducerEntry | null,
  batch: ProducerBatch,
): SequencedBatch | null {
  if (entry === null || entry.producerEpoch !== batch.producerEpoch) return null;
  const lastSequence = lastSequenceOf(batch);
  const isSame = (known: SequencedBatch): boolean =>
    known.firstSequence === batch.baseSequence && known.lastSequence === lastSequence;
  return entry.batches.find(isSame) ?? null;
}

/** The append of batches that were appended before, one after the other: it is as safe as the first time. */
export function repeatedAppend(batches: readonly SequencedBatch[]): PendingAppend {
  const first = batches[0];
  const last = batches.at(-1);
  assert(first !== undefined && last !== undefined, "a repeated append has batches");
  return {
    baseOffset: first.baseOffset,
    nextOffset: last.lastOffset + 1,
    // What lies before is as safe as what lies behind, or safer.
    ...last.safety,
    isDuplicate: true,
    maxTimestampMs: Math.max(...batches.map((batch) => batch.timestampMs)),
  };
}

/**
 * Holds a batch or marker against what is remembered of its producer. An unknown producer may begin anywhere.
 *
 * @throws INVALID_PRODUCER_EPOCH, INVALID_TXN_STATE, TRANSACTION_COORDINATOR_FENCED; OUT_OF_ORDER_SEQUENCE_NUMBER with
 *         the fact `expectedSequence`.
 */
export function checkProducer(entry: ProducerEntry | null, batch: ProducerBatch): void {
  if (entry === null) return;
  checkEpoch(entry, batch);
  if (batch.marker === null) {
    checkSequence(entry, batch);
    checkTransaction(entry, batch);
  } else {
    checkCoordinator(entry, batch.marker.coordinatorEpoch);
  }
}

function checkEpoch(entry: ProducerEntry, { producerId, producerEpoch }: ProducerBatch): void {
  if (producerEpoch >= entry.producerEpoch) return;
  const facts = { producerId, producerEpoch, currentEpoch: entry.producerEpoch };
  const detail = `producer ${producerId} has epoch ${entry.producerEpoch} here, not ${producerEpoch}`;
  throw new LogError("INVALID_PRODUCER_EPOCH", detail, { facts });
}

function checkSequence(entry: ProducerEntry, batch: ProducerBatch): void {
  const { producerId, producerEpoch, baseSequence } = batch;
  const last = entry.batches.at(-1);
  const isFirst = producerEpoch > entry.producerEpoch || last === undefined;
  const expectedSequence = isFirst ? 0 : sequenceAfter(last.lastSequence, 1);
  if (baseSequence === expectedSequence) return;
  throw new LogError(
    "OUT_OF_ORDER_SEQUENCE_NUMBER",
    `batch of producer ${producerId} has sequence ${baseSequence}, expected ${expectedSequence}`,
    { facts: { producerId, producerEpoch, baseSequence, expectedSequence } },
  );
}

function checkTransaction(entry: ProducerEntry, batch: ProducerBatch): void {
  const { producerId, currentTransactionStart } = entry;
  if (currentTransactionStart < 0 || batch.isTransactional) return;
  throw new LogError(
    "INVALID_TXN_STATE",
    `producer ${producerId} has a transaction open here, and the batch does not belong to it`,
    { facts: { producerId, currentTransactionStart } },
  );
}

function checkCoordinator(entry: ProducerEntry, coordinatorEpoch: number): void {
  const { producerId, coordinatorEpoch: lastCoordinatorEpoch } = entry;
  if (coordinatorEpoch >= lastCoordinatorEpoch) return;
  throw new LogError(
    "TRANSACTION_COORDINATOR_FENCED",
    `marker of coordinator epoch ${coordinatorEpoch}, seen was ${lastCoordinatorEpoch}`,
    { facts: { producerId, coordinatorEpoch, lastCoordinatorEpoch } },
  );
}

/** Where a batch went, and when. */
export interface BatchPlace {
  readonly baseOffset: number;
  readonly seenMs: number;
  readonly safety: Safety;
}

/** What is remembered after a batch or marker was taken: no check, as for what is in the log already. */
export function entryAfter(
  entry: ProducerEntry | null,
  batch: ProducerBatch,
  { baseOffset, seenMs, safety }: BatchPlace,
): ProducerEntry {
  const { producerId, producerEpoch, marker, timestampMs, lastOffsetDelta } = batch;
  const isSameEpoch = entry !== null && entry.producerEpoch === producerEpoch;
  const batches = isSameEpoch ? entry.batches : [];
  const openStart = entry?.currentTransactionStart ?? -1;
  const known = { producerId, producerEpoch, lastTimestampMs: timestampMs, lastSeenMs: seenMs };
  if (marker !== null) {
    const { coordinatorEpoch } = marker;
    return { ...known, coordinatorEpoch, currentTransactionStart: -1, batches };
  }
  const added: SequencedBatch = {
    firstSequence: batch.baseSequence,
    lastSequence: lastSequenceOf(batch),
    baseOffset,
    lastOffset: baseOffset + lastOffsetDelta,
    timestampMs,
    safety,
  };
  return {
    ...known,
    coordinatorEpoch: entry?.coordinatorEpoch ?? -1,
    currentTransactionStart: openStart < 0 && batch.isTransactional ? baseOffset : openStart,
    batches: [...batches.slice(1 - batchesMax), added],
  };
}

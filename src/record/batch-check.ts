// What must hold of a batch that a client sent before it may be appended. The header alone decides `checkBatch`; every
// record is walked by `checkRecords`. Order and errors are Kafka's.

import { viewOf } from "../base/bytes.ts";
import { crc32c } from "../base/crc32c.ts";
import { LogError } from "../base/error.ts";
import {
  attributesAt,
  baseOffsetAt,
  baseSequenceAt,
  baseTimestampAt,
  batchBytesAt,
  batchHeaderBytes,
  batchMagic,
  checksummedFrom,
  codecOf,
  crcAt,
  hasDeleteHorizon,
  isControl,
  isLogAppendTime,
  isTransactional,
  lastOffsetDeltaAt,
  magicAt,
  maxTimestampAt,
  producerEpochAt,
  producerIdAt,
  recordCountAt,
} from "./batch-header.ts";
import { codecNameOf, decompressedBytesMax } from "./compression.ts";
import { RecordCursor } from "./record-cursor.ts";

// Length, attributes, two deltas, two null lengths and a header count: one byte each.
const recordBytesMin = 7;
const knownAttributes = 0x7f;

/** Limits a batch is held to. */
export interface BatchLimits {
  /** Largest whole batch in bytes (max.message.bytes). */
  readonly batchBytesMax: number;
}

/**
 * Checks the header of the batch that begins at `at`, and its checksum. The records are not walked: what the header of
 * a compressed batch says of their number is only known to be true after `checkRecords`.
 *
 * @returns Bytes of the whole batch, so that the next one begins at `at` plus this.
 * @throws  CORRUPT_MESSAGE              lengths or checksum are wrong.
 * @throws  MESSAGE_TOO_LARGE            above the limit.
 * @throws  UNSUPPORTED_COMPRESSION_TYPE no such codec.
 * @throws  INVALID_TIMESTAMP            a time beyond 2^53, or the client claims append time.
 * @throws  INVALID_RECORD               counts, attributes or producer fields that a client may not send.
 * @see     Kafka protocol guide, "Record Batch".
 */
export function checkBatch(bytes: Uint8Array, at: number, limits: BatchLimits): number {
  const view = viewOf(bytes);
  const room = bytes.length - at;
  const batchBytes = room < batchHeaderBytes ? 0 : batchBytesAt(view, at);
  if (batchBytes < batchHeaderBytes || batchBytes > room) {
    const facts = { position: at, batchBytes, room };
    throw new LogError("CORRUPT_MESSAGE", `batch at ${at} does not fit its bytes`, { facts });
  }
  const magic = magicAt(view, at);
  if (magic !== batchMagic) {
    throw new LogError("INVALID_RECORD", `batch has format ${magic}, only 2 is accepted`);
  }
  if (batchBytes > limits.batchBytesMax) {
    const facts = { batchBytes, batchBytesMax: limits.batchBytesMax };
    const detail = `batch of ${batchBytes} bytes is above the limit of ${limits.batchBytesMax}`;
    throw new LogError("MESSAGE_TOO_LARGE", detail, { facts });
  }
  const expectedCrc = crcAt(view, at);
  const crc = crc32c(bytes, at + checksummedFrom, at + batchBytes);
  if (crc !== expectedCrc) {
    const facts = { position: at, crc, expectedCrc };
    throw new LogError("CORRUPT_MESSAGE", `batch at ${at} does not match its checksum`, { facts });
  }
  checkAttributes(attributesAt(view, at));
  checkCounts(view, at, batchBytes);
  checkTimes(view, at);
  checkProducer(view, at);
  return batchBytes;
}

function checkAttributes(attributes: number): void {
  if (codecNameOf(codecOf(attributes)) === null) {
    const detail = `codec ${codecOf(attributes)} does not exist`;
    throw new LogError("UNSUPPORTED_COMPRESSION_TYPE", detail);
  }
  if (isControl(attributes)) throw invalid("clients may not write control batches");
  if (hasDeleteHorizon(attributes) || (attributes & ~knownAttributes) !== 0) {
    throw invalid("batch has attribute bits that clients may not set");
  }
  if (isLogAppendTime(attributes)) {
    throw new LogError("INVALID_TIMESTAMP", "clients may not set the append time of a batch");
  }
}

function checkCounts(view: DataView, at: number, batchBytes: number): void {
  const recordCount = recordCountAt(view, at);
  const lastOffsetDelta = lastOffsetDeltaAt(view, at);
  if (recordCount <= 0 || lastOffsetDelta + 1 !== recordCount) {
    const facts = { recordCount, lastOffsetDelta };
    throw new LogError("INVALID_RECORD", "record count and last offset disagree", { facts });
  }
  const isPlain = codecOf(attributesAt(view, at)) === 0;
  if (isPlain && recordCount * recordBytesMin > batchBytes - batchHeaderBytes) {
    throw invalid(`batch is too small for the ${recordCount} records it declares`);
  }
}

function checkTimes(view: DataView, at: number): void {
  const baseTimestampMs = baseTimestampAt(view, at);
  const maxTimestampMs = maxTimestampAt(view, at);
  const areSafe = Number.isSafeInteger(baseTimestampMs) && Number.isSafeInteger(maxTimestampMs);
  if (!areSafe || baseTimestampMs < -1 || maxTimestampMs < -1) {
    throw new LogError("INVALID_TIMESTAMP", "batch timestamps are outside 0 to 2^53 ms");
  }
}

function checkProducer(view: DataView, at: number): void {
  const producerId = producerIdAt(view, at);
  const needsProducer = isTransactional(attributesAt(view, at));
  if (producerId === -1 && needsProducer) throw invalid("a transactional batch needs a producer");
  if (producerId === -1) return;
  const isNumbered = producerEpochAt(view, at) >= 0 && baseSequenceAt(view, at) >= 0;
  if (!Number.isSafeInteger(producerId) || producerId < 0 || !isNumbered) {
    throw invalid("producer id, epoch and sequence do not belong together");
  }
}

/** What a topic asks of the records of a batch. */
export interface RecordRules {
  /** True on compacted topics: every record needs a key. */
  readonly isKeyRequired: boolean;
  /** Smallest timestamp accepted, Unix ms; -Infinity for any. Timestamp -1 (none) is always accepted. */
  readonly timestampMinMs: number;
  /** Largest timestamp accepted, Unix ms; Infinity for any. */
  readonly timestampMaxMs: number;
  /** What compressed records may expand to, in bytes; `decompressedBytesMax` when absent. */
  readonly maxDecompressedBytes?: number;
}

/**
 * Walks every record of one whole batch that passed `checkBatch`: lengths and counts must fit exactly, offsets must be
 * consecutive, and the topic's rules must hold. One bad record fails the batch.
 *
 * @returns The largest timestamp of the records; the header's may differ and is to be set to it (`setMaxTimestamp`).
 * @throws  INVALID_RECORD, INVALID_TIMESTAMP with the fact `index` (of the record in the batch); MESSAGE_TOO_LARGE,
 *          UNSUPPORTED_COMPRESSION_TYPE when the records cannot be expanded.
 */
export function checkRecords(batch: Uint8Array, rules: RecordRules): number {
  const cursor = new RecordCursor();
  const maxDecompressedBytes = rules.maxDecompressedBytes ?? decompressedBytesMax;
  cursor.reset(batch, { maxDecompressedBytes });
  let index = 0;
  let maxTimestampMs = -1;
  let nextOffset = baseOffsetAt(viewOf(batch), 0);
  while (cursor.next()) {
    if (cursor.offset !== nextOffset) throw invalid("offsets have a gap", index);
    nextOffset++;
    if (cursor.attributes !== 0) throw invalid("record has attribute bits", index);
    if (rules.isKeyRequired && cursor.keyStart < 0) {
      throw invalid("a compacted topic needs a key for every record", index);
    }
    checkTimestamp(cursor.timestampMs, index, rules);
    while (cursor.nextHeader());
    if (cursor.timestampMs > maxTimestampMs) maxTimestampMs = cursor.timestampMs;
    index++;
  }
  return maxTimestampMs;
}

function checkTimestamp(timestampMs: number, index: number, rules: RecordRules): void {
  const isNone = timestampMs === -1;
  const isInside = timestampMs >= rules.timestampMinMs && timestampMs <= rules.timestampMaxMs;
  if (isNone || (timestampMs >= 0 && isInside)) return;
  const { timestampMinMs, timestampMaxMs } = rules;
  const detail = `timestamp ${timestampMs} of record ${index} is outside what the topic accepts`;
  const facts = { index, timestampMs, timestampMinMs, timestampMaxMs };
  throw new LogError("INVALID_TIMESTAMP", detail, { facts });
}

function invalid(detail: string, index: number | null = null): LogError {
  return new LogError("INVALID_RECORD", detail, { facts: index === null ? {} : { index } });
}

// The fixed header of a RecordBatch v2, read and written in place. Big-endian:
//
//   at  size  field                  at  size  field
//    0   8    baseOffset             27   8    baseTimestamp
//    8   4    batchLength            35   8    maxTimestamp
//   12   4    partitionLeaderEpoch   43   8    producerId
//   16   1    magic = 2              51   2    producerEpoch
//   17   4    crc (CRC-32C of 21..)  53   4    baseSequence
//   21   2    attributes             57   4    recordCount
//   23   4    lastOffsetDelta        61   ...  records, compressed as one piece when a codec is set
//
// batchLength counts the bytes after itself. Base offset and leader epoch stand outside the checksum, so they can be
// set without touching it. All functions take a view and the index `at` where the batch begins; none of them checks:
// bytes of unknown origin go through `batch-check.ts` first.
// Source: Kafka protocol guide, "Record Batch".

import { readInt64Nearest, viewOf, writeInt64 } from "../base/bytes.ts";
import { crc32c } from "../base/crc32c.ts";

/** Bytes of the header; the records begin here. */
export const batchHeaderBytes = 61;

/** Bytes before the part that batchLength counts: a batch takes batchLength + 12 bytes. */
export const batchPrefixBytes = 12;

/** The only record format of the house. */
export const batchMagic = 2;

/** Index in a batch of the first byte under the checksum. */
export const checksummedFrom = 21;

const codecMask = 0x07;
const logAppendTimeBit = 0x08;
const transactionalBit = 0x10;
const controlBit = 0x20;
const deleteHorizonBit = 0x40;

/** Offset of the first record; the nearest number when it is beyond 2^53. */
export function baseOffsetAt(view: DataView, at: number): number {
  return readInt64Nearest(view, at);
}

/** Bytes of the whole batch, header included. Below 61 or negative in damaged bytes. */
export function batchBytesAt(view: DataView, at: number): number {
  return view.getInt32(at + 8) + batchPrefixBytes;
}

/** Leader epoch given at append; -1 as clients send it. */
export function leaderEpochAt(view: DataView, at: number): number {
  return view.getInt32(at + 12);
}

/** Format version, 2 in every valid batch. */
export function magicAt(view: DataView, at: number): number {
  return view.getInt8(at + 16);
}

/** The stored checksum, unsigned. */
export function crcAt(view: DataView, at: number): number {
  return view.getUint32(at + 17);
}

/** The attribute bits, unsigned; see `codecOf`, `isLogAppendTime` and the others. */
export function attributesAt(view: DataView, at: number): number {
  return view.getUint16(at + 21);
}

/** Offset of the last record minus the base offset; compaction keeps it when it takes records out. */
export function lastOffsetDeltaAt(view: DataView, at: number): number {
  return view.getInt32(at + 23);
}

/** Unix milliseconds that the records' deltas count from; the nearest number when beyond 2^53. */
export function baseTimestampAt(view: DataView, at: number): number {
  return readInt64Nearest(view, at + 27);
}

/** Largest timestamp of the records, or the append time, in Unix milliseconds; the nearest number. */
export function maxTimestampAt(view: DataView, at: number): number {
  return readInt64Nearest(view, at + 35);
}

/** Producer id, -1 for none; the nearest number when beyond 2^53. */
export function producerIdAt(view: DataView, at: number): number {
  return readInt64Nearest(view, at + 43);
}

/** Producer epoch, -1 for none. */
export function producerEpochAt(view: DataView, at: number): number {
  return view.getInt16(at + 51);
}

/** Sequence number of the first record, -1 for none. */
export function baseSequenceAt(view: DataView, at: number): number {
  return view.getInt32(at + 53);
}

/** How many records the batch says it holds. */
export function recordCountAt(view: DataView, at: number): number {
  return view.getInt32(at + 57);
}

/** Offset that follows the batch: base offset + last offset delta + 1. */
export function nextOffsetAt(view: DataView, at: number): number {
  return readInt64Nearest(view, at) + view.getInt32(at + 23) + 1;
}

/** Sets the base offset; the checksum stays valid. */
export function setBaseOffset(view: DataView, at: number, offset: number): void {
  writeInt64(view, at, offset);
}

/** Sets the leader epoch; the checksum stays valid. */
export function setLeaderEpoch(view: DataView, at: number, epoch: number): void {
  view.setInt32(at + 12, epoch);
}

/** Codec id of the records, 0 to 7; `compression.ts` names those that exist. */
export function codecOf(attributes: number): number {
  return attributes & codecMask;
}

/** The attributes with another codec id. */
export function withCodec(attributes: number, codecId: number): number {
  return (attributes & ~codecMask) | codecId;
}

/** True when every record takes maxTimestamp, the time of the append. */
export function isLogAppendTime(attributes: number): boolean {
  return (attributes & logAppendTimeBit) !== 0;
}

/** True for batches that belong to a transaction. */
export function isTransactional(attributes: number): boolean {
  return (attributes & transactionalBit) !== 0;
}

/** True for batches that hold a marker of the server instead of records. */
export function isControl(attributes: number): boolean {
  return (attributes & controlBit) !== 0;
}

/** True when the base timestamp holds the time from which tombstones may go (set by compaction). */
export function hasDeleteHorizon(attributes: number): boolean {
  return (attributes & deleteHorizonBit) !== 0;
}

/** All fields of a header that do not follow from the records' bytes. */
export interface BatchHeader {
  readonly baseOffset: number;
  readonly leaderEpoch: number;
  readonly attributes: number;
  readonly lastOffsetDelta: number;
  readonly baseTimestampMs: number;
  readonly maxTimestampMs: number;
  readonly producerId: number;
  readonly producerEpoch: number;
  readonly baseSequence: number;
  readonly recordCount: number;
}

/**
 * Writes the header of the batch that begins at index 0 of the view, all but the checksum.
 *
 * @param batchBytes Bytes of the whole batch.
 */
export function writeBatchHeader(view: DataView, batchBytes: number, header: BatchHeader): void {
  writeInt64(view, 0, header.baseOffset);
  view.setInt32(8, batchBytes - batchPrefixBytes);
  view.setInt32(12, header.leaderEpoch);
  view.setInt8(16, batchMagic);
  view.setUint16(21, header.attributes);
  view.setInt32(23, header.lastOffsetDelta);
  writeInt64(view, 27, header.baseTimestampMs);
  writeInt64(view, 35, header.maxTimestampMs);
  writeInt64(view, 43, header.producerId);
  view.setInt16(51, header.producerEpoch);
  view.setInt32(53, header.baseSequence);
  view.setInt32(57, header.recordCount);
}

/** Sets the checksum of the batch that begins at index 0 of the view. */
export function setCrc(view: DataView, crc: number): void {
  view.setUint32(17, crc);
}

/** Computes and sets the checksum of one whole batch. */
export function updateCrc(batch: Uint8Array): void {
  viewOf(batch).setUint32(17, crc32c(batch, checksummedFrom));
}

/**
 * Makes one whole batch take the time of its append (message.timestamp.type = LogAppendTime): sets the attribute bit,
 * maxTimestamp and the checksum. The records' own timestamps stay in the bytes and lose their meaning.
 */
export function stampAppendTime(batch: Uint8Array, timestampMs: number): void {
  const view = viewOf(batch);
  view.setUint16(21, attributesAt(view, 0) | logAppendTimeBit);
  writeInt64(view, 35, timestampMs);
  view.setUint32(17, crc32c(batch, checksummedFrom));
}

/** Sets maxTimestamp and the checksum of one whole batch whose header did not name the true maximum. */
export function setMaxTimestamp(batch: Uint8Array, timestampMs: number): void {
  const view = viewOf(batch);
  writeInt64(view, 35, timestampMs);
  view.setUint32(17, crc32c(batch, checksummedFrom));
}

/** Sets the number and largest timestamp of the records; not the checksum. */
export function setRecords(
  view: DataView,
  {
    recordCount,
    maxTimestampMs,
  }: { readonly recordCount: number; readonly maxTimestampMs: number },
): void {
  writeInt64(view, 35, maxTimestampMs);
  view.setInt32(57, recordCount);
}

/** Puts a delete horizon in the place of the base timestamp and says so; not the checksum. */
export function setDeleteHorizon(view: DataView, horizonMs: number): void {
  view.setUint16(21, attributesAt(view, 0) | deleteHorizonBit);
  writeInt64(view, 27, horizonMs);
}

/**
 * One whole batch without its records: the range of offsets and the largest timestamp stay.
 *
 * @param keepsProducer Whether producer, epoch, sequence and transaction stay too.
 */
export function emptiedHeader(batch: Uint8Array, keepsProducer: boolean): Uint8Array {
  const empty = batch.slice(0, batchHeaderBytes);
  const view = viewOf(empty);
  const kept = logAppendTimeBit | (keepsProducer ? transactionalBit : 0);
  view.setInt32(8, batchHeaderBytes - batchPrefixBytes);
  view.setUint16(21, attributesAt(view, 0) & kept);
  writeInt64(view, 27, maxTimestampAt(view, 0));
  view.setInt32(57, 0);
  if (!keepsProducer) {
    writeInt64(view, 43, -1);
    view.setInt16(51, -1);
    view.setInt32(53, -1);
  }
  updateCrc(empty);
  return empty;
}

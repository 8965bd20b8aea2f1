// Walks the records of one batch without an object per record: fields are numbers, keys and values are index ranges.
//
//   record: length varint | attributes 1 | timestampDelta varlong | offsetDelta varint
//           | key length varint (-1 null) | key | value length varint (-1 null) | value
//           | header count varint | headers
//   header: key length varint | key | value length varint (-1 null) | value
//
// Bytes may be hostile: every length is held against what is left before it is used.

import { VarintReader, viewOf } from "../base/bytes.ts";
import { LogError } from "../base/error.ts";
import {
  attributesAt,
  baseOffsetAt,
  baseTimestampAt,
  batchBytesAt,
  batchHeaderBytes,
  batchMagic,
  codecOf,
  isLogAppendTime,
  lastOffsetDeltaAt,
  magicAt,
  maxTimestampAt,
  recordCountAt,
} from "./batch-header.ts";
import { codecNameOf, decompress, decompressedBytesMax } from "./compression.ts";

/** Bounds for reading a batch. */
export interface CursorOptions {
  /** What compressed records may expand to, in bytes; `decompressedBytesMax` when absent. */
  readonly maxDecompressedBytes?: number;
}

/**
 * A reusable cursor over the records of a batch. All `...Start` and `...End` fields are indexes into `bytes`; -1 is
 * null. They hold from one `next` (or `nextHeader`) to the following one. Bytes are only read, never written.
 */
export class RecordCursor {
  /** Where the records are: the batch itself, or new memory when it was compressed. */
  bytes: Uint8Array = new Uint8Array(0);
  /** Offset of the record. */
  offset = -1;
  /** Unix milliseconds; maxTimestamp of the batch for all records of a LogAppendTime batch. */
  timestampMs = -1;
  /** The record's own attribute byte, 0 in everything written today. */
  attributes = 0;
  /** Start of the record's length field; one record is `bytes[recordStart, recordEnd)`. */
  recordStart = 0;
  recordEnd = 0;
  /** Where its offset delta begins: before it are length, attributes and timestamp. */
  offsetDeltaStart = 0;
  keyStart = -1;
  keyEnd = -1;
  valueStart = -1;
  valueEnd = -1;
  /** Headers of the record; walk them by `nextHeader`. */
  headerCount = 0;
  headersStart = 0;
  headerKeyStart = 0;
  headerKeyEnd = 0;
  headerValueStart = -1;
  headerValueEnd = -1;

  readonly #reader = new VarintReader();
  #baseOffset = 0;
  #baseTimestampMs = 0;
  // Null where each record has its own time.
  #appendTimeMs: number | null = null;
  #lastOffsetDelta = 0;
  #recordsLeft = 0;
  #headersLeft = 0;
  #previousDelta = -1;

  /**
   * Puts the cursor before the first record of one whole batch. The batch is borrowed until the next reset. The
   * checksum is not looked at: see `checkBatch`.
   *
   * @throws CORRUPT_MESSAGE when the header does not fit the bytes; UNSUPPORTED_COMPRESSION_TYPE, INVALID_RECORD or
   *         MESSAGE_TOO_LARGE when the records cannot be expanded.
   */
  reset(batch: Uint8Array, options: CursorOptions = {}): void {
    this.#recordsLeft = 0;
    this.#headersLeft = 0;
    const view = viewOf(batch);
    const isWhole = batch.length >= batchHeaderBytes && batchBytesAt(view, 0) === batch.length;
    if (!isWhole || magicAt(view, 0) !== batchMagic) {
      throw new LogError("CORRUPT_MESSAGE", `${batch.length} bytes are not one whole v2 batch`);
    }
    const attributes = attributesAt(view, 0);
    this.#baseOffset = baseOffsetAt(view, 0);
    this.#baseTimestampMs = baseTimestampAt(view, 0);
    this.#appendTimeMs = isLogAppendTime(attributes) ? maxTimestampAt(view, 0) : null;
    this.#lastOffsetDelta = lastOffsetDeltaAt(view, 0);
    const recordCount = recordCountAt(view, 0);
    const areSafe =
      Number.isSafeInteger(this.#baseOffset + this.#lastOffsetDelta) &&
      Number.isSafeInteger(this.#baseTimestampMs) &&
      Number.isSafeInteger(this.#appendTimeMs ?? 0);
    if (!areSafe || this.#lastOffsetDelta < 0 || recordCount < 0) {
      throw new LogError("CORRUPT_MESSAGE", "batch header holds values that no batch can have");
    }
    const codec = codecNameOf(codecOf(attributes));
    if (codec === null) {
      const detail = `codec ${codecOf(attributes)} does not exist`;
      throw new LogError("UNSUPPORTED_COMPRESSION_TYPE", detail);
    }
    const maxBytes = options.maxDecompressedBytes ?? decompressedBytesMax;
    const isPlain = codec === "none";
    this.bytes = isPlain ? batch : decompress(codec, batch.subarray(batchHeaderBytes), maxBytes);
    this.#reader.reset(this.bytes, isPlain ? batchHeaderBytes : 0);
    this.recordEnd = this.#reader.at;
    this.#recordsLeft = recordCount;
    this.#previousDelta = -1;
  }

  /**
   * Goes to the next record.
   *
   * @returns False after the last one; then the batch held as many records as it said and nothing else.
   * @throws  INVALID_RECORD
   */
  next(): boolean {
    const reader = this.#reader;
    reader.at = this.recordEnd;
    reader.end = this.bytes.length;
    this.#headersLeft = 0;
    if (this.#recordsLeft === 0) {
      if (reader.at !== reader.end) throw invalid("bytes are left after the last record");
      return false;
    }
    this.#recordsLeft--;
    this.recordStart = reader.at;
    const length = reader.readVarint();
    if (length < 0 || length > reader.end - reader.at) throw invalid("record passes the batch");
    this.recordEnd = reader.at + length;
    reader.end = this.recordEnd;
    if (length === 0) throw invalid("record is empty");
    this.attributes = this.bytes[reader.at++] ?? 0;
    this.#takeTimestamp(reader.readVarlong());
    this.offsetDeltaStart = reader.at;
    this.#takeOffset(reader.readVarint());
    this.keyEnd = this.#readLength("key");
    this.keyStart = this.keyEnd < 0 ? -1 : reader.at;
    if (this.keyEnd >= 0) reader.at = this.keyEnd += reader.at;
    this.valueEnd = this.#readLength("value");
    this.valueStart = this.valueEnd < 0 ? -1 : reader.at;
    if (this.valueEnd >= 0) reader.at = this.valueEnd += reader.at;
    this.headerCount = reader.readVarint();
    this.headersStart = reader.at;
    this.#headersLeft = this.headerCount;
    const restBytes = reader.end - reader.at;
    // A header takes two bytes or more.
    if (this.headerCount < 0 || this.headerCount * 2 > restBytes) throw invalid("header count");
    if (this.headerCount === 0 && restBytes > 0) throw invalid("bytes are left in the record");
    return true;
  }

  /**
   * Goes to the next header of the record.
   *
   * @returns False after the last one; then the headers filled the record.
   * @throws  INVALID_RECORD
   */
  nextHeader(): boolean {
    const reader = this.#reader;
    if (this.#headersLeft === 0) return false;
    this.#headersLeft--;
    const keyBytes = this.#readLength("header key");
    if (keyBytes < 0) throw invalid("header key is null");
    this.headerKeyStart = reader.at;
    reader.at = this.headerKeyEnd = reader.at + keyBytes;
    this.headerValueEnd = this.#readLength("header value");
    this.headerValueStart = this.headerValueEnd < 0 ? -1 : reader.at;
    if (this.headerValueEnd >= 0) reader.at = this.headerValueEnd += reader.at;
    if (this.#headersLeft === 0 && reader.at !== reader.end) {
      throw invalid("bytes are left after the headers");
    }
    return true;
  }

  // A length that fits into what is left of the record, or -1.
  #readLength(what: string): number {
    const length = this.#reader.readVarint();
    if (length < -1 || length > this.#reader.end - this.#reader.at) {
      throw invalid(`${what} passes the record`);
    }
    return length;
  }

  #takeTimestamp(delta: number): void {
    this.timestampMs = this.#appendTimeMs ?? this.#baseTimestampMs + delta;
    if (!Number.isSafeInteger(this.timestampMs)) throw invalid("timestamp is beyond 2^53");
  }

  #takeOffset(delta: number): void {
    if (delta <= this.#previousDelta || delta > this.#lastOffsetDelta) {
      throw invalid("offsets do not ascend within the batch");
    }
    this.#previousDelta = delta;
    this.offset = this.#baseOffset + delta;
  }
}

function invalid(detail: string): LogError {
  return new LogError("INVALID_RECORD", `record cannot be read: ${detail}`);
}

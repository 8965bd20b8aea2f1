// Builds record batches from records. One builder is reused for many batches; what it builds is the caller's.

import { assert } from "../base/assert.ts";
import { varintSize, writeVarint } from "../base/bytes.ts";
import { batchHeaderBytes, writeBatchHeader } from "./batch-header.ts";

/** A header of a record. */
export interface RecordHeader {
  /** Stored as UTF-8. */
  readonly key: string;
  /** A string is stored as UTF-8. */
  readonly value: string | Uint8Array | null;
}

/** One record to append. A caller on a busy path may reuse one object and change its fields. */
export interface RecordFields {
  /** Unix milliseconds. */
  readonly timestampMs: number;
  /** A string is stored as UTF-8. */
  readonly key: string | Uint8Array | null;
  /** A string is stored as UTF-8; null is a tombstone on compacted topics. */
  readonly value: string | Uint8Array | null;
  readonly headers: readonly RecordHeader[];
}

/** No headers, shared. */
export const noHeaders: readonly RecordHeader[] = [];

/** Who sent a batch; the three fields that make retries idempotent. */
export interface BatchProducer {
  readonly producerId: number;
  readonly producerEpoch: number;
  readonly baseSequence: number;
}

/** How a batch is built. */
export interface BuildOptions {
  /** None when absent. */
  readonly producer?: BatchProducer;
}

const noProducer: BatchProducer = { producerId: -1, producerEpoch: -1, baseSequence: -1 };

const initialBytes = 16 * 1024;
// A buffer that one large batch made grow is given back, so that an idle builder holds little.
const keptBytesMax = 4 * 1024 * 1024;
const batchBytesMax = 2 ** 31 - 1;

// Below this length a loop is cheaper than a view and a call.
const loopBytesMax = 48;

/** Collects records and writes them as RecordBatch v2. */
export class BatchBuilder {
  #buffer: Buffer = Buffer.allocUnsafeSlow(initialBytes);
  #end = batchHeaderBytes;
  #count = 0;
  #baseTimestampMs = 0;
  #maxTimestampMs = 0;

  /** Records since the last reset. */
  get count(): number {
    return this.#count;
  }

  /** Bytes of the batch as it stands, uncompressed, header included; 61 when empty. */
  get sizeBytes(): number {
    return this.#end;
  }

  /** Forgets the records, keeps the memory. */
  reset(): void {
    if (this.#buffer.length > keptBytesMax) this.#buffer = Buffer.allocUnsafeSlow(initialBytes);
    this.#end = batchHeaderBytes;
    this.#count = 0;
  }

  /** What `sizeBytes` would be after `append` with the same arguments, exactly. */
  sizeAfter(record: RecordFields, valueStart = 0, valueEnd = lengthOf(record.value)): number {
    const valueBytes = record.value === null ? -1 : valueEnd - valueStart;
    const body = this.#bodyBytes(record, lengthOf(record.key), valueBytes);
    return this.#end + varintSize(body) + body;
  }

  /**
   * Appends one record; all its bytes are copied.
   *
   * @param record     Its timestamp must be within 2^53 of the first record's.
   * @param valueStart Where the value begins in `record.value` when that is a larger buffer.
   * @param valueEnd   Where it ends. Both only with a value given as bytes.
   */
  append(record: RecordFields, valueStart = 0, valueEnd = lengthOf(record.value)): void {
    const { timestampMs, key, value, headers } = record;
    const keyBytes = lengthOf(key);
    const valueBytes = value === null ? -1 : valueEnd - valueStart;
    if (this.#count === 0) {
      this.#baseTimestampMs = timestampMs;
      this.#maxTimestampMs = timestampMs;
    }
    const body = this.#bodyBytes(record, keyBytes, valueBytes);
    this.#makeRoom(varintSize(body) + body);
    const buffer = this.#buffer;
    let at = writeVarint(buffer, this.#end, body);
    buffer[at++] = 0;
    at = writeVarint(buffer, at, timestampMs - this.#baseTimestampMs);
    at = writeVarint(buffer, at, this.#count);
    at = writeVarint(buffer, at, keyBytes);
    at = key === null ? at : put(buffer, at, { source: key, start: 0, end: keyBytes });
    at = writeVarint(buffer, at, valueBytes);
    at = value === null ? at : put(buffer, at, { source: value, start: valueStart, end: valueEnd });
    at = writeVarint(buffer, at, headers.length);
    if (headers.length > 0) at = putHeaders(buffer, at, headers);
    this.#end = at;
    this.#count++;
    if (timestampMs > this.#maxTimestampMs) this.#maxTimestampMs = timestampMs;
  }

  /**
   * The batch of the records since the last reset, with base offset 0 and leader epoch -1 as clients send it. There
   * must be at least one record. The builder keeps its records until `reset`.
   *
   * @returns A buffer of exactly the batch's size that nobody else holds.
   */
  build(options: BuildOptions = {}): Uint8Array {
    assert(this.#count > 0, "a batch without records cannot be built");
    const batch = new Uint8Array(this.#end);
    batch.set(this.#buffer.subarray(batchHeaderBytes, this.#end), batchHeaderBytes);
    const producer = options.producer ?? noProducer;
    writeBatchHeader(batch, {
      baseOffset: 0,
      leaderEpoch: -1,
      attributes: 0,
      lastOffsetDelta: this.#count - 1,
      baseTimestampMs: this.#baseTimestampMs,
      maxTimestampMs: this.#maxTimestampMs,
      producerId: producer.producerId,
      producerEpoch: producer.producerEpoch,
      baseSequence: producer.baseSequence,
      recordCount: this.#count,
    });
    return batch;
  }

  // Bytes of a record after its own length field; -1 stands for null.
  #bodyBytes(record: RecordFields, keyBytes: number, valueBytes: number): number {
    const timestampDelta = this.#count === 0 ? 0 : record.timestampMs - this.#baseTimestampMs;
    const { headers } = record;
    let size = 1 + varintSize(timestampDelta) + varintSize(this.#count);
    size += varintSize(keyBytes) + (keyBytes > 0 ? keyBytes : 0);
    size += varintSize(valueBytes) + (valueBytes > 0 ? valueBytes : 0);
    size += varintSize(headers.length);
    for (const header of headers) {
      const nameBytes = lengthOf(header.key);
      const contentBytes = lengthOf(header.value);
      size += varintSize(nameBytes) + nameBytes + varintSize(contentBytes);
      if (contentBytes > 0) size += contentBytes;
    }
    return size;
  }

  #makeRoom(bytes: number): void {
    const needed = this.#end + bytes;
    if (needed <= this.#buffer.length) return;
    assert(needed <= batchBytesMax, `a batch of ${needed} bytes cannot be written`);
    const grown = Buffer.allocUnsafeSlow(Math.min(Math.max(needed, needed * 2), batchBytesMax));
    this.#buffer.copy(grown, 0, 0, this.#end);
    this.#buffer = grown;
  }
}

function lengthOf(part: string | Uint8Array | null): number {
  if (part === null) return -1;
  return typeof part === "string" ? Buffer.byteLength(part) : part.length;
}

function put(
  buffer: Buffer,
  at: number,
  part: { readonly source: string | Uint8Array; readonly start: number; readonly end: number },
): number {
  const { source, start, end } = part;
  const length = end - start;
  if (typeof source === "string") {
    buffer.write(source, at, length, "utf8");
  } else if (length <= loopBytesMax) {
    for (let index = 0; index < length; index++) buffer[at + index] = source[start + index] ?? 0;
  } else {
    buffer.set(length === source.length ? source : source.subarray(start, end), at);
  }
  return at + length;
}

function putHeaders(buffer: Buffer, start: number, headers: readonly RecordHeader[]): number {
  let at = start;
  for (const { key, value } of headers) {
    const keyBytes = lengthOf(key);
    at = writeVarint(buffer, at, keyBytes);
    at = put(buffer, at, { source: key, start: 0, end: keyBytes });
    const valueBytes = lengthOf(value);
    at = writeVarint(buffer, at, valueBytes);
    if (value !== null) at = put(buffer, at, { source: value, start: 0, end: valueBytes });
  }
  return at;
}

// Builds record batches from records. One builder is reused for many batches; what it builds is the caller's.

import { assert } from "../base/assert.ts";
import { varintSize, viewOf, writeVarint } from "../base/bytes.ts";
import { crc32c } from "../base/crc32c.ts";
import { batchHeaderBytes, checksummedFrom, setCrc, writeBatchHeader } from "./batch-header.ts";
import { type CodecName, compress } from "./compression.ts";
import { joinBatch } from "./recompress.ts";

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
  /** `none` when absent. */
  readonly codec?: CodecName;
  /** The codec's level; its default when absent or null. */
  readonly level?: number | null;
  /** None when absent. */
  readonly producer?: BatchProducer;
}

/** What the builder of a batch knows of it. */
export interface BuiltBatch {
  /** The checksum it gave the batch. A batch that still has it, and is true to it, is the batch it built. */
  readonly crc: number;
  /** The smallest timestamp of the records, Unix ms. */
  readonly minTimestampMs: number;
  /** Whether every record has a key. */
  readonly areKeyed: boolean;
}

const builtBatches = new WeakMap<Uint8Array, BuiltBatch>();

/**
 * What is known of an array that `BatchBuilder.build` of this process returned, uncompressed.
 * Null for any other array, a copy or a view of such a one included: what is known hangs on the object, not on bytes.
 */
export function builtBatch(batch: Uint8Array): BuiltBatch | null {
  return builtBatches.get(batch) ?? null;
}

const noProducer: BatchProducer = { producerId: -1, producerEpoch: -1, baseSequence: -1 };

const initialBytes = 16 * 1024;
// A buffer that one large batch made grow is given back, so that an idle builder holds little.
const keptBytesMax = 4 * 1024 * 1024;
const batchBytesMax = 2 ** 31 - 1;

// Up to these lengths a loop in script is cheaper than the call (and the view it needs) that would replace it.
const byteLoopMax = 24;
const wordLoopMax = 160;
const stringLoopMax = 64;

/** Collects records and writes them as RecordBatch v2. */
export class BatchBuilder {
  #bytes: Uint8Array = new Uint8Array(initialBytes);
  #view: DataView = viewOf(this.#bytes);
  #end = batchHeaderBytes;
  #count = 0;
  #baseTimestampMs = 0;
  #minTimestampMs = 0;
  #areKeyed = true;
  #maxTimestampMs = 0;
  // The records of one request share a buffer, so its view is kept from one record to the next.
  #source: Uint8Array = this.#bytes;
  #sourceView: DataView = this.#view;

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
    if (this.#bytes.length > keptBytesMax) this.#adopt(new Uint8Array(initialBytes));
    this.#end = batchHeaderBytes;
    this.#count = 0;
    this.#source = this.#bytes;
    this.#sourceView = this.#view;
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
      this.#minTimestampMs = timestampMs;
      this.#maxTimestampMs = timestampMs;
      this.#areKeyed = true;
    }
    if (key === null) this.#areKeyed = false;
    const body = this.#bodyBytes(record, keyBytes, valueBytes);
    this.#makeRoom(varintSize(body) + body);
    const bytes = this.#bytes;
    let at = writeVarint(bytes, this.#end, body);
    bytes[at++] = 0;
    at = writeVarint(bytes, at, timestampMs - this.#baseTimestampMs);
    at = writeVarint(bytes, at, this.#count);
    this.#end = writeVarint(bytes, at, keyBytes);
    if (typeof key === "string") this.#putString(key, keyBytes);
    else if (key !== null) this.#putBytes(key, 0, keyBytes);
    this.#end = writeVarint(bytes, this.#end, valueBytes);
    if (typeof value === "string") this.#putString(value, valueBytes);
    else if (value !== null) this.#putBytes(value, valueStart, valueBytes);
    this.#end = writeVarint(bytes, this.#end, headers.length);
    if (headers.length > 0) this.#putHeaders(headers);
    this.#count++;
    if (timestampMs > this.#maxTimestampMs) this.#maxTimestampMs = timestampMs;
    else if (timestampMs < this.#minTimestampMs) this.#minTimestampMs = timestampMs;
  }

  /**
   * The batch of the records since the last reset, with base offset 0 and leader epoch -1 as clients send it. There
   * must be at least one record. The builder keeps its records until `reset`.
   *
   * @returns A buffer of exactly the batch's size that nobody else holds.
   * @throws  UNSUPPORTED_COMPRESSION_TYPE where the codec's code cannot be loaded.
   */
  build(options: BuildOptions = {}): Uint8Array {
    assert(this.#count > 0, "a batch without records cannot be built");
    const codec = options.codec ?? "none";
    const { producerId, producerEpoch, baseSequence } = options.producer ?? noProducer;
    writeBatchHeader(this.#view, this.#end, {
      baseOffset: 0,
      leaderEpoch: -1,
      attributes: 0,
      lastOffsetDelta: this.#count - 1,
      baseTimestampMs: this.#baseTimestampMs,
      maxTimestampMs: this.#maxTimestampMs,
      producerId,
      producerEpoch,
      baseSequence,
      recordCount: this.#count,
    });
    if (codec !== "none") {
      const header = this.#bytes.subarray(0, batchHeaderBytes);
      const records = this.#bytes.subarray(batchHeaderBytes, this.#end);
      return joinBatch(header, codec, compress(codec, records, options.level ?? null));
    }
    const crc = crc32c(this.#bytes, checksummedFrom, this.#end);
    setCrc(this.#view, crc);
    const batch = this.#bytes.slice(0, this.#end);
    builtBatches.set(batch, {
      crc,
      minTimestampMs: this.#minTimestampMs,
      areKeyed: this.#areKeyed,
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
    if (needed <= this.#bytes.length) return;
    assert(needed <= batchBytesMax, `a batch of ${needed} bytes cannot be written`);
    const grown = new Uint8Array(Math.min(needed * 2, batchBytesMax));
    grown.set(this.#bytes.subarray(0, this.#end));
    this.#adopt(grown);
  }

  #adopt(bytes: Uint8Array): void {
    this.#bytes = bytes;
    this.#view = viewOf(bytes);
  }

  #putHeaders(headers: readonly RecordHeader[]): void {
    for (const { key, value } of headers) {
      const keyBytes = lengthOf(key);
      this.#end = writeVarint(this.#bytes, this.#end, keyBytes);
      this.#putString(key, keyBytes);
      const valueBytes = lengthOf(value);
      this.#end = writeVarint(this.#bytes, this.#end, valueBytes);
      if (typeof value === "string") this.#putString(value, valueBytes);
      else if (value !== null) this.#putBytes(value, 0, valueBytes);
    }
  }

  #putString(text: string, length: number): void {
    const bytes = this.#bytes;
    const at = this.#end;
    // As many bytes as UTF-16 units means that all are ASCII.
    if (length === text.length && length <= stringLoopMax) {
      for (let index = 0; index < length; index++) bytes[at + index] = text.charCodeAt(index);
    } else {
      encoder.encodeInto(text, bytes.subarray(at, at + length));
    }
    this.#end = at + length;
  }

  #putBytes(source: Uint8Array, start: number, length: number): void {
    const bytes = this.#bytes;
    const at = this.#end;
    if (length <= byteLoopMax) {
      for (let index = 0; index < length; index++) bytes[at + index] = source[start + index] ?? 0;
    } else if (length === source.length) {
      bytes.set(source, at);
    } else if (length <= wordLoopMax) {
      this.#putWords(source, start, length);
    } else {
      bytes.set(source.subarray(start, start + length), at);
    }
    this.#end = at + length;
  }

  #putWords(source: Uint8Array, start: number, length: number): void {
    if (source !== this.#source) {
      this.#source = source;
      this.#sourceView = viewOf(source);
    }
    const from = this.#sourceView;
    const to = this.#view;
    const at = this.#end;
    let index = 0;
    for (; index + 4 <= length; index += 4) {
      to.setInt32(at + index, from.getInt32(start + index, true), true);
    }
    for (; index < length; index++) to.setInt8(at + index, from.getInt8(start + index));
  }
}

const encoder = new TextEncoder();

function lengthOf(part: string | Uint8Array | null): number {
  if (part === null) return -1;
  if (typeof part !== "string") return part.length;
  if (part.length > stringLoopMax) return Buffer.byteLength(part);
  for (let index = 0; index < part.length; index++) {
    if (part.charCodeAt(index) >= 0x80) return Buffer.byteLength(part);
  }
  return part.length;
}

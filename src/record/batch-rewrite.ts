// Takes records out of a stored batch. What stays keeps its offset; the batch keeps its range of offsets, its producer
// and its codec.
//
// A batch that gets a delete horizon has it in place of its base timestamp, as attribute bit 6 says; the records'
// timestamps count from there then.
// Source: Kafka, KIP-534 and `MemoryRecords.filterTo`.

import { varintSize, viewOf, writeVarint } from "../base/bytes.ts";
import {
  attributesAt,
  baseTimestampAt,
  batchHeaderBytes,
  codecOf,
  emptiedHeader,
  hasDeleteHorizon,
  isControl,
  isLogAppendTime,
  maxTimestampAt,
  recordCountAt,
  setDeleteHorizon,
  setRecords,
} from "./batch-header.ts";
import { codecNameOf, compress } from "./compression.ts";
import { joinBatch, recompressBatch } from "./recompress.ts";
import { RecordCursor } from "./record-cursor.ts";

/** The latest time a delete horizon can be; Unix milliseconds. */
const horizonMsMax = 2 ** 52;

/** What is to become of a record: it goes, it stays, or it stays until the delete horizon of its batch. */
export type RecordFate = "goes" | "stays" | "fades";

/** What is to become of the records of a batch. */
export interface BatchRewrite {
  /** The fate of the record under the cursor; asked once for each record, in order. */
  readonly fateOf: (cursor: RecordCursor) => RecordFate;
  /** The delete horizon that the batch gets when it has none and a record fades; Unix milliseconds. */
  readonly horizonMs: number;
}

/** What became of a batch. */
export interface RewrittenBatch {
  /** The batch itself where nothing changed; a new one otherwise. */
  readonly batch: Uint8Array;
  /** Records that stayed; with 0 the batch is the header alone, see `emptiedBatch`. */
  readonly recordCount: number;
}

/** The delete horizon of a batch, Unix milliseconds; null when it has none. */
export function deleteHorizonOf(batch: Uint8Array): number | null {
  const view = viewOf(batch);
  return hasDeleteHorizon(attributesAt(view, 0)) ? baseTimestampAt(view, 0) : null;
}

/**
 * Takes records out of one whole batch whose checksum is good.
 *
 * @throws INVALID_RECORD, MESSAGE_TOO_LARGE, UNSUPPORTED_COMPRESSION_TYPE, CORRUPT_MESSAGE when it cannot be read.
 */
export function rewriteBatch(
  batch: Uint8Array,
  { fateOf, horizonMs }: BatchRewrite,
): RewrittenBatch {
  const view = viewOf(batch);
  const recordCount = recordCountAt(view, 0);
  // In the clear, so that the records can be walked twice and are expanded once.
  const plain = recompressBatch(batch, "none", null);
  const decisions = new Uint8Array(recordCount);
  const cursor = new RecordCursor();
  let keptCount = 0;
  let isFading = false;
  cursor.reset(plain);
  for (let index = 0; cursor.next(); index++) {
    const fate = fateOf(cursor);
    if (fate === "goes") continue;
    decisions[index] = 1;
    keptCount++;
    if (fate === "fades") isFading = true;
  }
  const isRebased = isFading && deleteHorizonOf(batch) === null;
  if (keptCount === recordCount && !isRebased) return { batch, recordCount };
  if (keptCount === 0) return { batch: emptiedBatch(batch), recordCount: 0 };
  const newHorizonMs = isRebased ? Math.min(horizonMs, horizonMsMax) : null;
  return { batch: copyKept(batch, plain, { decisions, newHorizonMs }), recordCount: keptCount };
}

/** The control batch with a delete horizon, unless it has one; its record tells the same. It is one whole batch. */
export function withHorizon(batch: Uint8Array, horizonMs: number): Uint8Array {
  if (deleteHorizonOf(batch) !== null) return batch;
  const decisions = new Uint8Array(recordCountAt(viewOf(batch), 0)).fill(1);
  return copyKept(batch, batch, { decisions, newHorizonMs: Math.min(horizonMs, horizonMsMax) });
}

/** The header of a batch without its records: it still tells the last sequence of its producer. */
export function emptiedBatch(batch: Uint8Array): Uint8Array {
  return emptiedHeader(batch, true);
}

/** A batch without records and without producer: it only says that its offsets are gone. */
export function fillerBatch(batch: Uint8Array): Uint8Array {
  return emptiedHeader(batch, false);
}

function copyKept(
  batch: Uint8Array,
  plain: Uint8Array,
  {
    decisions,
    newHorizonMs,
  }: { readonly decisions: Uint8Array; readonly newHorizonMs: number | null },
): Uint8Array {
  const attributes = attributesAt(viewOf(batch), 0);
  const hasOwnTimes = !isLogAppendTime(attributes);
  const records = new RecordsCopy(plain.length, newHorizonMs, hasOwnTimes);
  const cursor = new RecordCursor();
  cursor.reset(plain);
  for (let index = 0; cursor.next(); index++) {
    if (decisions[index] === 1) records.add(cursor);
  }
  const header = batch.slice(0, batchHeaderBytes);
  const view = viewOf(header);
  const maxTimestampMs =
    hasOwnTimes && !isControl(attributes) ? records.maxTimestampMs : maxTimestampAt(view, 0);
  setRecords(view, { recordCount: records.count, maxTimestampMs });
  if (newHorizonMs !== null) setDeleteHorizon(view, newHorizonMs);
  const codec = codecNameOf(codecOf(attributes)) ?? "none";
  return joinBatch(header, codec, compress(codec, records.bytes(), null));
}

class RecordsCopy {
  readonly #horizonMs: number | null;
  readonly #hasOwnTimes: boolean;
  #bytes: Uint8Array;
  #end = 0;
  count = 0;
  maxTimestampMs = -1;

  constructor(sizeBytes: number, horizonMs: number | null, hasOwnTimes: boolean) {
    this.#bytes = new Uint8Array(sizeBytes);
    this.#horizonMs = horizonMs;
    this.#hasOwnTimes = hasOwnTimes;
  }

  add(cursor: RecordCursor): void {
    const { bytes, recordStart, recordEnd, timestampMs } = cursor;
    this.count++;
    this.maxTimestampMs = Math.max(this.maxTimestampMs, timestampMs);
    if (this.#horizonMs === null || !this.#hasOwnTimes) {
      this.#makeRoom(recordEnd - recordStart);
      this.#put(bytes.subarray(recordStart, recordEnd));
      return;
    }
    const delta = timestampMs - this.#horizonMs;
    const rest = bytes.subarray(cursor.offsetDeltaStart, recordEnd);
    const bodyBytes = 1 + varintSize(delta) + rest.length;
    this.#makeRoom(varintSize(bodyBytes) + bodyBytes);
    this.#end = writeVarint(this.#bytes, this.#end, bodyBytes);
    this.#bytes[this.#end++] = cursor.attributes;
    this.#end = writeVarint(this.#bytes, this.#end, delta);
    this.#put(rest);
  }

  bytes(): Uint8Array {
    return this.#bytes.subarray(0, this.#end);
  }

  #put(part: Uint8Array): void {
    this.#bytes.set(part, this.#end);
    this.#end += part.length;
  }

  #makeRoom(bytes: number): void {
    if (this.#end + bytes <= this.#bytes.length) return;
    const larger = new Uint8Array((this.#end + bytes) * 2);
    larger.set(this.bytes());
    this.#bytes = larger;
  }
}

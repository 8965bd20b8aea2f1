// What compaction keeps of each batch: the latest record of each key, tombstones and markers for as long as they are
// needed, nothing of aborted transactions, and the last sequence of every producer. The rules are Kafka's, save that
// records without a key stay: nothing ever takes their place.

import { viewOf } from "../base/bytes.ts";
import {
  attributesAt,
  baseOffsetAt,
  isControl,
  isTransactional,
  nextOffsetAt,
  producerEpochAt,
  producerIdAt,
  recordCountAt,
} from "../record/batch-header.ts";
import {
  deleteHorizonOf,
  emptiedBatch,
  type RecordFate,
  rewriteBatch,
  withHorizon,
} from "../record/batch-rewrite.ts";
import { readMarker } from "../record/control-batch.ts";
import type { RecordCursor } from "../record/record-cursor.ts";
import type { KeyOffsets } from "./key-offsets.ts";
import type { ProducerEntry } from "./producer-entry.ts";
import type { AbortedSpan } from "./transaction-spans.ts";

/** What a compaction goes by. */
export interface CompactionTerms {
  /** The latest offset of each key; keys that are not there have no later record. */
  readonly latest: KeyOffsets;
  /** From this offset on all records stay that were not aborted. */
  readonly mappedTo: number;
  /** Every aborted transaction with records in the range. */
  readonly aborted: AbortedBatches;
  /** What is remembered of producers, durably. */
  readonly producers: readonly ProducerEntry[];
  /** Unix milliseconds. */
  readonly nowMs: number;
  readonly deleteRetentionMs: number;
  /** No stored batch is larger. */
  readonly batchBytesMax: number;
}

/** Which batches belong to aborted transactions. */
export class AbortedBatches {
  // By producer, ascending.
  readonly #spans = new Map<number, AbortedSpan[]>();

  /** @param spans By first offset. */
  constructor(spans: readonly AbortedSpan[]) {
    for (const span of spans) {
      const own = this.#spans.get(span.producerId);
      if (own === undefined) this.#spans.set(span.producerId, [span]);
      else own.push(span);
    }
  }

  /** Whether the batch that begins at `at`, which holds records, was aborted. */
  has(view: DataView, at: number): boolean {
    if (!isTransactional(attributesAt(view, at))) return false;
    const offset = baseOffsetAt(view, at);
    const spans = this.#spans.get(producerIdAt(view, at)) ?? [];
    let low = 0;
    let high = spans.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((spans[middle]?.firstOffset ?? 0) <= offset) low = middle + 1;
      else high = middle;
    }
    // A producer has one transaction at a time.
    return offset < (spans[low - 1]?.lastOffset ?? -1);
  }
}

/** Judges the batches of a log one after the other, from its start on, none left out. */
export class CompactionRules {
  readonly #terms: CompactionTerms;
  readonly #lastOffsets = new Map<number, number>();
  // Producers of which no batch of their epoch is left but a marker.
  readonly #epochs = new Map<number, number>();
  // Producers of whose present transaction something has stayed.
  readonly #begun = new Set<number>();
  #horizonMs = Number.POSITIVE_INFINITY;

  constructor(terms: CompactionTerms) {
    this.#terms = terms;
    for (const { producerId, producerEpoch, batches } of terms.producers) {
      const last = batches.at(-1);
      if (last === undefined) this.#epochs.set(producerId, producerEpoch);
      else this.#lastOffsets.set(producerId, last.lastOffset);
    }
  }

  /** When the first of what was kept for a time can go, Unix milliseconds; -1 when there is none. */
  get horizonMs(): number {
    return this.#horizonMs === Number.POSITIVE_INFINITY ? -1 : this.#horizonMs;
  }

  /**
   * What to store of one whole batch whose checksum is good: the batch itself, a smaller one, or null for nothing.
   * @throws INVALID_RECORD, MESSAGE_TOO_LARGE, CORRUPT_MESSAGE, UNSUPPORTED_COMPRESSION_TYPE when it cannot be read.
   */
  judge(batch: Uint8Array): Uint8Array | null {
    const view = viewOf(batch);
    const attributes = attributesAt(view, 0);
    const kept = isControl(attributes) ? this.#judgeMarker(batch, view) : this.#judgeRecords(batch);
    if (kept === null) return null;
    if (isTransactional(attributes) && !isControl(attributes))
      this.#begun.add(producerIdAt(view, 0));
    const horizonMs = deleteHorizonOf(kept);
    if (horizonMs !== null && horizonMs > this.#terms.nowMs) {
      this.#horizonMs = Math.min(this.#horizonMs, horizonMs);
    }
    return kept;
  }

  #judgeRecords(batch: Uint8Array): Uint8Array | null {
    const { aborted, mappedTo, batchBytesMax } = this.#terms;
    const view = viewOf(batch);
    const isGone = recordCountAt(view, 0) === 0 || aborted.has(view, 0);
    if (isGone) return this.#isLast(view) ? emptiedBatch(batch) : null;
    if (baseOffsetAt(view, 0) >= mappedTo) return batch;
    const horizonMs = deleteHorizonOf(batch);
    const rewritten = rewriteBatch(batch, {
      fateOf: (cursor) => this.#fateOf(cursor, horizonMs),
      horizonMs: this.#newHorizonMs,
    });
    if (rewritten.recordCount === 0 && !this.#isLast(view)) return null;
    // Compressed anew it may have grown, beyond what is taken for a batch.
    return rewritten.batch.length > batchBytesMax ? batch : rewritten.batch;
  }

  #fateOf(cursor: RecordCursor, horizonMs: number | null): RecordFate {
    const { latest, mappedTo, nowMs } = this.#terms;
    if (cursor.keyStart < 0 || cursor.offset >= mappedTo) return "stays";
    const key = cursor.bytes.subarray(cursor.keyStart, cursor.keyEnd);
    if (cursor.offset < latest.get(key)) return "goes";
    if (cursor.valueStart >= 0) return "stays";
    return horizonMs === null || horizonMs > nowMs ? "fades" : "goes";
  }

  #judgeMarker(batch: Uint8Array, view: DataView): Uint8Array | null {
    if (readMarker(view, 0) === null) return batch;
    const producerId = producerIdAt(view, 0);
    const isNeeded = this.#begun.delete(producerId);
    if (isNeeded || this.#epochs.get(producerId) === producerEpochAt(view, 0)) return batch;
    const horizonMs = deleteHorizonOf(batch);
    if (horizonMs === null) return withHorizon(batch, this.#newHorizonMs);
    return horizonMs > this.#terms.nowMs ? batch : null;
  }

  get #newHorizonMs(): number {
    return this.#terms.nowMs + this.#terms.deleteRetentionMs;
  }

  #isLast(view: DataView): boolean {
    return this.#lastOffsets.get(producerIdAt(view, 0)) === nextOffsetAt(view, 0) - 1;
  }
}

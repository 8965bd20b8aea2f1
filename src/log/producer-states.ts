// What one log remembers of its producers: an entry for each, and the transactions that are not decided yet.
//
// Decided where offsets are given, in the same synchronous turn, so that what was checked still holds when it is
// appended. What a batch changes can be taken back until it is durable: batches that the disk refuses leave no trace,
// and the state at the durable end, which is what a snapshot holds, can be told at any time.

import { viewOf } from "../base/bytes.ts";
import { LogError } from "../base/error.ts";
import { lastOffsetDeltaAt } from "../record/batch-header.ts";
import {
  alreadySafe,
  checkProducer,
  entryAfter,
  findDuplicate,
  type ProducerBatch,
  producerBatchAt,
  type ProducerEntry,
  type Safety,
  type SequencedBatch,
} from "./producer-entry.ts";
import { type AbortedSpan, TransactionSpans } from "./transaction-spans.ts";

/** Producers remembered for one partition; beyond it the one that was silent longest is forgotten. */
export const producersMax = 10_000;

/** A batch of a producer that may be appended: nothing is remembered of it yet. */
interface PlannedBatch {
  readonly batch: ProducerBatch;
  readonly baseOffset: number;
}

/** What the producers of an append lead to. */
export type ProducerPlan =
  | { readonly kind: "new"; readonly batches: readonly PlannedBatch[] }
  /** All of it was appended before, at these offsets. */
  | { readonly kind: "duplicate"; readonly batches: readonly SequencedBatch[] };

interface Undo {
  readonly offset: number;
  readonly producerId: number;
  readonly before: ProducerEntry | null;
}

/** The producers of one log. */
export class ProducerStates {
  // The one that was silent longest comes first.
  readonly #entries = new Map<number, ProducerEntry>();
  readonly #spans = new TransactionSpans();
  // By offset, of batches that are not durable.
  #undos: Undo[] = [];

  /** How many producers are remembered. */
  get count(): number {
    return this.#entries.size;
  }

  /** First offset of the earliest transaction that is not decided below the high watermark; Infinity without any. */
  get firstUndecidedOffset(): number {
    return this.#spans.firstOffset;
  }

  /** Every entry. */
  entries(): Iterable<ProducerEntry> {
    return this.#entries.values();
  }

  /**
   * Checks an append that will begin at `baseOffset`; nothing is changed.
   *
   * @param chunks One whole batch in each.
   * @returns      Null when no batch has a producer.
   * @throws       INVALID_PRODUCER_EPOCH, OUT_OF_ORDER_SEQUENCE_NUMBER, INVALID_TXN_STATE,
   *               TRANSACTION_COORDINATOR_FENCED
   */
  plan(chunks: readonly Uint8Array[], baseOffset: number): ProducerPlan | null {
    if (chunks.every(hasNoProducer)) return null;
    const changed = new Map<number, ProducerEntry>();
    const batches: PlannedBatch[] = [];
    const repeated: SequencedBatch[] = [];
    let offset = baseOffset;
    for (const chunk of chunks) {
      const view = viewOf(chunk);
      const batch = producerBatchAt(view, 0);
      const nextOffset = offset + lastOffsetDeltaAt(view, 0) + 1;
      if (batch !== null) {
        const { producerId } = batch;
        const entry = changed.get(producerId) ?? this.#entries.get(producerId) ?? null;
        const duplicate = batch.marker === null ? findDuplicate(entry, batch) : null;
        if (duplicate === null) {
          checkProducer(entry, batch);
          const place = { baseOffset: offset, seenMs: 0, safety: alreadySafe };
          changed.set(producerId, entryAfter(entry, batch, place));
          batches.push({ batch, baseOffset: offset });
        } else {
          repeated.push(duplicate);
        }
      }
      offset = nextOffset;
    }
    if (repeated.length === 0) return { kind: "new", batches };
    if (repeated.length === chunks.length && isOneRun(repeated)) {
      return { kind: "duplicate", batches: repeated };
    }
    throw partlyRepeated();
  }

  /** Remembers a new append, in the turn in which it was planned. */
  take(plan: readonly PlannedBatch[], seenMs: number, safety: Safety): void {
    for (const { batch, baseOffset } of plan) {
      const before = this.#entries.get(batch.producerId) ?? null;
      this.#undos.push({ offset: baseOffset, producerId: batch.producerId, before });
      this.#apply(before, batch, { baseOffset, seenMs, safety });
    }
  }

  /** Remembers a batch that is in the log, durably, behind all that was replayed before. Unchecked. */
  replay(batch: ProducerBatch, baseOffset: number, seenMs: number): void {
    const before = this.#entries.get(batch.producerId) ?? null;
    this.#apply(before, batch, { baseOffset, seenMs, safety: alreadySafe });
  }

  /** Takes over entries of a snapshot, into an empty state. */
  restore(entries: readonly ProducerEntry[]): void {
    for (const entry of entries) this.#entries.set(entry.producerId, entry);
    const open = entries.filter((entry) => entry.currentTransactionStart >= 0);
    const ordered = open.sort((a, b) => a.currentTransactionStart - b.currentTransactionStart);
    for (const { producerId, currentTransactionStart } of ordered) {
      this.#spans.open(producerId, currentTransactionStart);
    }
  }

  /** Forgets all batches from `offset` on: they were not written. */
  rollBackTo(offset: number): void {
    for (let undo = this.#undos.at(-1); undo !== undefined; undo = this.#undos.at(-1)) {
      if (undo.offset < offset) return;
      this.#undos.pop();
      const after = this.#entries.get(undo.producerId) ?? null;
      this.#undoSpan(undo, after);
      if (undo.before === null) this.#entries.delete(undo.producerId);
      else this.#entries.set(undo.producerId, undo.before);
    }
  }

  /** What lies below `durableOffset` will not be taken back. */
  settleTo(durableOffset: number): void {
    const first = this.#undos[0];
    if (first === undefined || first.offset >= durableOffset) return;
    const rest = this.#undos.findIndex(({ offset }) => offset >= durableOffset);
    this.#undos = rest < 0 ? [] : this.#undos.slice(rest);
  }

  /** The high watermark is here: returns the transactions now known to be aborted, in the order of their markers. */
  retireBelow(highWatermark: number): readonly AbortedSpan[] {
    return this.#spans.retireBelow(highWatermark);
  }

  /** The entries as they were before the batches that are not durable. */
  durableEntries(): readonly ProducerEntry[] {
    const entries = new Map<number, ProducerEntry | null>(this.#entries);
    for (const { producerId, before } of this.#undos.toReversed()) entries.set(producerId, before);
    return [...entries.values()].filter((entry) => entry !== null);
  }

  /** Forgets producers not heard of since `beforeMs` that have no open transaction; returns how many. */
  expire(beforeMs: number): number {
    let count = 0;
    for (const { producerId, lastSeenMs, currentTransactionStart } of this.#entries.values()) {
      if (lastSeenMs >= beforeMs || currentTransactionStart >= 0) continue;
      this.#entries.delete(producerId);
      count++;
    }
    return count;
  }

  #apply(
    before: ProducerEntry | null,
    batch: ProducerBatch,
    place: { readonly baseOffset: number; readonly seenMs: number; readonly safety: Safety },
  ): void {
    const { producerId, marker } = batch;
    const after = entryAfter(before, batch, place);
    this.#entries.delete(producerId);
    this.#entries.set(producerId, after);
    const startBefore = before?.currentTransactionStart ?? -1;
    const isOpened = startBefore < 0 && after.currentTransactionStart >= 0;
    if (isOpened) this.#spans.open(producerId, after.currentTransactionStart);
    if (marker !== null && startBefore >= 0) {
      this.#spans.end(startBefore, place.baseOffset, marker.isCommit);
    }
    if (before === null && this.#entries.size > producersMax) this.#forgetOne();
  }

  #undoSpan({ before }: Undo, after: ProducerEntry | null): void {
    const startBefore = before?.currentTransactionStart ?? -1;
    const startAfter = after?.currentTransactionStart ?? -1;
    if (startBefore < 0 && startAfter >= 0) this.#spans.undoOpen(startAfter);
    if (startBefore >= 0 && startAfter < 0) this.#spans.undoEnd(startBefore);
  }

  #forgetOne(): void {
    for (const { producerId, currentTransactionStart } of this.#entries.values()) {
      if (currentTransactionStart >= 0) continue;
      this.#entries.delete(producerId);
      return;
    }
  }
}

// The sign bit of the producer id.
function hasNoProducer(chunk: Uint8Array): boolean {
  return ((chunk[43] ?? 0) & 0x80) !== 0;
}

function isOneRun(batches: readonly SequencedBatch[]): boolean {
  return batches.every((batch, index) => {
    const before = batches[index - 1];
    return before === undefined || before.lastOffset + 1 === batch.baseOffset;
  });
}

function partlyRepeated(): LogError {
  const detail = "some batches of the append were appended before, others were not";
  return new LogError("OUT_OF_ORDER_SEQUENCE_NUMBER", detail);
}

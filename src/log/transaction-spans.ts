// The transactions of one log that readers of committed records may not pass yet, and those that were aborted: where
// the last stable offset is.
//
// A transaction opens with its first batch and stays here until its marker lies below the high watermark, for only then
// is its outcome sure. They open at ascending offsets, so the first one here is where readers of committed records end.

import { assert } from "../base/assert.ts";

/** A transaction that was aborted, as it is kept in a transaction index. */
export interface AbortedSpan {
  readonly producerId: number;
  /** First offset of its records. */
  readonly firstOffset: number;
  /** Offset of its marker. */
  readonly lastOffset: number;
  /** The last stable offset when the marker came, once all that came before is decided. */
  readonly lastStableOffset: number;
}

interface Span {
  readonly producerId: number;
  readonly firstOffset: number;
  /** Null while the transaction is open. */
  end: { readonly markerOffset: number; readonly aborted: AbortedSpan | null } | null;
}

/** Transactions that are open, or whose marker is not sure yet. */
export class TransactionSpans {
  // Ascending by first offset.
  #spans: Span[] = [];
  #endedCount = 0;

  /** First offset of the earliest of them; Infinity when there is none. */
  get firstOffset(): number {
    return this.#spans[0]?.firstOffset ?? Number.POSITIVE_INFINITY;
  }

  /** A transaction's first batch begins at `firstOffset`, above that of every other. */
  open(producerId: number, firstOffset: number): void {
    assert((this.#spans.at(-1)?.firstOffset ?? -1) < firstOffset, "transactions open in order");
    this.#spans.push({ producerId, firstOffset, end: null });
  }

  /** The transaction's marker is at `markerOffset`. */
  end(firstOffset: number, markerOffset: number, isCommit: boolean): void {
    const span = this.#at(firstOffset);
    const { producerId } = span;
    const other = this.#spans.find((each) => each !== span && each.end === null);
    const lastStableOffset = other?.firstOffset ?? markerOffset + 1;
    const aborted = isCommit
      ? null
      : { producerId, firstOffset, lastOffset: markerOffset, lastStableOffset };
    span.end = { markerOffset, aborted };
    this.#endedCount++;
  }

  /** The first batch of the transaction was taken back. */
  undoOpen(firstOffset: number): void {
    const last = this.#spans.pop();
    assert(last?.firstOffset === firstOffset, "what came last is taken back first");
  }

  /** The transaction's marker was taken back. */
  undoEnd(firstOffset: number): void {
    this.#at(firstOffset).end = null;
    this.#endedCount--;
  }

  /** Forgets those whose marker lies below `highWatermark`; returns those aborted, in the order of their markers. */
  retireBelow(highWatermark: number): readonly AbortedSpan[] {
    if (this.#endedCount === 0) return [];
    const aborted: AbortedSpan[] = [];
    this.#spans = this.#spans.filter(({ end }) => {
      if (end === null || end.markerOffset >= highWatermark) return true;
      if (end.aborted !== null) aborted.push(end.aborted);
      this.#endedCount--;
      return false;
    });
    return aborted.sort((one, other) => one.lastOffset - other.lastOffset);
  }

  #at(firstOffset: number): Span {
    const span = this.#spans.find((each) => each.firstOffset === firstOffset);
    assert(span !== undefined, `a transaction begins at ${firstOffset}`);
    return span;
  }
}

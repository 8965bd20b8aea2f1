// Which stored batches a reader of committed records must not show: those of transactions that were aborted.
//
// A reply names the aborted transactions that touch it, by producer and first offset; each ends at its producer's next
// marker, which is among the batches.

import type { AbortedTransaction } from "../services/data.ts";
import {
  attributesAt,
  isControl,
  isTransactional,
  nextOffsetAt,
  producerIdAt,
} from "./batch-header.ts";

/** Passes over the batches of one reply, in their order. */
export class AbortedFilter {
  readonly #aborted: readonly AbortedTransaction[];
  #next = 0;
  readonly #producers = new Set<number>();

  /** @param aborted Those that touch the batches, by first offset. */
  constructor(aborted: readonly AbortedTransaction[]) {
    this.#aborted = aborted;
  }

  /** True when the batch that begins at `at` was aborted. Must be asked for every batch, markers included. */
  isAborted(view: DataView, at: number): boolean {
    const nextOffset = nextOffsetAt(view, at);
    for (;;) {
      const begun = this.#aborted[this.#next];
      if (begun === undefined || begun.firstOffset >= nextOffset) break;
      this.#producers.add(begun.producerId);
      this.#next++;
    }
    if (this.#producers.size === 0) return false;
    const attributes = attributesAt(view, at);
    if (!isTransactional(attributes)) return false;
    const producerId = producerIdAt(view, at);
    if (!isControl(attributes)) return this.#producers.has(producerId);
    this.#producers.delete(producerId);
    return false;
  }
}

// Offsets of one group that open transactions are about to commit: nobody sees them before their transaction ends.
//
// What was committed last counts, by the order in which commits were asked for and not by the order in which
// transactions end. So a plain commit drops what is pending in its partition, and a transaction that ends drops what
// others had pending there before it.

import { type Committed, type OffsetEntry, OffsetTable } from "./offsets.ts";

/** One offset of an open transaction. */
export interface PendingOffset extends Committed {
  readonly producerEpoch: number;
  /** Larger than those of everything that was pending in this partition before. */
  readonly sequence: number;
}

/** One pending offset with its place and its producer. */
export interface PendingEntry extends OffsetEntry<PendingOffset> {
  readonly producerId: number;
}

/** Pending offsets by producer, topic and partition. */
export class PendingOffsets {
  readonly #byProducer = new Map<number, OffsetTable<PendingOffset>>();

  /** True when no transaction is about to commit anything. */
  get isEmpty(): boolean {
    return this.#byProducer.size === 0;
  }

  /** True when an offset of this very topic is pending. */
  hasTopic(topic: string, topicId: string): boolean {
    for (const offsets of this.#byProducer.values()) {
      if (offsets.hasTopic(topic, topicId)) return true;
    }
    return false;
  }

  /** Sets what a producer is about to commit, or forgets it with null. */
  put(entry: Omit<PendingEntry, "committed">, pending: PendingOffset | null): void {
    const { producerId, topic, partition } = entry;
    const known = this.#byProducer.get(producerId);
    const offsets = known ?? new OffsetTable<PendingOffset>();
    offsets.put(topic, partition, pending);
    if (offsets.isEmpty) this.#byProducer.delete(producerId);
    else if (known === undefined) this.#byProducer.set(producerId, offsets);
  }

  /** Forgets what is pending in one topic, told from others of its name by its id. */
  removeTopic(topic: string, topicId: string): void {
    for (const [producerId, offsets] of this.#byProducer) {
      offsets.removeTopic(topic, topicId);
      if (offsets.isEmpty) this.#byProducer.delete(producerId);
    }
  }

  /** What a producer is about to commit. */
  *ofProducer(producerId: number): IterableIterator<PendingEntry> {
    for (const entry of this.#byProducer.get(producerId)?.entries() ?? []) {
      yield { producerId, ...entry };
    }
  }

  /** What is pending in a partition. */
  ofPartition(topic: string, partition: number): readonly PendingEntry[] {
    const pending: PendingEntry[] = [];
    for (const [producerId, offsets] of this.#byProducer) {
      const committed = offsets.find(topic, partition);
      if (committed !== null) pending.push({ producerId, topic, partition, committed });
    }
    return pending;
  }

  /** Every entry; stands changes while it runs. */
  *entries(): IterableIterator<PendingEntry> {
    for (const producerId of this.#byProducer.keys()) yield* this.ofProducer(producerId);
  }

  /** Forgets everything. An iteration under way ends. */
  clear(): void {
    for (const offsets of this.#byProducer.values()) offsets.clear();
    this.#byProducer.clear();
  }
}

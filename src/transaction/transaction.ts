// One transactional id: whose it is, and how far its latest transaction has come.

import type { ProducerIdentity, TopicPartition, TransactionState } from "../services.ts";

/** States that are kept. Kafka's other two are passed through at once here: a fence aborts, an expiry removes. */
export type StoredState = Exclude<TransactionState, "PrepareEpochFence" | "Dead">;

/** Partition numbers by topic. */
export type Partitions = ReadonlyMap<string, ReadonlySet<number>>;

/** What is kept of a transactional id. Never changed, only replaced. */
export interface Transaction extends ProducerIdentity {
  /** What the present pair was given in exchange for; null once that is used, or when nothing was named. */
  readonly previous: ProducerIdentity | null;
  /** How long a transaction may stay open. */
  readonly timeoutMs: number;
  readonly state: StoredState;
  /** When the open transaction began, Unix milliseconds; -1 when none is open. */
  readonly startedAtMs: number;
  /** When anything last changed, Unix milliseconds. */
  readonly updatedAtMs: number;
  /** Partitions of the open transaction. */
  readonly partitions: Partitions;
  /** Consumer groups whose offsets the open transaction commits. */
  readonly groups: ReadonlySet<string>;
}

/** The highest epoch a producer is given; the one above it only fences. Kafka: Short.MAX_VALUE - 1. */
export const producerEpochMax = 32_766;

/** Decided, and not yet carried out everywhere. */
export function isPrepared({ state }: Transaction): boolean {
  return state === "PrepareCommit" || state === "PrepareAbort";
}

/** Begun, and not yet carried out everywhere. */
export function isOpen(transaction: Transaction): boolean {
  return transaction.state === "Ongoing" || isPrepared(transaction);
}

/** Whether both name the same producer at the same epoch. */
export function isSameProducer(one: ProducerIdentity, other: ProducerIdentity): boolean {
  return one.producerId === other.producerId && one.producerEpoch === other.producerEpoch;
}

/** Partitions one by one, in the order they were added. */
export function partitionList(partitions: Partitions): readonly TopicPartition[] {
  return [...partitions].flatMap(([topic, numbers]) => {
    return [...numbers].map((partition) => ({ topic, partition }));
  });
}

/** How many partitions. */
export function partitionCount(partitions: Partitions): number {
  let count = 0;
  for (const numbers of partitions.values()) count += numbers.size;
  return count;
}

/** The partitions with more of them; the given ones stay as they are. */
export function withPartitions(
  partitions: Partitions,
  added: readonly TopicPartition[],
): Partitions {
  const all = new Map<string, Set<number>>();
  for (const [topic, numbers] of partitions) all.set(topic, new Set(numbers));
  for (const { topic, partition } of added) {
    const numbers = all.get(topic);
    if (numbers === undefined) all.set(topic, new Set([partition]));
    else numbers.add(partition);
  }
  return all;
}

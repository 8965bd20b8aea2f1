// Whether a transactional batch may be appended: only to a partition of its producer's open transaction, and only once
// the log of transactions holds that. A batch that came before could outlive its transaction in a power cut, and nobody
// would ever end it.

import type { ErrorName } from "../base/error.ts";
import type { CoordinatorState } from "../coordinator/coordinator.ts";
import type { ProducerIdentity, TopicPartition } from "../services.ts";
import type { TransactionMachine } from "./transaction-machine.ts";

/** Whose batch it is. */
export interface BatchProducer extends ProducerIdentity {
  /** As the request names it; null when it names none. */
  readonly transactionalId: string | null;
}

/** What the gate looks at. */
export interface GateOptions {
  readonly machine: TransactionMachine;
  readonly coordinatorState: () => CoordinatorState;
}

/** Asked before every transactional batch, synchronously. */
export class TransactionGate {
  readonly #options: GateOptions;
  /** Changes on their way to the disk by transactional id: the partitions that each adds. */
  readonly #held = new Map<string, Set<readonly TopicPartition[]>>();

  /** @param options The state it answers from. */
  constructor(options: GateOptions) {
    this.#options = options;
  }

  /**
   * Why the batch may not be appended now; null when it may.
   *
   * A refusal that a change under way may still undo is CONCURRENT_TRANSACTIONS: ask again.
   */
  check(batch: BatchProducer, place: TopicPartition): ErrorName | null {
    const { machine, coordinatorState } = this.#options;
    // While a lost change is being undone, or after that failed, the state in memory promises nothing.
    if (coordinatorState() !== "ready") return "COORDINATOR_NOT_AVAILABLE";
    const named = machine.findProducer(batch.producerId);
    if (named === null) return "INVALID_PRODUCER_ID_MAPPING";
    const { transactionalId, transaction } = named;
    const isTheirs = batch.transactionalId === null || batch.transactionalId === transactionalId;
    if (!isTheirs) return "INVALID_PRODUCER_ID_MAPPING";
    const { topic, partition } = place;
    const held = this.#held.get(transactionalId);
    const isCurrent = transaction.producerEpoch === batch.producerEpoch;
    const isPart = transaction.partitions.get(topic)?.has(partition) === true;
    if (isCurrent && isPart && transaction.state === "Ongoing") {
      const isHeld = held !== undefined && [...held].some((added) => includes(added, place));
      return isHeld ? "CONCURRENT_TRANSACTIONS" : null;
    }
    if (held !== undefined) return "CONCURRENT_TRANSACTIONS";
    return isCurrent ? "INVALID_TXN_STATE" : "INVALID_PRODUCER_EPOCH";
  }

  /**
   * A change has been decided and is not durable yet.
   *
   * @param added Partitions that it adds: closed until then.
   * @returns     To be called when it is durable or has failed.
   */
  hold(transactionalId: string, added: readonly TopicPartition[]): () => void {
    const held = this.#held.get(transactionalId) ?? new Set();
    this.#held.set(transactionalId, held);
    // A copy stands for this change and no other.
    const change = [...added];
    held.add(change);
    return () => {
      held.delete(change);
      if (held.size === 0) this.#held.delete(transactionalId);
    };
  }
}

function includes(
  places: readonly TopicPartition[],
  { topic, partition }: TopicPartition,
): boolean {
  return places.some((place) => place.topic === topic && place.partition === partition);
}

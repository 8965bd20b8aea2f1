// Who says whether a transactional batch belongs to a transaction that is under way.

import { viewOf } from "../base/bytes.ts";
import { type ErrorName, LogError } from "../base/error.ts";
import {
  attributesAt,
  isTransactional,
  producerEpochAt,
  producerIdAt,
} from "../record/batch-header.ts";
import type { ProducerIdentity, TopicPartition } from "../services.ts";

/** The producer of a transactional batch. */
export interface TransactionalBatch extends ProducerIdentity {
  /** As the request says; null when it does not. */
  readonly transactionalId: string | null;
}

/** Asked before a transactional batch is appended: without it a late batch would open a transaction nobody ends. */
export interface TransactionGate {
  /** The reason to refuse the batch; null when its transaction is under way and contains the partition. */
  check(batch: TransactionalBatch, place: TopicPartition): ErrorName | null;
}

/** The gate as long as there are no transactions. */
export const closedGate: TransactionGate = { check: () => "INVALID_TXN_STATE" };

/** True for a batch that says it belongs to a transaction. */
export function isTransactionalBatch(batch: Uint8Array): boolean {
  return isTransactional(attributesAt(viewOf(batch), 0));
}

/** Asks the gate for each transactional batch. @throws what the gate answers */
export function checkAtGate(
  gate: TransactionGate,
  batches: readonly Uint8Array[],
  at: { readonly transactionalId: string | null; readonly place: TopicPartition },
): void {
  const { transactionalId, place } = at;
  for (const batch of batches) {
    if (!isTransactionalBatch(batch)) continue;
    const view = viewOf(batch);
    const producerId = producerIdAt(view, 0);
    const producerEpoch = producerEpochAt(view, 0);
    const code = gate.check({ producerId, producerEpoch, transactionalId }, place);
    if (code === null) continue;
    const { topic, partition } = place;
    const facts = { topic, partition, producerId, producerEpoch };
    const detail = `partition ${topic}-${partition} is in no open transaction of producer ${producerId}`;
    throw new LogError(code, detail, { facts });
  }
}

// What may follow what in a transaction: each rule takes what is known of a transactional id and gives what it becomes.

import { LogError } from "../base/error.ts";
import type { ProducerIdentity, TopicPartition } from "../services.ts";
import {
  isPrepared,
  isSameProducer,
  partitionCount,
  type Transaction,
  withPartitions,
} from "./transaction.ts";

/** Partitions of one transaction at most: each addition writes them all. */
export const partitionsMax = 10_000;

/** Groups of one transaction at most. */
export const groupsMax = 1000;

/**
 * What is known, if it is this producer's.
 * @throws INVALID_PRODUCER_ID_MAPPING, PRODUCER_FENCED
 */
export function checkProducer(known: Transaction | null, producer: ProducerIdentity): Transaction {
  if (known === null || known.producerId !== producer.producerId) {
    throw new LogError(
      "INVALID_PRODUCER_ID_MAPPING",
      known === null
        ? "the transactional id is not known; ask for a producer id first"
        : `the transactional id has another producer id than ${producer.producerId}`,
    );
  }
  if (known.producerEpoch !== producer.producerEpoch) throw fencedProducer(known);
  return known;
}

/**
 * More partitions take part; the first begin the transaction. Null: nothing is new.
 * @throws CONCURRENT_TRANSACTIONS, POLICY_VIOLATION
 */
export function addPartitions(
  known: Transaction,
  added: readonly TopicPartition[],
  nowMs: number,
): Transaction | null {
  const begun = begin(known, nowMs);
  const fresh = newPartitions(begun, added);
  if (fresh.length === 0) return null;
  const partitions = withPartitions(begun.partitions, fresh);
  if (partitionCount(partitions) > partitionsMax) {
    throw new LogError(
      "POLICY_VIOLATION",
      `a transaction has at most ${partitionsMax} partitions; end it first`,
    );
  }
  return { ...begun, partitions, updatedAtMs: nowMs };
}

/** Those of the partitions that the open transaction does not have. */
export function newPartitions(
  { partitions }: Transaction,
  places: readonly TopicPartition[],
): readonly TopicPartition[] {
  return places.filter(({ topic, partition }) => partitions.get(topic)?.has(partition) !== true);
}

/**
 * The offsets of one more group take part. Null: they do already.
 * @throws CONCURRENT_TRANSACTIONS, POLICY_VIOLATION
 */
export function addGroup(known: Transaction, group: string, nowMs: number): Transaction | null {
  const begun = begin(known, nowMs);
  if (begun.groups.has(group)) return null;
  if (begun.groups.size >= groupsMax) {
    throw new LogError("POLICY_VIOLATION", `a transaction has at most ${groupsMax} groups`);
  }
  return { ...begun, groups: new Set([...begun.groups, group]), updatedAtMs: nowMs };
}

function begin(known: Transaction, nowMs: number): Transaction {
  if (isPrepared(known)) throw concurrent();
  if (known.state === "Ongoing") return known;
  // The pair is in use: who asks with the one before it is no longer a producer that missed the answer.
  return { ...known, previous: null, state: "Ongoing", startedAtMs: nowMs };
}

/**
 * Offsets of the group may be kept for the transaction.
 * @throws CONCURRENT_TRANSACTIONS, INVALID_TXN_STATE
 */
export function checkGroup(known: Transaction, group: string): void {
  if (isPrepared(known)) throw concurrent();
  if (known.state === "Ongoing" && known.groups.has(group)) return;
  throw new LogError("INVALID_TXN_STATE", `the open transaction does not have group '${group}'`);
}

/**
 * The decision. Null: the same was decided and carried out before.
 * @throws CONCURRENT_TRANSACTIONS while the same decision is carried out, INVALID_TXN_STATE
 */
export function end(known: Transaction, isCommit: boolean, nowMs: number): Transaction | null {
  switch (known.state) {
    case "Ongoing":
      return { ...known, state: isCommit ? "PrepareCommit" : "PrepareAbort", updatedAtMs: nowMs };
    case "CompleteCommit":
    case "CompleteAbort":
      if (isCommit === (known.state === "CompleteCommit")) return null;
      break;
    case "PrepareCommit":
    case "PrepareAbort":
      if (isCommit === (known.state === "PrepareCommit")) throw concurrent();
      break;
    case "Empty":
      break;
  }
  const wish = isCommit ? "committed" : "aborted";
  throw new LogError("INVALID_TXN_STATE", `a transaction in ${known.state} cannot be ${wish}`);
}

/**
 * Aborts an open transaction at the next epoch, so that its markers fence the producer that began it.
 * @param isByOwner That producer asked for it itself and may have the new epoch.
 */
export function fence(known: Transaction, nowMs: number, isByOwner: boolean): Transaction {
  const { producerId, producerEpoch } = known;
  return {
    ...known,
    producerEpoch: producerEpoch + 1,
    previous: isByOwner ? { producerId, producerEpoch } : null,
    state: "PrepareAbort",
    updatedAtMs: nowMs,
  };
}

/** The decision has been carried out everywhere. Null: that was noted before. */
export function complete(
  known: Transaction | null,
  prepared: Transaction,
  nowMs: number,
): Transaction | null {
  if (known === null || known.state !== prepared.state || !isSameProducer(known, prepared)) {
    return null;
  }
  return {
    ...known,
    state: known.state === "PrepareCommit" ? "CompleteCommit" : "CompleteAbort",
    startedAtMs: -1,
    updatedAtMs: nowMs,
    partitions: new Map(),
    groups: new Set(),
  };
}

/** The previous transaction is still being completed; the same call succeeds in a moment. */
export function concurrent(): LogError {
  return new LogError(
    "CONCURRENT_TRANSACTIONS",
    "the transaction before is still being completed; ask again shortly",
  );
}

/** The caller's pair is not the one in use. */
export function fencedProducer({ producerEpoch }: ProducerIdentity): LogError {
  return new LogError(
    "PRODUCER_FENCED",
    `a newer producer uses the transactional id, at epoch ${producerEpoch}`,
    { facts: { producerEpoch } },
  );
}

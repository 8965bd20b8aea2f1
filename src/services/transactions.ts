// Producer ids, transactions, and what partitions remember of producers.

import type { ErrorName } from "../base/error.ts";
import type { TopicPartition } from "./data.ts";
import type { OffsetCommitPartition, OffsetCommitResult } from "./groups.ts";

/** Who a producer is: the id stays, a higher epoch fences the ones below. */
export interface ProducerIdentity {
  readonly producerId: number;
  readonly producerEpoch: number;
}

/** InitProducerId (API 22). */
export interface InitProducerIdRequest {
  /** Null: an idempotent producer without transactions. */
  readonly transactionalId: string | null;
  /** How long a transaction may stay open; not looked at without a transactional id. */
  readonly transactionTimeoutMs: number;
  /** What the producer was given before; both -1 when it starts (KIP-360). */
  readonly producerId: number;
  readonly producerEpoch: number;
}

/** A transactional producer as it names itself in each call. */
export interface TransactionalProducer extends ProducerIdentity {
  readonly transactionalId: string;
}

/** What became of one partition of AddPartitionsToTxn. */
export interface PartitionOutcome extends TopicPartition {
  readonly error: ErrorName | null;
}

/** TxnOffsetCommit (API 28): offsets of a group that become visible when the transaction commits. */
export interface TransactionalOffsetCommit extends TransactionalProducer {
  readonly group: string;
  /** Empty with generation -1: not fenced by the group. */
  readonly memberId: string;
  readonly groupInstanceId: string | null;
  /** Generation of a classic member, epoch of one of the new protocol; -1 without. */
  readonly generationIdOrMemberEpoch: number;
  readonly offsets: readonly OffsetCommitPartition[];
}

/** States of a transaction, by Kafka's names. */
export type TransactionState =
  | "Empty"
  | "Ongoing"
  | "PrepareCommit"
  | "PrepareAbort"
  | "CompleteCommit"
  | "CompleteAbort"
  | "PrepareEpochFence"
  | "Dead";

/** One transactional id as listed. */
export interface TransactionListing extends TransactionalProducer {
  readonly state: TransactionState;
}

/** One transactional id in full, as DescribeTransactions (API 65) shows it. */
export interface TransactionDescription extends TransactionListing {
  readonly transactionTimeoutMs: number;
  /** Unix milliseconds; -1 when none is open. */
  readonly startedAtMs: number;
  /** Partitions of the open transaction. */
  readonly partitions: readonly TopicPartition[];
}

/** ListTransactions (API 66); null or empty lets everything through. */
export interface TransactionFilter {
  readonly states: readonly TransactionState[];
  readonly producerIds: readonly number[];
  /** Only those open for longer; -1 for all. */
  readonly durationMs: number;
}

/** One producer that a partition remembers, as DescribeProducers (API 61) shows it. */
export interface ActiveProducer extends ProducerIdentity {
  /** Of its last record; -1 when only a marker is remembered. */
  readonly lastSequence: number;
  /** Unix milliseconds of its last batch. */
  readonly lastTimestampMs: number;
  /** Of its last marker; -1 when there was none. */
  readonly coordinatorEpoch: number;
  /** First offset of its open transaction here; -1 when there is none. */
  readonly currentTransactionStart: number;
}

/** Producers of one partition. */
export interface PartitionProducers extends PartitionOutcome {
  readonly producers: readonly ActiveProducer[];
}

/** Producer ids and transactions. All methods throw LogError by name. */
export interface TransactionServices {
  /**
   * @throws CONCURRENT_TRANSACTIONS (ask again), PRODUCER_FENCED, INVALID_TRANSACTION_TIMEOUT, INVALID_REQUEST,
   *         COORDINATOR_NOT_AVAILABLE
   */
  initProducerId(request: InitProducerIdRequest): Promise<ProducerIdentity>;
  /**
   * AddPartitionsToTxn (API 24): all partitions or none; when one is refused the others have OPERATION_NOT_ATTEMPTED.
   *
   * @throws INVALID_PRODUCER_ID_MAPPING, PRODUCER_FENCED, CONCURRENT_TRANSACTIONS, INVALID_TXN_STATE
   */
  addPartitions(
    producer: TransactionalProducer,
    partitions: readonly TopicPartition[],
  ): Promise<readonly PartitionOutcome[]>;
  /** AddOffsetsToTxn (API 25). @throws as addPartitions */
  addOffsets(producer: TransactionalProducer, group: string): Promise<void>;
  /**
   * TxnOffsetCommit (API 28). @throws as addPartitions, and what commitOffsets of groups throws; ILLEGAL_GENERATION,
   * UNKNOWN_MEMBER_ID, FENCED_INSTANCE_ID
   */
  commitOffsets(request: TransactionalOffsetCommit): Promise<readonly OffsetCommitResult[]>;
  /** EndTxn (API 26). Resolves when the decision is durable. @throws as addPartitions */
  end(producer: TransactionalProducer, outcome: "commit" | "abort"): Promise<void>;
  /** @throws TRANSACTIONAL_ID_NOT_FOUND */
  describe(transactionalId: string): Promise<TransactionDescription>;
  list(filter: TransactionFilter): Promise<readonly TransactionListing[]>;
  /** DescribeProducers (API 61), one answer a partition in their order. */
  describeProducers(partitions: readonly TopicPartition[]): Promise<readonly PartitionProducers[]>;
}

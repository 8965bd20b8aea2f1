// Who takes part in transactions beside their coordinator: partitions that hold records, and groups that hold offsets.

import type { ErrorName } from "../base/error.ts";
import type {
  ActiveProducer,
  OffsetCommitResult,
  ProducerIdentity,
  TopicPartition,
  TransactionalOffsetCommit,
} from "../services.ts";

/** What ends a transaction in a partition. */
export interface Marker extends ProducerIdentity {
  /** Always 0: the log has had one coordinator, and a restart does not make another of it. */
  readonly coordinatorEpoch: number;
  readonly isCommit: boolean;
}

/** Partitions as the coordinator needs them. */
export interface MarkerWriter {
  /** Why clients may not write there; null when they may. */
  refusalOf(place: TopicPartition): ErrorName | null;
  /**
   * Appends a marker; resolves when it is durable. Markers of one partition stand in the order of the calls. Doing it
   * twice is harmless.
   *
   * @throws UNKNOWN_TOPIC_OR_PARTITION when there is nothing left to end.
   */
  appendMarker(place: TopicPartition, marker: Marker): Promise<void>;
  /** What a partition remembers of producers. @throws UNKNOWN_TOPIC_OR_PARTITION */
  describeProducers(place: TopicPartition): readonly ActiveProducer[];
}

/** Groups as the coordinator needs them. */
export interface OffsetParticipant {
  /** Keeps offsets until the transaction ends. Calls take effect in their order. */
  commitPending(request: TransactionalOffsetCommit): Promise<readonly OffsetCommitResult[]>;
  /**
   * Makes the producer's pending offsets count, or drops them; resolves when that is durable. Doing it twice is
   * harmless.
   */
  endTransaction(group: string, producer: ProducerIdentity, isCommit: boolean): Promise<void>;
}

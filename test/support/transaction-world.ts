// Transactions on a log in memory and a clock that stands still, with partitions and groups that fail when they are
// told to.

import { LogError } from "../../src/base/error.ts";
import { silentLogger } from "../../src/base/logger.ts";
import type { StateLog } from "../../src/coordinator/state-log.ts";
import type {
  InitProducerIdRequest,
  OffsetCommitResult,
  ProducerIdentity,
  TopicPartition,
  TransactionalOffsetCommit,
  TransactionalProducer,
} from "../../src/services.ts";
import type {
  Marker,
  MarkerWriter,
  OffsetParticipant,
} from "../../src/transaction/participants.ts";
import {
  defaultTransactionLimits,
  type TransactionLimits,
} from "../../src/transaction/transaction-commands.ts";
import type { Transaction } from "../../src/transaction/transaction.ts";
import { TransactionServicesOver } from "../../src/transaction/transaction-services.ts";
import { FakeClock } from "./fake-clock.ts";
import { MemoryStateLog } from "./memory-state-log.ts";

/** Decides whether a call succeeds: null, or what it throws. */
export interface Failing {
  (name: string): LogError | null;
}

/** Partitions `t-0` to `t-3`, and what was written to them in order. */
export class FakePartitions implements MarkerWriter {
  readonly markers: { readonly place: string; readonly marker: Marker }[] = [];
  readonly gone = new Set<string>();
  failing: Failing = () => null;
  /** While set, markers wait for it after they are written. */
  barrier: Promise<void> | null = null;

  refusalOf({ topic, partition }: TopicPartition): "UNKNOWN_TOPIC_OR_PARTITION" | null {
    const isThere = topic === "t" && partition < 4 && !this.gone.has(`${topic}-${partition}`);
    return isThere ? null : "UNKNOWN_TOPIC_OR_PARTITION";
  }

  async appendMarker(place: TopicPartition, marker: Marker): Promise<void> {
    const name = `${place.topic}-${place.partition}`;
    if (this.gone.has(name)) throw new LogError("UNKNOWN_TOPIC_OR_PARTITION", "it is gone");
    const failure = this.failing(name);
    if (failure !== null) throw failure;
    this.markers.push({ place: name, marker });
    await this.barrier;
  }

  describeProducers(place: TopicPartition) {
    const refusal = this.refusalOf(place);
    if (refusal !== null) throw new LogError(refusal, "it is not there");
    return [];
  }

  /** Markers of a partition as `commit 5/0` (outcome, producer id, epoch). */
  of(name: string): readonly string[] {
    return this.markers
      .filter(({ place }) => place === name)
      .map(({ marker: { isCommit, producerId, producerEpoch } }) => {
        return `${isCommit ? "commit" : "abort"} ${producerId}/${producerEpoch}`;
      });
  }
}

/** Groups that keep what was committed and what is pending. */
export class FakeGroups implements OffsetParticipant {
  /** `group producerId` to offsets that wait. */
  readonly pending = new Map<string, number[]>();
  readonly committed = new Map<string, number[]>();
  readonly ends: string[] = [];
  failing: Failing = () => null;

  async commitPending(request: TransactionalOffsetCommit): Promise<readonly OffsetCommitResult[]> {
    const failure = this.failing(request.group);
    if (failure !== null) throw failure;
    const key = `${request.group} ${request.producerId}`;
    const offsets = request.offsets.map(({ offset }) => offset);
    this.pending.set(key, [...(this.pending.get(key) ?? []), ...offsets]);
    return request.offsets.map(({ topic, partition }) => ({ topic, partition, error: null }));
  }

  async endTransaction(
    group: string,
    { producerId, producerEpoch }: ProducerIdentity,
    isCommit: boolean,
  ): Promise<void> {
    const failure = this.failing(group);
    if (failure !== null) throw failure;
    this.ends.push(`${isCommit ? "commit" : "abort"} ${group} ${producerId}/${producerEpoch}`);
    const key = `${group} ${producerId}`;
    const offsets = this.pending.get(key) ?? [];
    this.pending.delete(key);
    if (isCommit) this.committed.set(group, [...(this.committed.get(group) ?? []), ...offsets]);
  }
}

/** What opens a world; what is absent is fresh. */
export interface TransactionWorldOptions {
  readonly log?: StateLog;
  readonly clock?: FakeClock;
  readonly partitions?: FakePartitions;
  readonly groups?: FakeGroups;
  readonly limits?: Partial<TransactionLimits>;
  readonly snapshotGrowthBytes?: number;
}

/** Opens transaction services. */
export async function openTransactions(options: TransactionWorldOptions = {}) {
  const clock = options.clock ?? new FakeClock();
  const partitions = options.partitions ?? new FakePartitions();
  const groups = options.groups ?? new FakeGroups();
  const log = options.log ?? new MemoryStateLog();
  const services = await TransactionServicesOver.open({
    log,
    markers: partitions,
    offsets: groups,
    clock,
    logger: silentLogger,
    limits: { ...defaultTransactionLimits, ...options.limits },
    snapshotGrowthBytes: options.snapshotGrowthBytes ?? null,
  });
  return { services, clock, partitions, groups };
}

/** InitProducerId of a producer that starts; `named` is the pair it had. */
export function initOf(
  transactionalId: string | null,
  named: ProducerIdentity = { producerId: -1, producerEpoch: -1 },
): InitProducerIdRequest {
  return { transactionalId, transactionTimeoutMs: 60_000, ...named };
}

/** Partitions of topic `t` by number. */
export function places(...partitions: readonly number[]): readonly TopicPartition[] {
  return partitions.map((partition) => ({ topic: "t", partition }));
}

/** Starts a producer. */
export async function producerOf(
  services: TransactionServicesOver,
  transactionalId: string,
): Promise<TransactionalProducer> {
  return { transactionalId, ...(await services.initProducerId(initOf(transactionalId))) };
}

/** One offset committed in a transaction. */
export function offsetOf(
  producer: TransactionalProducer,
  group: string,
  offset: number,
): TransactionalOffsetCommit {
  return {
    ...producer,
    group,
    memberId: "",
    groupInstanceId: null,
    generationIdOrMemberEpoch: -1,
    offsets: [{ topic: "t", partition: 0, offset, metadata: "" }],
  };
}

/** A transaction of producer 5 at epoch 3 that has done nothing yet. */
export function transactionOf(differing: Partial<Transaction> = {}): Transaction {
  return {
    producerId: 5,
    producerEpoch: 3,
    previous: null,
    timeoutMs: 60_000,
    state: "Empty",
    startedAtMs: -1,
    updatedAtMs: 1000,
    partitions: new Map(),
    groups: new Set(),
    ...differing,
  };
}

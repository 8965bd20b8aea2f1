// The commands of transactions: each finds what it is about, applies the rule, and says what is to be stored.

import { type ErrorName, LogError } from "../base/error.ts";
import type { Command, Decision } from "../coordinator/state-machine.ts";
import type {
  InitProducerIdRequest,
  PartitionOutcome,
  ProducerIdentity,
  TopicPartition,
  TransactionalProducer,
} from "../services.ts";
import { checkInitRequest, decideInit } from "./init-producer.ts";
import { ProducerIds } from "./producer-ids.ts";
import type { Transaction } from "./transaction.ts";
import type { TransactionEvent } from "./transaction-events.ts";
import type { TransactionMachine } from "./transaction-machine.ts";
import {
  addGroup,
  addPartitions,
  checkProducer,
  complete,
  end,
  fence,
  newPartitions,
} from "./transaction-rules.ts";

/** Bounds of transactions. Durations in milliseconds. */
export interface TransactionLimits {
  /** The longest time a producer may ask for. */
  readonly timeoutMsMax: number;
  /** How long a transactional id is remembered without being used. */
  readonly idExpirationMs: number;
  /** Transactional ids remembered at once. */
  readonly idsMax: number;
}

/** Kafka's defaults, and a bound of our own on ids. */
export const defaultTransactionLimits: TransactionLimits = {
  timeoutMsMax: 900_000,
  idExpirationMs: 7 * 86_400_000,
  idsMax: 100_000,
};

/** What commands are made from. */
export interface CommandOptions {
  readonly machine: TransactionMachine;
  readonly limits: TransactionLimits;
  /** Why clients may not write to a partition; null when they may. */
  readonly refusalOf: (place: TopicPartition) => ErrorName | null;
}

/** What has become of an AddPartitionsToTxn. */
export interface Added {
  readonly outcomes: readonly PartitionOutcome[];
  /** Those that the transaction did not have before. */
  readonly fresh: readonly TopicPartition[];
}

type TransactionCommand<Reply> = Command<TransactionEvent, Reply>;

/** Makes commands on one machine. */
export class TransactionCommands {
  readonly #options: CommandOptions;
  readonly #producerIds: ProducerIds;

  /** @param options The machine they decide on. */
  constructor(options: CommandOptions) {
    this.#options = options;
    this.#producerIds = new ProducerIds(options.machine);
  }

  /** InitProducerId. @throws as `TransactionServices.initProducerId`, POLICY_VIOLATION */
  init(request: InitProducerIdRequest): TransactionCommand<ProducerIdentity> {
    return (nowMs) => {
      const { machine, limits } = this.#options;
      const { transactionalId } = request;
      checkInitRequest(request, limits.timeoutMsMax);
      if (transactionalId === null) {
        const { producerId, events } = this.#producerIds.take();
        return { events, reply: { producerId, producerEpoch: 0 } };
      }
      const known = machine.find(transactionalId);
      if (known === null && machine.count >= limits.idsMax) {
        throw new LogError(
          "POLICY_VIOLATION",
          `there are ${limits.idsMax} transactional ids; unused ones expire`,
        );
      }
      const events: TransactionEvent[] = [];
      const takeProducerId = (): number => {
        const taken = this.#producerIds.take();
        events.push(...taken.events);
        return taken.producerId;
      };
      const { next, reply } = decideInit(request, { known, nowMs, takeProducerId });
      if (next !== null) events.push(eventOf(transactionalId, next));
      return { events, reply };
    };
  }

  /** AddPartitionsToTxn. @throws as `TransactionServices.addPartitions`, POLICY_VIOLATION */
  addPartitions(
    producer: TransactionalProducer,
    places: readonly TopicPartition[],
  ): TransactionCommand<Added> {
    return (nowMs) => {
      const { refusalOf } = this.#options;
      const errors = places.map(refusalOf);
      const isRefused = errors.some((error) => error !== null);
      const outcomes = places.map(({ topic, partition }, index): PartitionOutcome => {
        const others = isRefused ? "OPERATION_NOT_ATTEMPTED" : null;
        return { topic, partition, error: errors[index] ?? others };
      });
      if (isRefused) return { events: [], reply: { outcomes, fresh: [] } };
      const known = this.#knownTo(producer);
      const next = addPartitions(known, places, nowMs);
      const fresh = newPartitions(known, places);
      return change(producer.transactionalId, next, { outcomes, fresh });
    };
  }

  /** AddOffsetsToTxn. @throws as `TransactionServices.addOffsets`, INVALID_GROUP_ID, POLICY_VIOLATION */
  addGroup(producer: TransactionalProducer, group: string): TransactionCommand<void> {
    return (nowMs) => {
      if (group === "") throw new LogError("INVALID_GROUP_ID", "the group has no name");
      const next = addGroup(this.#knownTo(producer), group, nowMs);
      return change(producer.transactionalId, next, undefined);
    };
  }

  /** EndTxn. @throws as `TransactionServices.end` */
  end(producer: TransactionalProducer, isCommit: boolean): TransactionCommand<void> {
    return (nowMs) => {
      const next = end(this.#knownTo(producer), isCommit, nowMs);
      return change(producer.transactionalId, next, undefined);
    };
  }

  /** Notes that a decision has been carried out everywhere. */
  complete(transactionalId: string, prepared: Transaction): TransactionCommand<void> {
    return (nowMs) => {
      const next = complete(this.#options.machine.find(transactionalId), prepared, nowMs);
      return change(transactionalId, next, undefined);
    };
  }

  /** Aborts a transaction that has been open for too long, unless it is another one by now. */
  timeOut(transactionalId: string, late: Transaction): TransactionCommand<void> {
    return (nowMs) => {
      const known = this.#options.machine.find(transactionalId);
      const isLate =
        known?.state === "Ongoing" &&
        known.startedAtMs === late.startedAtMs &&
        known.producerEpoch === late.producerEpoch;
      return change(transactionalId, isLate ? fence(known, nowMs, false) : null, undefined);
    };
  }

  /** Forgets a transactional id, unless something has happened to it since. */
  expire(transactionalId: string, idle: Transaction): TransactionCommand<void> {
    return () => {
      if (this.#options.machine.find(transactionalId) !== idle) {
        return { events: [], reply: undefined };
      }
      return {
        events: [{ kind: "transaction", transactionalId, transaction: null }],
        reply: undefined,
      };
    };
  }

  #knownTo(producer: TransactionalProducer): Transaction {
    return checkProducer(this.#options.machine.find(producer.transactionalId), producer);
  }
}

function eventOf(transactionalId: string, transaction: Transaction): TransactionEvent {
  return { kind: "transaction", transactionalId, transaction };
}

function change<Reply>(
  transactionalId: string,
  next: Transaction | null,
  reply: Reply,
): Decision<TransactionEvent, Reply> {
  return { events: next === null ? [] : [eventOf(transactionalId, next)], reply };
}

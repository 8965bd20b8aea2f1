// Producer ids and transactions as the waist wants them: the transaction machine on a coordinator, deadlines, the gate
// for produce, and whoever carries decisions out.

import type { Clock } from "../base/clock.ts";
import { LogError } from "../base/error.ts";
import type { Logger } from "../base/logger.ts";
import { Coordinator, type CoordinatorState } from "../coordinator/coordinator.ts";
import type { StateLog } from "../coordinator/state-log.ts";
import type {
  InitProducerIdRequest,
  OffsetCommitResult,
  PartitionOutcome,
  PartitionProducers,
  ProducerIdentity,
  TopicPartition,
  TransactionalOffsetCommit,
  TransactionalProducer,
  TransactionDescription,
  TransactionFilter,
  TransactionListing,
  TransactionServices,
} from "../services.ts";
import { Completer } from "./completer.ts";
import { Deadlines } from "./deadlines.ts";
import type { MarkerWriter, OffsetParticipant } from "./participants.ts";
import { partitionList, type Transaction } from "./transaction.ts";
import { TransactionCommands, type TransactionLimits } from "./transaction-commands.ts";
import type { TransactionEvent } from "./transaction-events.ts";
import { TransactionGate } from "./transaction-gate.ts";
import { type NamedTransaction, TransactionMachine } from "./transaction-machine.ts";
import { checkGroup, checkProducer } from "./transaction-rules.ts";

// A completion takes a few syncs; a client that is told to ask again waits longer than that.
const completionWaitMs = 1000;

/** What transaction services are made of. */
export interface TransactionServicesOptions {
  /** Holds the state of transactions and nothing else; stays the caller's to close. */
  readonly log: StateLog;
  readonly markers: MarkerWriter;
  readonly offsets: OffsetParticipant;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly limits: TransactionLimits;
  /** As in `CoordinatorOptions`. */
  readonly snapshotGrowthBytes: number | null;
  /** Says how old transactions and unused ids are; `clock` when absent. */
  readonly ageClock?: Clock;
}

interface Parts {
  readonly options: TransactionServicesOptions;
  readonly machine: TransactionMachine;
  readonly coordinator: Coordinator<TransactionEvent>;
}

/** Transactions over one log. */
export class TransactionServicesOver implements TransactionServices {
  /** To be asked before a transactional batch is appended. */
  readonly gate: TransactionGate;
  readonly #options: TransactionServicesOptions;
  readonly #machine: TransactionMachine;
  readonly #coordinator: Coordinator<TransactionEvent>;
  readonly #commands: TransactionCommands;
  readonly #deadlines: Deadlines;
  readonly #completer: Completer;

  private constructor({ options, machine, coordinator }: Parts) {
    const { limits, markers } = options;
    this.#options = options;
    this.#machine = machine;
    this.#coordinator = coordinator;
    this.gate = new TransactionGate({ machine, coordinatorState: () => coordinator.state });
    const refusalOf = (place: TopicPartition) => markers.refusalOf(place);
    const commands = new TransactionCommands({ machine, limits, refusalOf });
    this.#commands = commands;
    const { idExpirationMs } = limits;
    const clock = options.ageClock ?? options.clock;
    this.#deadlines = new Deadlines({ ...options, clock, coordinator, commands, idExpirationMs });
    this.#completer = new Completer({ ...options, coordinator, commands });
    machine.observe((transactionalId, transaction) => {
      // Of a replay only the end counts.
      if (coordinator.state !== "ready") return;
      this.#deadlines.changed(transactionalId, transaction);
      this.#completer.changed(transactionalId, transaction);
    });
  }

  /**
   * Replays the log, gives open transactions what is left of their time, and goes on with decisions that a stop left
   * half carried out.
   *
   * @throws KAFKA_STORAGE_ERROR or CORRUPT_MESSAGE when the log cannot be replayed.
   */
  static async open(options: TransactionServicesOptions): Promise<TransactionServicesOver> {
    const { log, clock, logger, snapshotGrowthBytes } = options;
    const machine = new TransactionMachine();
    let services: TransactionServicesOver | null = null;
    const coordinator = await Coordinator.open<TransactionEvent>({
      name: "the transaction coordinator",
      machine,
      log,
      clock,
      logger,
      snapshotGrowthBytes,
      onLoaded: () => {
        if (services !== null) services.#loaded();
      },
    });
    services = new TransactionServicesOver({ options, machine, coordinator });
    services.#loaded();
    return services;
  }

  /** Whether transactions can be used. */
  get state(): CoordinatorState {
    return this.#coordinator.state;
  }

  /** Transactions that are not complete. */
  get openCount(): number {
    return this.#machine.openCount;
  }

  initProducerId(request: InitProducerIdRequest): Promise<ProducerIdentity> {
    const { transactionalId } = request;
    const command = this.#commands.init(request);
    if (transactionalId === null) return this.#coordinator.run(command);
    return this.#afterCompletion(transactionalId, () => {
      return this.#held(transactionalId, this.#coordinator.run(command));
    });
  }

  addPartitions(
    producer: TransactionalProducer,
    partitions: readonly TopicPartition[],
  ): Promise<readonly PartitionOutcome[]> {
    const { transactionalId } = producer;
    const command = this.#commands.addPartitions(producer, partitions);
    return this.#afterCompletion(transactionalId, async () => {
      let added: readonly TopicPartition[] = [];
      const result = this.#coordinator.run((nowMs) => {
        const decision = command(nowMs);
        if (!(decision.reply instanceof LogError)) added = decision.reply.fresh;
        return decision;
      });
      // Decided by now, and not yet durable.
      const { outcomes } = await this.#held(transactionalId, result, added);
      return outcomes;
    });
  }

  addOffsets(producer: TransactionalProducer, group: string): Promise<void> {
    const { transactionalId } = producer;
    const command = this.#commands.addGroup(producer, group);
    return this.#afterCompletion(transactionalId, () => {
      return this.#held(transactionalId, this.#coordinator.run(command));
    });
  }

  async commitOffsets(request: TransactionalOffsetCommit): Promise<readonly OffsetCommitResult[]> {
    const check = (): void => {
      checkGroup(
        checkProducer(this.#machine.find(request.transactionalId), request),
        request.group,
      );
    };
    await this.#coordinator.query(check);
    // All of that is durable now. But the transaction may have been ended since, and what follows must come before its
    // end: the call takes its place among the group's changes at once.
    check();
    return await this.#options.offsets.commitPending(request);
  }

  end(producer: TransactionalProducer, outcome: "commit" | "abort"): Promise<void> {
    const { transactionalId } = producer;
    const command = this.#commands.end(producer, outcome === "commit");
    return this.#afterCompletion(transactionalId, () => {
      return this.#held(transactionalId, this.#coordinator.run(command));
    });
  }

  describe(transactionalId: string): Promise<TransactionDescription> {
    return this.#coordinator.query(() => {
      const transaction = this.#machine.find(transactionalId);
      if (transaction !== null) return descriptionOf({ transactionalId, transaction });
      throw new LogError(
        "TRANSACTIONAL_ID_NOT_FOUND",
        `there is no transactional id '${transactionalId}'`,
      );
    });
  }

  list(filter: TransactionFilter): Promise<readonly TransactionListing[]> {
    const nowMs = this.#options.clock.nowMs();
    return this.#coordinator.query(() => {
      const listings: TransactionListing[] = [];
      for (const named of this.#machine.all()) {
        if (passes(named.transaction, filter, nowMs)) listings.push(listingOf(named));
      }
      return listings;
    });
  }

  async describeProducers(
    partitions: readonly TopicPartition[],
  ): Promise<readonly PartitionProducers[]> {
    return partitions.map(({ topic, partition }) => {
      try {
        const producers = this.#options.markers.describeProducers({ topic, partition });
        return { topic, partition, error: null, producers };
      } catch (error) {
        if (!(error instanceof LogError)) throw error;
        return { topic, partition, error: error.code, producers: [] };
      }
    });
  }

  /** Takes no more calls; resolves when those taken have been answered and no marker is on its way. */
  async close(): Promise<void> {
    const closed = this.#coordinator.close();
    await this.#completer.close();
    await closed;
  }

  /** What a replay cannot know: the time that is left, and which decisions wait to be carried out. */
  #loaded(): void {
    for (const { transactionalId, transaction } of this.#machine.all()) {
      this.#deadlines.replayed(transactionalId, transaction);
    }
    this.#completer.restart(this.#machine.all());
  }

  /** Keeps the gate shut for what the change adds, until it is durable. */
  async #held<Reply>(
    transactionalId: string,
    result: Promise<Reply>,
    added: readonly TopicPartition[] = [],
  ): Promise<Reply> {
    const release = this.gate.hold(transactionalId, added);
    try {
      return await result;
    } finally {
      release();
    }
  }

  /** Calls once, and once more when the transaction before has been completed meanwhile. */
  async #afterCompletion<Reply>(
    transactionalId: string,
    call: () => Promise<Reply>,
  ): Promise<Reply> {
    try {
      return await call();
    } catch (error) {
      const isPassing = error instanceof LogError && error.code === "CONCURRENT_TRANSACTIONS";
      if (!isPassing) throw error;
      if (!(await this.#completer.settled(transactionalId, completionWaitMs))) throw error;
      return await call();
    }
  }
}

function passes(transaction: Transaction, filter: TransactionFilter, nowMs: number): boolean {
  const { states, producerIds, durationMs } = filter;
  const { state, producerId, startedAtMs } = transaction;
  if (states.length > 0 && !states.includes(state)) return false;
  if (producerIds.length > 0 && !producerIds.includes(producerId)) return false;
  return durationMs < 0 || (startedAtMs >= 0 && nowMs - startedAtMs > durationMs);
}

function listingOf({ transactionalId, transaction }: NamedTransaction): TransactionListing {
  const { producerId, producerEpoch, state } = transaction;
  return { transactionalId, producerId, producerEpoch, state };
}

function descriptionOf(named: NamedTransaction): TransactionDescription {
  const { timeoutMs, startedAtMs, partitions } = named.transaction;
  return {
    ...listingOf(named),
    transactionTimeoutMs: timeoutMs,
    startedAtMs,
    partitions: partitionList(partitions),
  };
}

// Carries decisions out: once a commit or abort is durable, a marker goes to every partition, every group's offsets are
// settled, and the transaction is noted as complete.
//
// A decision is never taken back, so whatever fails is tried again until it succeeds, also after a restart. One attempt
// at a time runs for a transaction, and the next transaction begins only when all of it is done: no marker can arrive
// late and end that one.

import type { Clock } from "../base/clock.ts";
import { LogError } from "../base/error.ts";
import type { Logger } from "../base/logger.ts";
import { mapParallel } from "../base/parallel.ts";
import { TimerQueue } from "../base/timer-queue.ts";
import type { Coordinator } from "../coordinator/coordinator.ts";
import type { TopicPartition } from "../services.ts";
import type { MarkerWriter, OffsetParticipant } from "./participants.ts";
import { isPrepared, isSameProducer, partitionList, type Transaction } from "./transaction.ts";
import type { TransactionCommands } from "./transaction-commands.ts";
import type { TransactionEvent } from "./transaction-events.ts";
import type { NamedTransaction } from "./transaction-machine.ts";

const atOnce = 16;
const retryMsMin = 50;
const retryMsMax = 10_000;

/** What decisions are carried out with. */
export interface CompleterOptions {
  readonly coordinator: Coordinator<TransactionEvent>;
  readonly commands: TransactionCommands;
  readonly markers: MarkerWriter;
  readonly offsets: OffsetParticipant;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** A decision that is being carried out. */
interface Completion {
  readonly transaction: Transaction;
  /** Those that have not confirmed. */
  partitions: readonly TopicPartition[];
  groups: readonly string[];
  retryMs: number;
  /** Told whether it is done; false: nobody can say. */
  readonly waiters: Set<(isDone: boolean) => void>;
}

/** What an attempt left undone, and the first reason for it. */
interface Tried<Item> {
  readonly failed: readonly Item[];
  readonly error: unknown;
}

/** All decisions that are not carried out yet, by transactional id. */
export class Completer {
  readonly #options: CompleterOptions;
  readonly #completions = new Map<string, Completion>();
  readonly #attempts = new Set<Promise<void>>();
  readonly #retries: TimerQueue;
  #isClosed = false;

  /** @param options Who takes part. */
  constructor(options: CompleterOptions) {
    this.#options = options;
    this.#retries = new TimerQueue(options.clock);
  }

  /** Follows a change as it is applied: begins with a decision when it is durable, forgets it when it is done. */
  changed(transactionalId: string, transaction: Transaction | null): void {
    if (transaction !== null && isPrepared(transaction)) this.#begin(transactionalId, transaction);
    else this.#forget(transactionalId, true);
  }

  /** Takes up what a replay found, and forgets what it did not find. */
  restart(all: Iterable<NamedTransaction>): void {
    const prepared = new Map<string, Transaction>();
    for (const { transactionalId, transaction } of all) {
      if (isPrepared(transaction)) prepared.set(transactionalId, transaction);
    }
    for (const [transactionalId, completion] of this.#completions) {
      const found = prepared.get(transactionalId);
      // What goes on with the same decision keeps its attempt under way: there must not be two.
      if (found !== undefined && isSameDecision(found, completion.transaction)) {
        prepared.delete(transactionalId);
      } else {
        this.#forget(transactionalId, false);
      }
    }
    for (const [transactionalId, transaction] of prepared)
      this.#begin(transactionalId, transaction);
  }

  /** Resolves to true when nothing is left to be carried out for the id, to false when that takes longer. */
  settled(transactionalId: string, waitMs: number): Promise<boolean> {
    const completion = this.#completions.get(transactionalId);
    if (completion === undefined) return Promise.resolve(!this.#isClosed);
    return new Promise((resolve) => {
      const settle = (isDone: boolean): void => {
        timer.cancel();
        completion.waiters.delete(settle);
        resolve(isDone);
      };
      const timer = this.#options.clock.after(waitMs, () => settle(false));
      completion.waiters.add(settle);
    });
  }

  /** Begins nothing more; resolves when what is under way has settled. The next start goes on from there. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#retries.clear();
    for (const transactionalId of this.#completions.keys()) this.#forget(transactionalId, false);
    await Promise.all(this.#attempts);
  }

  #begin(transactionalId: string, transaction: Transaction): void {
    if (this.#isClosed) return;
    const completion: Completion = {
      transaction,
      partitions: partitionList(transaction.partitions),
      groups: [...transaction.groups],
      retryMs: retryMsMin,
      waiters: new Set(),
    };
    this.#completions.set(transactionalId, completion);
    this.#run(this.#attempt(transactionalId, completion));
  }

  #forget(transactionalId: string, isDone: boolean): void {
    const completion = this.#completions.get(transactionalId);
    if (completion === undefined) return;
    this.#completions.delete(transactionalId);
    this.#retries.cancel(transactionalId);
    for (const settle of completion.waiters) settle(isDone);
  }

  #run(work: Promise<void>): void {
    const attempt = work.finally(() => this.#attempts.delete(attempt));
    this.#attempts.add(attempt);
  }

  async #attempt(transactionalId: string, completion: Completion): Promise<void> {
    const { coordinator, commands } = this.#options;
    // The decision is just being applied; what waits for its append comes after that.
    await Promise.resolve();
    try {
      await coordinator.query(() => undefined);
    } catch (error) {
      // It is lost, or a replay is about to tell: a completion that outlives that is of a durable decision.
      this.#retry(transactionalId, completion, error);
      return;
    }
    if (!this.#isCurrent(transactionalId, completion)) return;
    const [markers, ends] = await Promise.all([
      this.#writeMarkers(completion),
      this.#settleGroups(completion),
    ]);
    completion.partitions = markers.failed;
    completion.groups = ends.failed;
    if (!this.#isCurrent(transactionalId, completion)) return;
    if (markers.failed.length + ends.failed.length > 0) {
      this.#retry(transactionalId, completion, markers.error ?? ends.error);
      return;
    }
    try {
      await coordinator.run(commands.complete(transactionalId, completion.transaction));
    } catch (error) {
      this.#retry(transactionalId, completion, error);
    }
  }

  #retry(transactionalId: string, completion: Completion, error: unknown): void {
    if (!this.#isCurrent(transactionalId, completion)) return;
    // One line for all that failed: a transaction may have thousands of partitions.
    const { partitions, groups } = completion;
    const facts = { transactionalId, partitions: partitions.length, groups: groups.length };
    this.#options.logger.warn({ err: error, ...facts }, "a transaction cannot be completed yet");
    if (this.#options.coordinator.state === "failed") {
      this.#forget(transactionalId, false);
      return;
    }
    const { retryMs } = completion;
    completion.retryMs = Math.min(2 * retryMs, retryMsMax);
    this.#retries.set(transactionalId, retryMs, () => {
      this.#run(this.#attempt(transactionalId, completion));
    });
  }

  #writeMarkers({ transaction, partitions }: Completion): Promise<Tried<TopicPartition>> {
    const { producerId, producerEpoch, state } = transaction;
    const isCommit = state === "PrepareCommit";
    const marker = { producerId, producerEpoch, coordinatorEpoch: 0, isCommit };
    return tryEach(partitions, (place) => this.#options.markers.appendMarker(place, marker));
  }

  #settleGroups({ transaction, groups }: Completion): Promise<Tried<string>> {
    const isCommit = transaction.state === "PrepareCommit";
    return tryEach(groups, (group) => {
      return this.#options.offsets.endTransaction(group, transaction, isCommit);
    });
  }

  #isCurrent(transactionalId: string, completion: Completion): boolean {
    return this.#completions.get(transactionalId) === completion;
  }
}

/** One that fails does not keep the others from being tried. */
async function tryEach<Item>(
  items: readonly Item[],
  work: (item: Item) => Promise<void>,
): Promise<Tried<Item>> {
  const failed: Item[] = [];
  let error: unknown = null;
  const tryOne = async (item: Item): Promise<void> => {
    try {
      await work(item);
    } catch (cause) {
      if (hasNothingToEnd(cause)) return;
      failed.push(item);
      error ??= cause;
    }
  };
  await mapParallel(items, { limit: atOnce, work: tryOne });
  return { failed, error };
}

function isSameDecision(one: Transaction, other: Transaction): boolean {
  return one.state === other.state && isSameProducer(one, other);
}

/** The partition is gone, or has records of a newer epoch, which it takes only when no transaction is open. */
function hasNothingToEnd(error: unknown): boolean {
  if (!(error instanceof LogError)) return false;
  return error.code === "UNKNOWN_TOPIC_OR_PARTITION" || error.code === "INVALID_PRODUCER_EPOCH";
}

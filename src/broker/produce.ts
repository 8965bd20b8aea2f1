// Produce: appends to many partitions, bounded in memory, answered when each append is as safe as was asked for.

import type { ByteBudget } from "../base/byte-budget.ts";
import type { Clock } from "../base/clock.ts";
import { Deadlines } from "../base/deadlines.ts";
import { LogError } from "../base/error.ts";
import type { PendingAppend } from "../log/log-types.ts";
import type {
  ProducePartition,
  ProducePartitionResult,
  ProduceRequest,
  RequiredAcks,
} from "../services.ts";
import type { DiskWatch } from "./disk-watch.ts";
import type { Partition } from "./partition.ts";
import { isInternalTopicName } from "./topic-name.ts";
import { type Topics, unknownPartition } from "./topics.ts";
import type { TransactionGate } from "./transaction-gate.ts";

/** What the producer of a process works with. */
export interface ProducerOptions {
  readonly topics: Topics;
  readonly clock: Clock;
  /** Bytes appended and not yet as safe as asked for. */
  readonly budget: ByteBudget;
  /** Says whether transactional batches belong to a transaction under way. */
  readonly gate: TransactionGate;
  /** Says whether there is room, and whether the disk answers. */
  readonly disk: Pick<DiskWatch, "refusalOf" | "took">;
  /** How long an answer may wait for the disk. */
  readonly timeoutMs: number;
  /** Hears how long an append of a request took until its answer, in milliseconds. Must not throw. */
  readonly onAnswered: (durationMs: number) => void;
}

/** An append under way, or the reason why there is none. */
interface Attempt {
  readonly request: ProducePartition;
  readonly partition: Partition | null;
  readonly pending: PendingAppend | null;
  readonly error: LogError | null;
  readonly appendTimeMs: number;
  /** The answer waits for a sync, not only for the write. */
  readonly needsSync: boolean;
}

/** What has come of the attempts so far, in their order. */
interface Settling {
  readonly failures: (LogError | null)[];
}

/** Appends for clients. */
export class Producer {
  readonly #options: ProducerOptions;
  readonly #deadlines: Deadlines;

  /** @param options Topics, clock and bound. */
  constructor(options: ProducerOptions) {
    this.#options = options;
    this.#deadlines = new Deadlines(options.clock, options.timeoutMs);
  }

  /**
   * Appends every partition's batches in the order of the request, each partition's all or none.
   *
   * @returns One result a partition, in request order. REQUEST_TIMED_OUT where the disk has not answered in time: it
   *          may still be appended, or be there already.
   * @throws INVALID_REQUIRED_ACKS; SERVER_OVERLOADED when no room came up in time, SERVER_STOPPING: nothing was
   *         appended then.
   */
  async produce(request: ProduceRequest): Promise<readonly ProducePartitionResult[]> {
    const { clock, budget, disk, onAnswered } = this.#options;
    const { acks } = request;
    if (acks !== 0 && acks !== 1 && acks !== -1) {
      throw new LogError("INVALID_REQUIRED_ACKS", `acks is 0, 1 or -1 (all), not ${String(acks)}`);
    }
    const startedMs = clock.monotonicMs();
    const heldBytes = bytesOf(request);
    if (!budget.tryTake(heldBytes)) await budget.take(heldBytes);
    const transactionalId = request.transactionalId ?? null;
    const attempts = request.partitions.map((part) =>
      this.#append(part, { acks, transactionalId }),
    );
    disk.took(heldBytes);
    const settling: Settling = { failures: [] };
    const settled = this.#settle(attempts, settling, heldBytes);
    if (acks === 0) return attempts.map((attempt) => resultOf(attempt, null));
    await this.#deadlines.within(settled);
    onAnswered(clock.monotonicMs() - startedMs);
    const { failures } = settling;
    return attempts.map((attempt, index) => {
      const failure = failures[index];
      return resultOf(attempt, failure === undefined ? this.#timedOut() : failure);
    });
  }

  /** From now on answers wait for the disk however long it takes: it is about to be closed. */
  close(): void {
    this.#deadlines.close();
  }

  #timedOut(): LogError {
    const detail = `the disk has not answered within ${this.#options.timeoutMs} ms; it may do so later`;
    return new LogError("REQUEST_TIMED_OUT", detail);
  }

  #append(
    request: ProducePartition,
    how: { readonly acks: RequiredAcks; readonly transactionalId: string | null },
  ): Attempt {
    const { topics, clock, gate, disk } = this.#options;
    const { acks, transactionalId } = how;
    const { topic, partition: number } = request;
    const partition = topics.findPartition(topic, number);
    const nowMs = clock.nowMs();
    // Where the topic's high watermark is the written end, acks=all waits for no more than that.
    const needsSync = acks === -1 && partition?.durability !== "os";
    const base = { request, partition, pending: null, error: null, appendTimeMs: -1, needsSync };
    if (isInternalTopicName(topic)) return { ...base, error: internalTopic(topic) };
    if (partition === null) {
      const detail = unknownPartition(topic, number);
      return { ...base, error: new LogError("UNKNOWN_TOPIC_OR_PARTITION", detail) };
    }
    const refusal = disk.refusalOf(partition);
    if (refusal !== null) return { ...base, error: refusal };
    try {
      const pending = partition.append({
        batches: request.batches,
        expectedEndOffset: request.expectedEndOffset,
        nowMs,
        options: { needsSync },
        transactionalId,
        gate,
      });
      const appendTimeMs = partition.rules.usesAppendTime ? pending.maxTimestampMs : -1;
      return { ...base, pending, appendTimeMs };
    } catch (error) {
      if (!(error instanceof LogError)) throw error;
      return { ...base, error };
    }
  }

  /** Resolves when every append is as safe as asked for, or has failed. Never rejects with a LogError. */
  async #settle(
    attempts: readonly Attempt[],
    { failures }: Settling,
    heldBytes: number,
  ): Promise<void> {
    try {
      // One after the other: all are under way already, and the promises may be ignored until their turn.
      for (const attempt of attempts) failures.push(await failureOf(attempt));
    } finally {
      this.#options.budget.give(heldBytes);
    }
  }
}

function bytesOf(request: ProduceRequest): number {
  let total = 0;
  for (const partition of request.partitions) {
    for (const batch of partition.batches) total += batch.length;
  }
  return total;
}

async function failureOf({ pending, needsSync }: Attempt): Promise<LogError | null> {
  try {
    if (pending !== null) await (needsSync ? pending.durable : pending.written);
    return null;
  } catch (error) {
    if (error instanceof LogError) return error;
    throw error;
  }
}

function resultOf(attempt: Attempt, failure: LogError | null): ProducePartitionResult {
  const { request, partition, pending } = attempt;
  const error = attempt.error ?? failure;
  const positions = partition?.positions() ?? null;
  const { topic, partition: number } = request;
  const isAppended = error === null && pending !== null;
  const expectedSequence = numberOf(error, "expectedSequence");
  return {
    topic,
    partition: number,
    error: error?.code ?? null,
    detail: error?.message ?? null,
    recordIndex: numberOf(error, "index"),
    isDuplicate: isAppended && pending.isDuplicate,
    baseOffset: isAppended ? pending.baseOffset : -1,
    logAppendTimeMs: isAppended ? attempt.appendTimeMs : -1,
    logStartOffset: positions?.logStartOffset ?? -1,
    // At the time of the refusal, for OFFSET_MISMATCH: the error's own fact, not where the log has got to since.
    logEndOffset: numberOf(error, "logEndOffset") ?? positions?.logEndOffset ?? -1,
    ...(expectedSequence === null ? {} : { expectedSequence }),
    durability: attempt.needsSync ? "fsync" : "written",
  };
}

function numberOf(error: LogError | null, fact: string): number | null {
  const value = error?.facts[fact];
  return typeof value === "number" ? value : null;
}

function internalTopic(topic: string): LogError {
  return new LogError(
    "TOPIC_AUTHORIZATION_FAILED",
    `topic '${topic}' is written by the server only`,
  );
}

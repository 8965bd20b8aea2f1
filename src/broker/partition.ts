// One partition as clients meet it: its log, the rules of its topic, and those who wait for it to move.
//
// A partition outlives its log: one whose log could not be opened answers with the reason, one whose topic was deleted
// answers that it is unknown. Whoever holds it across an await sees either, never another topic of the same name.

import { LogError } from "../base/error.ts";
import type { AppendOptions, Log } from "../log/log.ts";
import type { LogDamage } from "../log/log-scrub.ts";
import type { Durability, LogHealth, LogPositions, PendingAppend } from "../log/log-types.ts";
import { markerBatchBytes, type TransactionMarker } from "../record/control-batch.ts";
import type { ActiveProducer, IsolationLevel, PartitionDescription } from "../services.ts";
import { prepareBatches } from "./append-check.ts";
import { ReadableBytes } from "./readable-bytes.ts";
import type { AppendRules, TopicSettings } from "./topic-config.ts";
import { checkAtGate, isTransactionalBatch, type TransactionGate } from "./transaction-gate.ts";
import { type Waiter, WaiterSet } from "./waiters.ts";

/** What a partition is made of. */
export interface PartitionOptions {
  readonly topic: string;
  readonly partition: number;
  /** Its open log; null when it could not be opened. */
  readonly log: Log | null;
  /** Why there is no log; null when there is one. */
  readonly problem: string | null;
  readonly settings: TopicSettings;
}

/** One client's append to one partition. */
export interface PartitionAppend {
  /** Whole v2 batches, one or more back to back in each array. The log owns the bytes from the call on. */
  readonly batches: readonly Uint8Array[];
  /** Refuses unless the log ends exactly here; null does not ask. */
  readonly expectedEndOffset: number | null;
  readonly nowMs: number;
  readonly options: AppendOptions;
  /** Whose transaction transactional batches belong to; null when the request does not say. */
  readonly transactionalId: string | null;
  /** Says whether they belong to it. */
  readonly gate: TransactionGate;
}

/** Positions of a partition without a log. */
const noPositions: LogPositions = {
  logStartOffset: -1,
  lastStableOffset: -1,
  highWatermark: -1,
  logEndOffset: -1,
};

/** A partition: appends are checked here, fetches wait here. */
export class Partition {
  readonly topic: string;
  readonly partition: number;
  readonly #log: Log | null;
  readonly #problem: string | null;
  readonly #waiters = new WaiterSet();
  #rules: AppendRules;
  #durability: Durability;
  #isDeleted = false;
  readonly #readable: ReadableBytes;
  readonly #committed: ReadableBytes;

  /** @param options The log or the reason for its absence. */
  constructor(options: PartitionOptions) {
    this.topic = options.topic;
    this.partition = options.partition;
    this.#log = options.log;
    this.#problem = options.problem;
    this.#rules = options.settings.append;
    this.#durability = options.settings.log.durability;
    const { highWatermark, lastStableOffset } = this.positions();
    this.#readable = new ReadableBytes(highWatermark);
    this.#committed = new ReadableBytes(lastStableOffset);
    this.#log?.onAdvance(() => this.#advanced());
  }

  /** `<topic>-<partition>`: the name of its directory. */
  get directoryName(): string {
    return `${this.topic}-${this.partition}`;
  }

  /** Bytes that became readable since the process started, for readers of this isolation; never shrinks. */
  readableBytes(isolation: IsolationLevel): number {
    return isolation === "read_committed" ? this.#committed.total : this.#readable.total;
  }

  /** True until the topic is deleted. */
  get isLive(): boolean {
    return !this.#isDeleted;
  }

  /** How many fetches wait. */
  get waiterCount(): number {
    return this.#waiters.count;
  }

  /** The rules appends obey now. */
  get rules(): AppendRules {
    return this.#rules;
  }

  /** When records of the partition become readable. */
  get durability(): Durability {
    return this.#durability;
  }

  /** The log whatever the state of the partition; null when it could not be opened. */
  get logOrNull(): Log | null {
    return this.#log;
  }

  /**
   * The log, to read from.
   * @throws UNKNOWN_TOPIC_OR_PARTITION when the topic was deleted, KAFKA_STORAGE_ERROR when the log is not there.
   */
  log(): Log {
    if (this.#isDeleted) throw this.#error("UNKNOWN_TOPIC_OR_PARTITION", "was deleted");
    if (this.#log === null) throw this.#error("KAFKA_STORAGE_ERROR", this.#problem ?? "has no log");
    return this.#log;
  }

  /** The positions now; all -1 when there is no log. */
  positions(): LogPositions {
    return this.#log === null ? noPositions : this.#log.positions();
  }

  /**
   * Checks batches against the topic's rules and appends them in the same turn, so that nothing comes between the check
   * of `expectedEndOffset` and the append.
   *
   * @throws OFFSET_MISMATCH, MESSAGE_TOO_LARGE, CORRUPT_MESSAGE, INVALID_RECORD, INVALID_TIMESTAMP,
   *         UNSUPPORTED_COMPRESSION_TYPE, SERVER_OVERLOADED, KAFKA_STORAGE_ERROR, UNKNOWN_TOPIC_OR_PARTITION,
   *         OUT_OF_ORDER_SEQUENCE_NUMBER, INVALID_PRODUCER_EPOCH, INVALID_TXN_STATE, what the gate answers; nothing was
   *         appended then.
   */
  append(request: PartitionAppend): PendingAppend {
    const log = this.log();
    this.#checkEndOffset(log, request.expectedEndOffset);
    const batches = prepareBatches(request.batches, this.#rules, request.nowMs);
    if (batches.some(isTransactionalBatch) && !log.isDuplicate(batches)) {
      const { gate, transactionalId } = request;
      const { topic, partition } = this;
      checkAtGate(gate, batches, { transactionalId, place: { topic, partition } });
    }
    const pending = log.append(batches, request.options);
    let bytes = 0;
    for (const batch of batches) bytes += batch.length;
    this.#count(pending, bytes);
    return pending;
  }

  /**
   * Ends a producer's transaction in this partition; resolves when the marker is durable.
   *
   * @throws UNKNOWN_TOPIC_OR_PARTITION when the topic was deleted; INVALID_PRODUCER_EPOCH,
   *         TRANSACTION_COORDINATOR_FENCED, DISK_FULL, SERVER_OVERLOADED, KAFKA_STORAGE_ERROR
   */
  async appendMarker(marker: TransactionMarker, nowMs: number): Promise<void> {
    const pending = this.log().appendMarker(marker, nowMs);
    this.#count(pending, markerBatchBytes);
    await pending.durable;
  }

  /** The producers it remembers, by id. @throws as `log` */
  describeProducers(): readonly ActiveProducer[] {
    const producers = Array.from(this.log().producers(), (entry) => ({
      producerId: entry.producerId,
      producerEpoch: entry.producerEpoch,
      lastSequence: entry.batches.at(-1)?.lastSequence ?? -1,
      lastTimestampMs: entry.lastTimestampMs,
      coordinatorEpoch: entry.coordinatorEpoch,
      currentTransactionStart: entry.currentTransactionStart,
    }));
    return producers.sort((one, other) => one.producerId - other.producerId);
  }

  /** Tells a waiter whenever the partition moved, failed or was deleted. */
  addWaiter(waiter: Waiter): void {
    this.#waiters.add(waiter);
  }

  /** Stops telling a waiter. */
  removeWaiter(waiter: Waiter): void {
    this.#waiters.remove(waiter);
  }

  /** New settings of the topic, in force from the next append on. */
  configure(settings: TopicSettings): void {
    this.#rules = settings.append;
    this.#durability = settings.log.durability;
    this.#log?.configure(settings.log);
  }

  /** Numbers for a description of the topic; offsets are -1 when there is no log. */
  async describe(): Promise<PartitionDescription> {
    const sizeBytes = this.#log === null ? 0 : await this.#log.sizeBytes();
    const segmentCount = this.#log === null ? 0 : this.#log.segmentCount();
    const { logStartOffset, highWatermark, logEndOffset } = this.positions();
    const offsets = { logStartOffset, highWatermark, logEndOffset };
    const damage = this.damage().map(({ position, fromOffset, toOffset, what, file }) => {
      return { file: file.slice(file.lastIndexOf("/") + 1), position, fromOffset, toOffset, what };
    });
    return { partition: this.partition, ...offsets, sizeBytes, segmentCount, damage };
  }

  /** Damaged places of sealed segments that are known. */
  damage(): readonly LogDamage[] {
    return this.#log?.damage() ?? [];
  }

  /** How healthy the partition is. */
  health(): LogHealth {
    if (this.#log !== null) return this.#log.health();
    return { state: "failed", detail: this.#problem ?? "has no log" };
  }

  /** From now on the partition is unknown; everybody who waits is told. The log stays open. */
  markDeleted(): void {
    this.#isDeleted = true;
    this.#waiters.notifyAll();
  }

  #advanced(): void {
    const { highWatermark, lastStableOffset } = this.positions();
    this.#readable.advancedTo(highWatermark);
    this.#committed.advancedTo(lastStableOffset);
    this.#waiters.notifyAll();
  }

  #count({ baseOffset, nextOffset, isDuplicate }: PendingAppend, bytes: number): void {
    if (isDuplicate) return;
    this.#readable.appended({ baseOffset, nextOffset, bytes });
    this.#committed.appended({ baseOffset, nextOffset, bytes });
  }

  #checkEndOffset(log: Log, expectedEndOffset: number | null): void {
    if (expectedEndOffset === null) return;
    const { logEndOffset } = log.positions();
    if (logEndOffset === expectedEndOffset) return;
    throw new LogError(
      "OFFSET_MISMATCH",
      `partition ${this.directoryName} ends at ${logEndOffset}, not at ${expectedEndOffset}`,
      { facts: { topic: this.topic, partition: this.partition, logEndOffset } },
    );
  }

  #error(code: "UNKNOWN_TOPIC_OR_PARTITION" | "KAFKA_STORAGE_ERROR", reason: string): LogError {
    return new LogError(code, `partition ${this.directoryName} ${reason}`, {
      facts: { topic: this.topic, partition: this.partition },
    });
  }
}

// A producer: many records go out in few requests, in order within each partition, in bounded memory.

import type { Clock } from "../base/clock.ts";
import { partitionForKey } from "../base/murmur2.ts";
import type { Random } from "../base/random.ts";
import { hasCode, VarveError } from "./errors.ts";
import type { HttpTransport } from "./http-transport.ts";
import {
  initProducerId,
  type PartitionAppend,
  type ProduceRequest,
  produceToPartition,
} from "./produce-call.ts";
import { haltError, type Parcel, ProduceLanes } from "./produce-lanes.ts";
import {
  type ProducerOptions,
  type ProducerSettings,
  producerSettings,
} from "./producer-options.ts";
import { ProducerSequences } from "./producer-sequences.ts";
import {
  bytesOf,
  checkRecord,
  recordBytes,
  type RecordInput,
  type RecordPlace,
} from "./records.ts";
import { type TopicDetails, TopicsClient } from "./topics-client.ts";

/** What a producer works with. */
export interface ProducerContext {
  readonly transport: HttpTransport;
  readonly clock: Clock;
  readonly random: Random;
  /** Called when the producer has been closed. */
  readonly onClosed: () => void;
}

/** One call of `send` or `sendAll`: where its records went, as the parcels come in. */
interface Job {
  readonly records: readonly RecordInput[];
  readonly places: RecordPlace[];
  pending: number;
  bytes: number;
  error: VarveError | null;
  readonly resolve: (places: readonly RecordPlace[]) => void;
  readonly reject: (error: VarveError) => void;
}

/**
 * Sends records of one topic.
 *
 * Records for one partition are stored in the order of the calls. Keys choose the partition as in every Kafka client;
 * records without a key fill one partition's request after the other. A failed record does not hold back those behind
 * it unless `haltOnError` is set.
 */
export class Producer {
  readonly #settings: ProducerSettings;
  readonly #onClosed: () => void;
  readonly #transport: HttpTransport;
  readonly #topics: TopicsClient;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #lanes: ProduceLanes;
  /** Null where sending again is not safe. */
  readonly #sequences: ProducerSequences | null;
  readonly #jobs = new Set<Job>();
  /** Bytes in one request, as the topic takes them. */
  #batchBytesMax: number;
  #unrouted: Job[] = [];
  #bufferedBytes = 0;
  #roomWaiters: (() => void)[] = [];
  #idleWaiters: { readonly jobs: Set<Job>; readonly resolve: () => void }[] = [];
  #partitionCount: number | null = null;
  #learnedAtMs = 0;
  #isLearning = false;
  #stickyPartition: number | null = null;
  #isClosed = false;

  /** @param options Topic and packing; @param context The producer's surroundings. */
  constructor(options: ProducerOptions, context: ProducerContext) {
    const settings = producerSettings(options);
    this.#settings = settings;
    this.#onClosed = context.onClosed;
    this.#transport = context.transport;
    this.#topics = new TopicsClient(context.transport);
    this.#clock = context.clock;
    this.#random = context.random;
    this.#sequences = settings.idempotent
      ? new ProducerSequences(() => initProducerId(context.transport))
      : null;
    this.#batchBytesMax = settings.batchBytesMax;
    this.#lanes = new ProduceLanes({
      ...settings,
      clock: context.clock,
      deliver: (partition, records) => this.#deliver(partition, records),
    });
  }

  /** Bytes of records not yet acknowledged, about. */
  get bufferedBytes(): number {
    return this.#bufferedBytes;
  }

  /**
   * Sends one record. Resolves when it is acknowledged as `acks` says. The record's bytes must not change until then.
   *
   * @throws BUFFER_FULL when the buffer has no room: await `ready()` before sending in a loop.
   * @throws PRODUCER_HALTED, CLIENT_CLOSED, or what became of the request.
   */
  async send(record: RecordInput): Promise<RecordPlace> {
    const [place] = await this.sendAll([record]);
    return place ?? { partition: -1, offset: -1 };
  }

  /**
   * Sends records. Resolves to their places, in the order given, when all are acknowledged.
   *
   * @throws As `send`; when some records failed and others did not, the first failure, after all have been settled.
   */
  sendAll(records: readonly RecordInput[]): Promise<readonly RecordPlace[]> {
    return new Promise((resolve, reject) => {
      let bytes = 0;
      for (const record of records) {
        checkRecord(record);
        bytes += recordBytes(record);
      }
      const refusal = this.#refusal(bytes);
      if (refusal !== null) throw refusal;
      if (records.length === 0) {
        resolve([]);
        return;
      }
      const job: Job = {
        records,
        places: [],
        pending: records.length,
        bytes,
        error: null,
        resolve,
        reject,
      };
      this.#jobs.add(job);
      this.#bufferedBytes += bytes;
      this.#accept(job);
    });
  }

  /** Resolves when the buffer is less than half full, or empty if half of it is not enough for `bytes` more. */
  async ready(bytes = 0): Promise<void> {
    const bytesMax = this.#settings.bufferBytesMax;
    while (this.#bufferedBytes > Math.max(0, Math.min(bytesMax / 2, bytesMax - bytes))) {
      await new Promise<void>((resolve) => this.#roomWaiters.push(resolve));
    }
  }

  /** Sends what waits without lingering; resolves when everything sent before this call has been settled. */
  async flush(): Promise<void> {
    if (this.#jobs.size === 0) return;
    const settled = new Promise<void>((resolve) => {
      this.#idleWaiters.push({ jobs: new Set(this.#jobs), resolve });
    });
    this.#lanes.hurry();
    await settled;
  }

  /** Flushes and refuses further records. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await this.flush();
    this.#onClosed();
  }

  #refusal(bytes: number): VarveError | null {
    if (this.#isClosed) {
      return new VarveError("the producer is closed", { code: "CLIENT_CLOSED" });
    }
    if (this.#lanes.haltedBy !== null) return haltError(this.#lanes.haltedBy);
    const { bufferBytesMax } = this.#settings;
    if (this.#bufferedBytes === 0 || this.#bufferedBytes + bytes <= bufferBytesMax) return null;
    const detail = `the buffer holds ${this.#bufferedBytes} of ${bufferBytesMax} bytes; await ready() before sending`;
    return new VarveError(detail, { code: "BUFFER_FULL", retriable: true });
  }

  #accept(job: Job): void {
    const ageMs = this.#clock.monotonicMs() - this.#learnedAtMs;
    const isOld = ageMs > this.#settings.partitionsAgeMsMax;
    if (this.#partitionCount === null || this.#unrouted.length > 0) {
      this.#unrouted.push(job);
      if (!this.#isLearning) void this.#learn();
      return;
    }
    // An old count still serves while a new one is fetched: only the choice of later records changes.
    if (isOld && !this.#isLearning) void this.#learn();
    this.#route(job, this.#partitionCount);
  }

  /** Asks for the partition count and routes what waited for it. Never rejects. */
  async #learn(): Promise<void> {
    this.#isLearning = true;
    try {
      do {
        const topic = await this.#askTopic();
        if (topic === null) await this.#createByProducing();
        else this.#learned(topic);
      } while (this.#unrouted.length > 0);
    } catch (cause) {
      this.#failUnrouted(cause as VarveError);
    } finally {
      this.#isLearning = false;
    }
  }

  async #askTopic(): Promise<TopicDetails | null> {
    try {
      return await this.#topics.describe(this.#settings.topic);
    } catch (error) {
      if (hasCode(error, "UNKNOWN_TOPIC_OR_PARTITION")) return null;
      throw error;
    }
  }

  #learned({ partitions, config }: TopicDetails): void {
    const count = partitions.length;
    this.#partitionCount = count;
    this.#fitBatches(Number(config["max.message.bytes"]?.value));
    this.#learnedAtMs = this.#clock.monotonicMs();
    if ((this.#stickyPartition ?? 0) >= count) this.#stickyPartition = null;
    const jobs = this.#unrouted;
    this.#unrouted = [];
    for (const job of jobs) this.#route(job, count);
    if (this.#idleWaiters.length > 0) this.#lanes.hurry();
  }

  // An idempotent request is one batch, which must not be larger than the topic takes.
  #fitBatches(topicBytesMax: number): void {
    if (this.#sequences === null || Number.isNaN(topicBytesMax)) return;
    const fitting = Math.max(1, Math.floor(topicBytesMax * batchShare) - batchHeaderBytes);
    this.#batchBytesMax = Math.min(this.#settings.batchBytesMax, fitting);
    this.#lanes.limitBytes(this.#batchBytesMax);
  }

  /** The first record of a topic that does not exist yet goes alone: where the server allows it, it makes the topic. */
  async #createByProducing(): Promise<void> {
    const job = this.#unrouted[0];
    if (job === undefined) return;
    await new Promise<void>((resolve) => {
      const index = firstUnplaced(job);
      const record = job.records[index] as RecordInput;
      const parcel = this.#parcel(job, [index], recordBytes(record));
      // A sequence needs a partition, and nobody knows yet which one a key leads to.
      const isAnywhere = this.#sequences !== null && (record.key ?? null) === null;
      this.#lanes.add(isAnywhere ? (record.partition ?? 0) : null, {
        ...parcel,
        succeed: (partition, baseOffset) => {
          parcel.succeed(partition, baseOffset);
          if (job.pending === 0) this.#unrouted.shift();
          resolve();
        },
        fail: (error) => {
          this.#unrouted.shift();
          for (let left = job.pending; left > 0; left--) this.#failOne(job, error);
          resolve();
        },
      });
      this.#lanes.hurry();
    });
  }

  #failUnrouted(error: VarveError): void {
    if (this.#settings.haltOnError) this.#lanes.halt(error);
    const jobs = this.#unrouted;
    this.#unrouted = [];
    for (const job of jobs)
      for (let left = job.pending; left > 0; left--) this.#failOne(job, error);
  }

  #route(job: Job, partitionCount: number): void {
    const byPartition = new Map<number, number[]>();
    const keyless: number[] = [];
    for (let index = firstUnplaced(job); index < job.records.length; index++) {
      const record = job.records[index];
      if (record === undefined) continue;
      const partition = partitionOf(record, partitionCount);
      const indexes = partition === null ? keyless : byPartition.get(partition);
      if (indexes !== undefined) indexes.push(index);
      else if (partition !== null) byPartition.set(partition, [index]);
    }
    for (const [partition, indexes] of byPartition) {
      for (const part of this.#split(job, indexes)) this.#lanes.add(partition, part);
    }
    for (const part of this.#split(job, keyless)) {
      const sticky = this.#stickyPartition ?? this.#random.below(partitionCount);
      const isFull = this.#lanes.add(sticky, part);
      this.#stickyPartition = isFull ? (sticky + 1) % partitionCount : sticky;
    }
  }

  #split(job: Job, indexes: readonly number[]): readonly Parcel[] {
    const recordsMax = this.#settings.batchRecordsMax;
    const bytesMax = this.#batchBytesMax;
    const parcels: Parcel[] = [];
    let part: number[] = [];
    let bytes = 0;
    for (const index of indexes) {
      const more = recordBytes(job.records[index] as RecordInput);
      if (part.length > 0 && (part.length >= recordsMax || bytes + more > bytesMax)) {
        parcels.push(this.#parcel(job, part, bytes));
        part = [];
        bytes = 0;
      }
      part.push(index);
      bytes += more;
    }
    if (part.length > 0) parcels.push(this.#parcel(job, part, bytes));
    return parcels;
  }

  #parcel(job: Job, indexes: readonly number[], bytes: number): Parcel {
    const records = indexes.map((index) => job.records[index] as RecordInput);
    return {
      records,
      bytes,
      succeed: (partition, baseOffset) => {
        indexes.forEach((index, at) => {
          const offset = baseOffset < 0 ? -1 : baseOffset + at;
          job.places[index] = { partition, offset };
          this.#settleOne(job);
        });
      },
      fail: (error) => {
        for (let left = indexes.length; left > 0; left--) this.#failOne(job, error);
      },
    };
  }

  #failOne(job: Job, error: VarveError): void {
    // What really happened matters more than that the rest was then not sent.
    if (job.error === null || job.error.code === "PRODUCER_HALTED") job.error = error;
    this.#settleOne(job);
  }

  #settleOne(job: Job): void {
    job.pending--;
    if (job.pending > 0) return;
    this.#jobs.delete(job);
    this.#bufferedBytes -= job.bytes;
    if (job.error === null) job.resolve(job.places);
    else job.reject(job.error);
    const waiters = this.#roomWaiters;
    this.#roomWaiters = [];
    for (const wake of waiters) wake();
    this.#idleWaiters = this.#idleWaiters.filter((waiter) => {
      waiter.jobs.delete(job);
      if (waiter.jobs.size === 0) waiter.resolve();
      return waiter.jobs.size > 0;
    });
  }

  async #deliver(partition: number | null, records: readonly RecordInput[]) {
    // Leaving the last keyless partition with its request spreads the next ones.
    if (partition === this.#stickyPartition && partition !== null) {
      this.#stickyPartition = (partition + 1) % (this.#partitionCount ?? 1);
    }
    try {
      return await this.#produce(partition, records);
    } catch (error) {
      // The topic may have been made anew with fewer partitions: ask before the next record.
      if (hasCode(error, "UNKNOWN_TOPIC_OR_PARTITION")) this.#partitionCount = null;
      throw error;
    }
  }

  #produce(partition: number | null, records: readonly RecordInput[]): Promise<PartitionAppend> {
    const { topic, acks, retryUnknown, deliveryTimeoutMs: retryForMs } = this.#settings;
    const request: ProduceRequest = { topic, records, acks, retryUnknown };
    if (partition === null) return produceToPartition(this.#transport, request);
    if (this.#sequences === null)
      return produceToPartition(this.#transport, { ...request, partition });
    return this.#sequences.send(partition, records.length, (producer) => {
      return produceToPartition(this.#transport, { ...request, partition, producer, retryForMs });
    });
  }
}

// What the server leaves a batch of a topic's largest size, whose codec may store it in a few bytes more.
const batchShare = 63 / 64;
const batchHeaderBytes = 61;

// Only the records that made a topic are placed before their job is routed, and they are its first.
function firstUnplaced(job: Job): number {
  return job.records.length - job.pending;
}

function partitionOf(record: RecordInput, partitionCount: number): number | null {
  if (record.partition !== undefined) return record.partition;
  const key = record.key ?? null;
  return key === null ? null : partitionForKey(bytesOf(key), partitionCount);
}

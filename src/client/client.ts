// The client of a Varve server: MessagePack over kept-alive HTTP, typed, with retries that never store a record twice
// unless asked to. This file is the public export `varve/client`.

import { type Clock, foregroundClock } from "../base/clock.ts";
import { type Random, randomUuid, systemRandom } from "../base/random.ts";
import { BackupClient } from "./backup-client.ts";
import { VarveError } from "./errors.ts";
import { GroupConsumer, type GroupConsumerOptions } from "./group-consumer.ts";
import { GroupsClient } from "./groups-client.ts";
import { HttpTransport } from "./http-transport.ts";
import {
  initProducerId,
  type ProducerIdentity,
  type ProduceRequest,
  type ProduceResult,
  produce,
} from "./produce-call.ts";
import { Producer } from "./producer.ts";
import type { ProducerOptions } from "./producer-options.ts";
import { QueuesClient } from "./queues-client.ts";
import {
  type ConsumeOptions,
  type ReadReply,
  RecordReader,
  type ReadRequest,
  read,
} from "./record-reader.ts";
import { TopicsClient } from "./topics-client.ts";
import { Worker, type WorkerOptions } from "./worker.ts";

export type { BackupClient, BackupDetails } from "./backup-client.ts";
export { type ClientErrorCode, isVarveError, VarveError } from "./errors.ts";
export type { GroupConsumer, GroupConsumerOptions } from "./group-consumer.ts";
export type {
  AssignedTopic,
  CommitRequest,
  CommittedOffset,
  GroupDetails,
  GroupMember,
  GroupsClient,
  GroupSummary,
  OffsetToCommit,
  PollReply,
  PollRequest,
  ResetOffset,
  ResetRequest,
  TopicOffset,
} from "./groups-client.ts";
export { Rejection, RetryLater } from "./handling.ts";
export type { DeadLetter, MessageInput, OriginalPlace, QueueMessage } from "./messages.ts";
export type {
  Acks,
  ProducerIdentity,
  ProducerSequence,
  ProduceRequest,
  ProduceResult,
} from "./produce-call.ts";
export type { Producer } from "./producer.ts";
export type { ProducerOptions } from "./producer-options.ts";
export type {
  DeadReply,
  DeadRequest,
  Extend,
  Nack,
  QueueBackoff,
  QueueDetails,
  QueueSettings,
  QueuesClient,
  ReceiveRequest,
  RedriveRequest,
  Reject,
  SendOptions,
  SettleOptions,
  SettleRequest,
  SettleResult,
} from "./queues-client.ts";
export type { ConsumeOptions, ReadReply, ReadRequest, RecordReader } from "./record-reader.ts";
export type {
  BytesLike,
  ConsumedRecord,
  GroupRecord,
  Isolation,
  RecordInput,
  RecordPlace,
} from "./records.ts";
export type {
  PartitionDetails,
  PartitionOffset,
  TopicChanges,
  TopicConfig,
  TopicConfigValue,
  TopicDetails,
  TopicSettings,
  TopicsClient,
  TopicSummary,
} from "./topics-client.ts";
export type {
  HandlerContext,
  MessageHandler,
  Worker,
  WorkerCounts,
  WorkerFailure,
  WorkerOptions,
} from "./worker.ts";

/** How a client reaches its server; all but the URL may be left out. */
export interface ClientOptions {
  /** `http://host:port`, with a path when the server is behind one. */
  readonly url: string;
  /** Time for one attempt of a call, not counting its `waitMs`, in milliseconds. Default 30,000. */
  readonly timeoutMs?: number;
  /** How often a call may be sent again where that is safe. Default 5. */
  readonly retriesMax?: number;
  /** First pause before sending again; doubles up to 5 seconds. Default 100. */
  readonly backoffMs?: number;
  /** Connections at most; a held read takes one. Default 128. */
  readonly connectionsMax?: number;
  /** Shown by the server as the client of a group's member. Default `varve-client`. */
  readonly clientId?: string;
  /** Time, for tests. */
  readonly clock?: Clock;
  /** Randomness, for tests. */
  readonly random?: Random;
}

/** Whether a server is ready for requests. */
export interface ServerHealth {
  readonly isReady: boolean;
  /** Sentences, empty when all is well. */
  readonly problems: readonly string[];
}

/** The ways to use a server. Everything throws VarveError. */
export class VarveClient {
  /** Calls about topics. */
  readonly topics: TopicsClient;
  /** Single calls about consumer groups. */
  readonly groups: GroupsClient;
  /** Single calls about work queues. */
  readonly queues: QueuesClient;
  /** The backup of the server's data. */
  readonly backup: BackupClient;
  readonly #transport: HttpTransport;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #clientId: string;
  readonly #open = new Set<{ close(): Promise<void> }>();

  /** @param options Where the server is; see `createClient`. */
  constructor(options: ClientOptions) {
    this.#clock = options.clock ?? foregroundClock;
    this.#random = options.random ?? systemRandom;
    this.#clientId = options.clientId ?? "varve-client";
    this.#transport = new HttpTransport({
      url: options.url,
      timeoutMs: options.timeoutMs ?? 30_000,
      retriesMax: options.retriesMax ?? 5,
      backoffMs: options.backoffMs ?? 100,
      backoffMsMax: 5_000,
      connectionsMax: options.connectionsMax ?? 128,
      clientId: this.#clientId,
      clock: this.#clock,
      random: this.#random,
    });
    this.topics = new TopicsClient(this.#transport);
    this.groups = new GroupsClient(this.#transport);
    this.queues = new QueuesClient(this.#transport);
    this.backup = new BackupClient(this.#transport);
  }

  /**
   * Appends records in one request.
   *
   * When the outcome is unknown (`mayHaveApplied`) the request is not sent again, unless `ifOffsetMatch` or `producer`
   * makes that harmless or `retryUnknown` allows it.
   */
  produce(request: ProduceRequest): Promise<ProduceResult> {
    return produce(this.#transport, request);
  }

  /** Gets a producer id, for `produce` with sequences of the caller's own; a `producer` has one by itself. */
  initProducerId(): Promise<ProducerIdentity> {
    return initProducerId(this.#transport);
  }

  /** A producer that packs many records into few requests. Close it, or the client. */
  producer(options: ProducerOptions): Producer {
    const producer: Producer = new Producer(options, {
      transport: this.#transport,
      clock: this.#clock,
      random: this.#random,
      onClosed: () => this.#open.delete(producer),
    });
    this.#open.add(producer);
    return producer;
  }

  /** Reads records of one partition once. */
  read(request: ReadRequest): Promise<ReadReply> {
    return read(this.#transport, request);
  }

  /** Reads a topic without a group: `for await (const record of client.consume({ topic }))`. */
  consume(options: ConsumeOptions): RecordReader {
    return new RecordReader(options, { transport: this.#transport, clock: this.#clock });
  }

  /** Reads as a member of a group: `for await (const record of client.consumer({ group, topics }))`. */
  consumer(options: GroupConsumerOptions): GroupConsumer {
    const member = `${this.#clientId}-${randomUuid(this.#random)}`;
    const consumer: GroupConsumer = new GroupConsumer(options, {
      groups: this.groups,
      clock: this.#clock,
      member,
      onClosed: () => this.#open.delete(consumer),
    });
    this.#open.add(consumer);
    return consumer;
  }

  /** A worker on a queue: `await client.worker({ queue, handler }).run()`. Stop it, or close the client. */
  worker(options: WorkerOptions): Worker {
    const worker: Worker = new Worker(options, {
      queues: this.queues,
      clock: this.#clock,
      onClosed: () => this.#open.delete(worker),
    });
    this.#open.add(worker);
    return worker;
  }

  /** Asks the server whether it is ready. @throws CONNECT_FAILED and the like, not for a server that is not ready */
  async health(): Promise<ServerHealth> {
    try {
      await this.#transport.call({ method: "GET", path: "/readyz", resend: "unsent" });
      return { isReady: true, problems: [] };
    } catch (error) {
      if (!(error instanceof VarveError) || error.status !== 503) throw error;
      const problems = error.facts["problems"];
      const isList = Array.isArray(problems) && problems.length > 0;
      return { isReady: false, problems: isList ? problems.map(String) : [error.message] };
    }
  }

  /**
   * Flushes producers, lets group members commit and leave and workers finish, ends everything else and closes the
   * connections.
   */
  async close(): Promise<void> {
    await Promise.all([...this.#open].map((one) => one.close()));
    this.#open.clear();
    await this.#transport.close();
  }
}

/** Makes a client. Nothing is sent before the first call. @throws INVALID_REQUEST when the URL cannot be used */
export function createClient(options: ClientOptions): VarveClient {
  return new VarveClient(options);
}

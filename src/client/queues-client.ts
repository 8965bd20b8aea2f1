// Work queues over HTTP: the single calls. `worker.ts` is the consumer built on them.

import { invalidArgument } from "./errors.ts";
import type { HttpTransport, Resend } from "./http-transport.ts";
import { encodeBody } from "./message-pack.ts";
import {
  checkMessage,
  type DeadLetter,
  type MessageInput,
  messageToWire,
  type QueueMessage,
} from "./messages.ts";
import type { ProduceResult } from "./produce-call.ts";
import { isGoneAfterRetry, type PartitionOffset } from "./topics-client.ts";

/** How long a message that failed waits for its next delivery. */
export interface QueueBackoff {
  /** `fixed`: always `baseMs`; `exponential`: doubled with each delivery, up to `maxMs`. */
  readonly type: "fixed" | "exponential";
  readonly baseMs: number;
  readonly maxMs?: number;
  /** Share (0 to 1) of the wait that is drawn at random and taken off. */
  readonly jitter?: number;
}

/** What can be set of a queue; what is left out takes the server's default, or stays as it is. */
export interface QueueSettings {
  /** Where its messages are. Default: the queue's name. */
  readonly topic?: string;
  /** Where messages go that are given up. Default: the queue's name and `.dead`. */
  readonly deadLetterTopic?: string;
  /** How long a receiver has for a message before others get it. */
  readonly leaseMs?: number;
  /** After so many deliveries without an ack a message is given up. */
  readonly maxDeliveries?: number;
  readonly backoff?: QueueBackoff;
  /** `key`: messages of one key one after the other, in order. */
  readonly order?: "none" | "key";
  /** Where a new queue begins in its topic. */
  readonly from?: "earliest" | "latest";
  /** What becomes of messages whose `ttlMs` is over. */
  readonly expired?: "dead-letter" | "drop";
  /** Most messages that are not settled; null: no bound. */
  readonly maxDepth?: number | null;
  /** Most bytes of messages that are not settled; null: no bound. */
  readonly maxBytes?: number | null;
  /** What happens at a bound: senders are refused (QUEUE_FULL), or the oldest messages that nobody holds go. */
  readonly overflow?: "reject" | "drop-oldest" | "dead-letter";
  /** Most deliveries a second; null: no limit. */
  readonly rate?: number | null;
  /** Most messages in flight at once, over all receivers; null: no limit. */
  readonly concurrency?: number | null;
  /** How long a `dedupId` is remembered. */
  readonly dedupWindowMs?: number;
}

/** A queue in full: every setting as it is in force, and what is counted. */
export interface QueueDetails extends Required<QueueSettings> {
  readonly queue: string;
  readonly backoff: Required<QueueBackoff>;
  /** Messages that are not settled: waiting, delayed and in flight. */
  readonly depth: number;
  /** Their bytes, as stored before compression. */
  readonly bytes: number;
  /** Of them: leased now. */
  readonly inFlight: number;
  /** Of them: not to be delivered before a time. */
  readonly delayed: number;
  /** Dead letters that were not redriven. */
  readonly dead: number;
  /** Age of the oldest message that is not settled; null when there is none. */
  readonly oldestAgeMs: number | null;
  /** Counts since the queue was made; they survive restarts of the server. */
  readonly delivered: number;
  readonly acked: number;
  readonly nacked: number;
  /** Leases that were over before the message was settled. */
  readonly lapsed: number;
  /** Messages whose `ttlMs` was over first. */
  readonly expiredCount: number;
  /** Messages that went for lack of room. */
  readonly dropped: number;
  /** Means since an earlier look at the queue; null at the first. */
  readonly deliveredPerSecond: number | null;
  readonly ackedPerSecond: number | null;
}

/** What a send may ask besides its messages. */
export interface SendOptions {
  /** The partition of all messages; otherwise by key, or one of the server's choice. */
  readonly partition?: number;
  /**
   * Sends again also when the outcome of an attempt is unknown: the messages may then be stored twice. Default false.
   * Where every message has a `dedupId` a second attempt is harmless and always made.
   */
  readonly retryUnknown?: boolean;
  readonly signal?: AbortSignal | null;
}

/** One receive. */
export interface ReceiveRequest {
  /** Messages at most, 1 to 1,000. Default: the server's, 10. */
  readonly max?: number;
  /** How long the server may hold the call while there is nothing, 0 to 60,000. Default 20,000. */
  readonly waitMs?: number;
  /** Default: the queue's. */
  readonly leaseMs?: number;
  /** Bytes at most, about. Default: the server's, 1 MiB. */
  readonly maxBytes?: number;
  readonly signal?: AbortSignal | null;
}

/** A message to be delivered again. */
export interface Nack {
  readonly receipt: string;
  /** Until its next delivery. Default: by the queue's backoff. */
  readonly delayMs?: number;
  /** Kept with the message; shown with a dead letter. */
  readonly reason?: string;
}

/** A message to be given up at once. */
export interface Reject {
  readonly receipt: string;
  readonly reason?: string;
}

/** A message whose lease is to go on. */
export interface Extend {
  readonly receipt: string;
  /** From now. */
  readonly leaseMs: number;
}

/** Answers to messages, at most one for each. */
export interface SettleRequest {
  /** Receipts of messages that are done. */
  readonly ack?: readonly string[];
  readonly nack?: readonly Nack[];
  readonly extend?: readonly Extend[];
  readonly reject?: readonly Reject[];
}

/** What a settle may ask besides its answers. */
export interface SettleOptions {
  /**
   * Sends again also when the outcome of an attempt is unknown. Default true: nothing is done twice, but a message that
   * the earlier attempt settled is answered with INVALID_RECORD_STATE.
   */
  readonly retryUnknown?: boolean;
  readonly signal?: AbortSignal | null;
}

/** What became of one answer. */
export interface SettleResult {
  readonly receipt: string;
  readonly ok: boolean;
  /** INVALID_RECORD_STATE: the lease was over, or the message is settled. Absent when `ok`. */
  readonly code?: string;
}

/** What became of answers, and what was received in the same call. */
export interface SettledAndReceived {
  readonly results: readonly SettleResult[];
  readonly messages: readonly QueueMessage[];
}

/** Which dead letters to look at. */
export interface DeadRequest {
  /** `earliest`, or the `next` of an earlier call. */
  readonly from?: string;
  readonly maxRecords?: number;
}

/** Dead letters in order of partition and offset. */
export interface DeadReply {
  readonly messages: readonly DeadLetter[];
  /** Where the next call goes on: an offset for each partition, `0:17,1:4`. */
  readonly next: string;
  /** The same where the dead-letter topic has one partition. */
  readonly nextOffset?: number;
}

/** Which dead letters to put back: those given, or the oldest `max`, or all. */
export interface RedriveRequest {
  readonly max?: number;
  /** Where they lie in the dead-letter topic. */
  readonly offsets?: readonly PartitionOffset[];
}

/** Calls about work queues. All throw VarveError; QUEUE_NOT_FOUND where there is no such queue. */
export class QueuesClient {
  readonly #transport: HttpTransport;

  /** @param transport The way to the server. */
  constructor(transport: HttpTransport) {
    this.#transport = transport;
  }

  /**
   * Creates a queue, or changes the settings given; its topics are made where they are missing.
   *
   * @throws INVALID_CONFIG, also for a new `topic` or `from` of a queue that exists
   */
  async put(
    queue: string,
    settings: QueueSettings = {},
  ): Promise<QueueDetails & { readonly isNew: boolean }> {
    const reply = await this.#transport.call({
      method: "PUT",
      path: queuePath(queue),
      body: encodeBody(settings),
      resend: "always",
    });
    return { ...(reply.body as QueueDetails), isNew: reply.status === 201 };
  }

  /** Lists the queues. */
  async list(): Promise<readonly QueueDetails[]> {
    const path = "/v1/queues";
    const reply = await this.#transport.call({ method: "GET", path, resend: "always" });
    return (reply.body as { queues: readonly QueueDetails[] }).queues;
  }

  /** Describes a queue. */
  async describe(queue: string, signal: AbortSignal | null = null): Promise<QueueDetails> {
    const path = queuePath(queue);
    const reply = await this.#transport.call({ method: "GET", path, resend: "always", signal });
    return reply.body as QueueDetails;
  }

  /** Forgets a queue's state; its topics stay. */
  async delete(queue: string): Promise<void> {
    try {
      await this.#transport.call({ method: "DELETE", path: queuePath(queue), resend: "always" });
    } catch (error) {
      if (isGoneAfterRetry(error)) return;
      throw error;
    }
  }

  /**
   * Sends messages in one request; answers where each lies, in order.
   *
   * @throws QUEUE_FULL when the queue refuses for lack of room
   */
  async send(
    queue: string,
    messages: readonly MessageInput[],
    options: SendOptions = {},
  ): Promise<ProduceResult> {
    if (messages.length === 0) throw invalidArgument("there are no messages to send");
    for (const message of messages) checkMessage(message);
    const reply = await this.#transport.call({
      method: "POST",
      path: `${queuePath(queue)}/messages`,
      query: { partition: options.partition ?? null },
      body: encodeBody({ records: messages.map(messageToWire) }),
      resend: resendOf(messages, options),
      signal: options.signal ?? null,
    });
    return reply.body as ProduceResult;
  }

  /**
   * Receives messages, each leased to the caller; empty when there are none within `waitMs`.
   *
   * Not sent again when its outcome is unknown: what a lost reply held is delivered again once its lease is over.
   */
  async receive(queue: string, request: ReceiveRequest = {}): Promise<readonly QueueMessage[]> {
    const { signal = null, waitMs = 20_000, ...rest } = request;
    const reply = await this.#transport.call({
      method: "POST",
      path: `${queuePath(queue)}/receive`,
      body: encodeBody({ ...rest, waitMs }),
      resend: "refused",
      waitMs,
      signal,
    });
    return (reply.body as { messages: readonly QueueMessage[] }).messages;
  }

  /** Answers for received messages: done, again, never, or not yet. One result an answer, found by its receipt. */
  async settle(
    queue: string,
    request: SettleRequest,
    options: SettleOptions = {},
  ): Promise<readonly SettleResult[]> {
    const reply = await this.#transport.call({
      method: "POST",
      path: `${queuePath(queue)}/settle`,
      body: encodeBody(request),
      resend: options.retryUnknown === false ? "refused" : "always",
      signal: options.signal ?? null,
    });
    return (reply.body as { results: readonly SettleResult[] }).results;
  }

  /**
   * Answers for messages and receives the next in one call, which costs the server one sync of its disk instead of two.
   * It does not wait: without a message the answer is empty, and a `receive` can wait for one.
   *
   * Not sent again when its outcome is unknown; `settle` may say the answers again.
   */
  async settleAndReceive(
    queue: string,
    answers: SettleRequest,
    request: Omit<ReceiveRequest, "waitMs"> = {},
  ): Promise<SettledAndReceived> {
    const { signal = null, ...rest } = request;
    const reply = await this.#transport.call({
      method: "POST",
      path: `${queuePath(queue)}/receive`,
      body: encodeBody({ ...rest, settle: answers }),
      resend: "refused",
      signal,
    });
    return reply.body as SettledAndReceived;
  }

  /** Dead letters that were not redriven. */
  async dead(queue: string, request: DeadRequest = {}): Promise<DeadReply> {
    const { from = null, maxRecords = null } = request;
    const reply = await this.#transport.call({
      method: "GET",
      path: `${queuePath(queue)}/dead`,
      query: { from, maxRecords },
      resend: "always",
    });
    return reply.body as DeadReply;
  }

  /** Puts dead letters back into the queue, once each; answers how many. */
  async redrive(queue: string, request: RedriveRequest = {}): Promise<number> {
    const reply = await this.#transport.call({
      method: "POST",
      path: `${queuePath(queue)}/redrive`,
      body: encodeBody(request),
      // A second attempt would count only what the first has left, and with `max` take others.
      resend: "refused",
    });
    return (reply.body as { redriven: number }).redriven;
  }
}

function resendOf(messages: readonly MessageInput[], options: SendOptions): Resend {
  const isRepeatable = messages.every(({ dedupId }) => dedupId !== undefined);
  if (isRepeatable || options.retryUnknown === true) return "always";
  if (options.partition !== undefined || messages.length === 1) return "refused";
  // Several partitions answer for themselves: one may have appended where another refused.
  const isOnePartition = messages.every(
    ({ key = null, partition }) => key === null && partition === undefined,
  );
  return isOnePartition ? "refused" : "unsent";
}

function queuePath(queue: string): string {
  return `/v1/queues/${encodeURIComponent(queue)}`;
}

// Work queues: a topic and a share group with settings (delay, retry, dead letters, order, limits). Ours; a queue is
// the share group of its name seen from another side.

import type { ErrorName } from "../base/error.ts";
import type { TopicPartition } from "./data.ts";

/** How long a record that failed waits for its next delivery. */
export interface Backoff {
  /** `fixed`: always `baseMs`; `exponential`: doubled with each delivery, up to `maxMs`. */
  readonly type: "fixed" | "exponential";
  readonly baseMs: number;
  readonly maxMs: number;
  /** Share (0 to 1) of the wait that is drawn at random and taken off. */
  readonly jitter: number;
}

/** Everything that can be set of a queue. */
export interface QueueSettings {
  readonly topic: string;
  readonly deadLetterTopic: string;
  /** How long a receiver has for a record before others get it. */
  readonly leaseMs: number;
  /** After so many deliveries without an ack the record is a dead letter. */
  readonly maxDeliveries: number;
  readonly backoff: Backoff;
  /** `key`: records of one key one after the other, in order. */
  readonly order: "none" | "key";
  /** Where a new queue begins in its topic. */
  readonly from: "earliest" | "latest";
  /** What becomes of records whose time (`ttlMs`) is over. */
  readonly expired: "dead-letter" | "drop";
  /** Bounds of what is not settled; null: none. */
  readonly maxDepth: number | null;
  readonly maxBytes: number | null;
  /** What happens at a bound: producers are refused, or the oldest records that nobody holds go. */
  readonly overflow: "reject" | "drop-oldest" | "dead-letter";
  /** Most deliveries a second; null: no limit. */
  readonly rate: number | null;
  /** Most records in flight at once; null: no limit. */
  readonly concurrency: number | null;
  /** How long a `dedupId` is remembered. */
  readonly dedupWindowMs: number;
}

/** What is counted of a queue. Counts since it was made survive restarts. */
export interface QueueCounts {
  /** Records that are not settled: waiting, delayed and in flight. */
  readonly depth: number;
  /** Their bytes, as stored before compression; near enough where records of different sizes are settled apart. */
  readonly bytes: number;
  /** Of them: leased now. */
  readonly inFlight: number;
  /** Of them: not to be delivered before a time. */
  readonly delayed: number;
  /** Dead letters that were not redriven. */
  readonly dead: number;
  /** Age of the oldest record that is not settled; null when there is none. */
  readonly oldestAgeMs: number | null;
  readonly delivered: number;
  readonly acked: number;
  readonly nacked: number;
  readonly lapsed: number;
  readonly expired: number;
  /** Dropped for lack of room. */
  readonly dropped: number;
}

/** A queue as described. */
export interface QueueDescription {
  readonly queue: string;
  readonly settings: QueueSettings;
  readonly counts: QueueCounts;
}

/** Records handed to a receiver, all of one partition and consecutive. */
export interface ReceivedRange extends TopicPartition {
  readonly firstOffset: number;
  readonly lastOffset: number;
  readonly deliveries: number;
  /** Tells deliveries apart that the rest would not: part of the receipt. */
  readonly epoch: number;
  /** Whole stored batches that hold them, on loan until `release`. */
  readonly batches: Uint8Array;
}

/** Answer of a receive; call `release` when the last byte has been used. */
export interface ReceiveResult {
  readonly ranges: readonly ReceivedRange[];
  /** What became of the request's answers, as `settle` tells it. */
  readonly settled: readonly (ErrorName | null)[];
  release(): void;
}

/** Receives from a queue. */
export interface ReceiveRequest {
  readonly queue: string;
  readonly max: number;
  readonly maxBytes: number;
  readonly waitMs: number;
  /** Null: the queue's. */
  readonly leaseMs: number | null;
  /** Aborted when the client has gone: nothing is leased for it any more. */
  readonly signal: AbortSignal | null;
  /** Settled on the way, with one sync for both. Whoever settles is not kept waiting for records. */
  readonly answers?: readonly SettleAnswer[];
}

/** What a receipt names: one delivery of one record. */
export interface Receipt {
  readonly partition: number;
  readonly offset: number;
  readonly deliveries: number;
  readonly epoch: number;
}

/** One answer of a receiver. */
export type SettleAnswer =
  | { readonly kind: "ack"; readonly receipt: Receipt }
  /** Null delay: the queue's backoff. */
  | {
      readonly kind: "nack";
      readonly receipt: Receipt;
      readonly delayMs: number | null;
      readonly reason: string;
    }
  | { readonly kind: "reject"; readonly receipt: Receipt; readonly reason: string }
  | { readonly kind: "extend"; readonly receipt: Receipt; readonly leaseMs: number };

/** What producers ask before they append to a queue's topic. */
export interface AdmitRequest {
  readonly queue: string;
  readonly records: number;
  readonly bytes: number;
  /** The dedup id of each record that has one. */
  readonly dedupIds: readonly string[];
}

/** Leave to append. Exactly one of `sent` and `failed` is called. */
export interface Admission {
  /** Of each id of the request, in order: where its first record is, or null: it is new and reserved until the end. */
  readonly known: readonly (Receipt | null)[];
  /** Appended: where the records of the reserved ids are, in order; null for those that were not appended after all. */
  sent(places: readonly ({ readonly partition: number; readonly offset: number } | null)[]): void;
  /** Nothing was appended. */
  failed(): void;
}

/** A dead letter by where it lies in the dead-letter topic. */
export interface DeadLetters {
  /** Ranges of the dead-letter topic, in order of partition and offset. */
  readonly ranges: readonly ReceivedRange[];
  /** Where to go on: a position as `from` takes it. */
  readonly next: readonly { readonly partition: number; readonly offset: number }[];
  release(): void;
}

/** Work queues. All methods throw LogError by name; QUEUE_NOT_FOUND where there is no such queue. */
export interface QueueServices {
  /**
   * Creates a queue, or changes the settings given; its topics are made where they are missing. The topic of a queue
   * and where it begins cannot be changed.
   * @throws INVALID_CONFIG, TOPIC_ALREADY_EXISTS, INVALID_GROUP_ID, GROUP_ID_NOT_FOUND (a consumer group has the name)
   */
  put(
    queue: string,
    settings: Partial<QueueSettings>,
  ): Promise<QueueDescription & { readonly isNew: boolean }>;
  describe(queue: string): Promise<QueueDescription>;
  list(): Promise<readonly QueueDescription[]>;
  /** Forgets the queue's state; its topics stay. */
  delete(queue: string): Promise<void>;
  /** The settings, synchronously; null when there is no such queue. */
  lookup(queue: string): QueueSettings | null;
  /** Leases records; waits while there are none. Leases are durable when it resolves. */
  receive(request: ReceiveRequest): Promise<ReceiveResult>;
  /** One result an answer, in order: null, or INVALID_RECORD_STATE. Durable when it resolves. */
  settle(queue: string, answers: readonly SettleAnswer[]): Promise<readonly (ErrorName | null)[]>;
  /** @throws QUEUE_FULL with `depth` and `bytes` when the queue refuses for lack of room */
  admit(request: AdmitRequest): Promise<Admission>;
  /** Dead letters that were not redriven, from a position in each partition on (earliest when absent). */
  dead(
    queue: string,
    request: {
      readonly from: readonly { readonly partition: number; readonly offset: number }[];
      readonly maxRecords: number;
      readonly maxBytes: number;
    },
  ): Promise<DeadLetters>;
  /** Puts dead letters back, the given ones or the oldest `max`; answers how many, each durably moved. */
  redrive(
    queue: string,
    request: {
      readonly max: number;
      readonly offsets: readonly { readonly partition: number; readonly offset: number }[] | null;
    },
  ): Promise<number>;
}

// What the clients of a server were told, kept in another process, so that no crash of the server can touch it. Every
// fact has a number, and all facts up to a number are the ledger as it was then.

import { createHash } from "node:crypto";

/** What is known of one partition: records that were acknowledged or seen, by offset. */
export interface PartitionFacts {
  readonly topic: string;
  readonly partition: number;
  readonly known: Map<number, { readonly value: string; readonly at: number }>;
}

/** A topic, and when its creation and its deletion were asked for and answered; Infinity: not yet. */
export interface TopicFacts {
  readonly partitions: number;
  readonly isTransactional: boolean;
  createdAt: number;
  deletingAt: number;
  deletedAt: number;
}

/** A transaction; what has not happened has Infinity for its time. */
export interface TransactionFacts {
  readonly name: string;
  readonly transactionalId: string;
  readonly topic: string;
  /** The offset that it commits for its group, and the partition that it is committed for. */
  readonly offset: { readonly group: string; readonly partition: number; readonly value: number };
  readonly values: string[];
  committingAt: number;
  committedAt: number;
  abortedAt: number;
  /** What an audit found, where nobody was told. */
  seenAs: "committed" | "aborted" | null;
}

/** Offsets that were committed for a partition of a group, ascending. */
export interface CommitFacts {
  readonly group: string;
  readonly partition: number;
  readonly answered: { readonly offset: number; readonly at: number }[];
  asked: number;
}

/** A message of a queue; what has not happened has Infinity for its time. */
export interface MessageFacts {
  readonly value: string;
  sentAt: number;
  settlingAt: number;
  settledAt: number;
  settledAs: "ack" | "reject" | null;
  deliveries: number;
  /** Until when, in ms of this process, nobody else may have it. */
  heldUntilMs: number;
}

/** The ledger. */
export class Ledger {
  readonly topics = new Map<string, TopicFacts>();
  readonly partitions = new Map<string, PartitionFacts>();
  readonly transactions: TransactionFacts[] = [];
  readonly commits = new Map<string, CommitFacts>();
  readonly queues = new Map<string, Map<string, MessageFacts>>();
  readonly problems: string[] = [];
  readonly counts = { records: 0, seen: 0, commits: 0, settled: 0, transactions: 0, topics: 0 };
  #at = 0;
  readonly #sent = new Map<string, Set<string>>();

  /** The number of the latest fact. */
  get now(): number {
    return this.#at;
  }

  /** Gives the next fact its number. */
  next(): number {
    return ++this.#at;
  }

  /** A topic is about to be made. */
  creating(topic: string, partitions: number, isTransactional = false): TopicFacts {
    const never = { createdAt: Infinity, deletingAt: Infinity, deletedAt: Infinity };
    const facts = { partitions, isTransactional, ...never };
    this.topics.set(topic, facts);
    return facts;
  }

  /** Values that are about to be sent to a topic: nothing else may turn up there. */
  sending(topic: string, values: readonly string[]): void {
    let sent = this.#sent.get(topic);
    if (sent === undefined) this.#sent.set(topic, (sent = new Set()));
    for (const value of values) sent.add(value);
  }

  /** Whether the value was ever sent to the topic. */
  wasSent(topic: string, value: string): boolean {
    return this.#sent.get(topic)?.has(value) === true;
  }

  /** Records that were acknowledged from an offset on, or seen there. */
  know(
    place: { readonly topic: string; readonly partition: number },
    records: readonly { readonly offset: number; readonly text: string }[],
    isAnswer: boolean,
  ): void {
    const { known } = this.partitionOf(place);
    const at = this.next();
    for (const { offset, text } of records) {
      const before = known.get(offset);
      if (before === undefined) known.set(offset, { value: text, at });
      else if (before.value !== text) {
        this.problem(`${place.topic}-${place.partition}: ${offset} has two records`);
      }
      if (isAnswer) this.counts.records++;
      else if (before === undefined) this.counts.seen++;
    }
  }

  /** The facts of a partition. */
  partitionOf(place: { readonly topic: string; readonly partition: number }): PartitionFacts {
    const name = `${place.topic}-${place.partition}`;
    let facts = this.partitions.get(name);
    if (facts === undefined) this.partitions.set(name, (facts = { ...place, known: new Map() }));
    return facts;
  }

  /** The facts of a group's commits for a partition. */
  commitsOf(group: string, partition: number): CommitFacts {
    const name = `${group}/${partition}`;
    let facts = this.commits.get(name);
    if (facts === undefined) {
      this.commits.set(name, (facts = { group, partition, answered: [], asked: -1 }));
    }
    return facts;
  }

  /** The messages of a queue by their values. */
  queueOf(queue: string): Map<string, MessageFacts> {
    let messages = this.queues.get(queue);
    if (messages === undefined) this.queues.set(queue, (messages = new Map()));
    return messages;
  }

  /** A promise was broken. */
  problem(what: string): void {
    if (this.problems.length < 100) this.problems.push(what);
  }

  /** Forgets everything about the records of a topic. */
  forget(topic: string): void {
    const { partitions = 0 } = this.topics.get(topic) ?? {};
    for (let each = 0; each < partitions; each++) this.partitions.delete(`${topic}-${each}`);
    this.#sent.delete(topic);
  }
}

/** A value that says who it is; sizes vary, so that batches end anywhere in a sector. */
export function valueOf(name: string): string {
  const digest = createHash("sha256").update(name).digest("hex");
  return `${name} ${digest.repeat(1 + (digest.charCodeAt(0) % 4))}`;
}

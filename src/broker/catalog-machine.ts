// Which topics there are, as a state machine: its events are the truth about topics, the directories only follow.
//
// An event is the whole value of one topic, keyed by the topic's id, so a topic made again under an old name is another
// topic. A deleted topic stays as `deleting` until its directories are out of the way; then its id is forgotten.

import { LogError } from "../base/error.ts";
import type { Decision, EncodedEvent, StateMachine } from "../coordinator/state-machine.ts";

/** What is kept of a topic. */
export interface StoredTopic {
  readonly name: string;
  readonly partitionCount: number;
  /** Config as text by key; only what the topic sets itself. */
  readonly configs: Readonly<Record<string, string>>;
  /** Deleting: gone for clients, directories may still lie under their old names. */
  readonly state: "live" | "deleting";
}

/** A topic has this value now; null when it is forgotten. */
export interface TopicEvent {
  readonly topicId: string;
  readonly topic: StoredTopic | null;
}

const version = 1;
const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true });

/** All topics by id. Commands are methods that return a decision. */
export class CatalogMachine implements StateMachine<TopicEvent> {
  readonly #topics = new Map<string, StoredTopic>();
  readonly #liveIds = new Map<string, string>();

  /** Every topic with its id, deleting ones included. */
  entries(): Iterable<[topicId: string, topic: StoredTopic]> {
    return this.#topics.entries();
  }

  /** The topic of an id; null when there is none. */
  topicOf(topicId: string): StoredTopic | null {
    return this.#topics.get(topicId) ?? null;
  }

  /** Decides that a new topic exists. The name must be free. */
  create(topicId: string, topic: StoredTopic): Decision<TopicEvent, void> {
    if (this.#liveIds.has(topic.name)) {
      const reply = new LogError("TOPIC_ALREADY_EXISTS", `topic '${topic.name}' exists`);
      return { events: [], reply };
    }
    return { events: [{ topicId, topic }], reply: undefined };
  }

  /** Decides on other values for a live topic. */
  change(
    topicId: string,
    values: Partial<Pick<StoredTopic, "partitionCount" | "configs">>,
  ): Decision<TopicEvent, void> {
    const topic = this.#topics.get(topicId);
    if (topic?.state !== "live") return { events: [], reply: unknownTopic(topicId) };
    return { events: [{ topicId, topic: { ...topic, ...values } }], reply: undefined };
  }

  /** Decides that a live topic is gone for clients. */
  beginDelete(topicId: string): Decision<TopicEvent, void> {
    const topic = this.#topics.get(topicId);
    if (topic?.state !== "live") return { events: [], reply: unknownTopic(topicId) };
    return { events: [{ topicId, topic: { ...topic, state: "deleting" } }], reply: undefined };
  }

  /** Decides to forget a deleting topic, once its directories are out of the way. */
  finishDelete(topicId: string): Decision<TopicEvent, void> {
    if (this.#topics.get(topicId)?.state !== "deleting") return { events: [], reply: undefined };
    return { events: [{ topicId, topic: null }], reply: undefined };
  }

  apply(event: TopicEvent): void {
    const { topicId, topic } = event;
    const before = this.#topics.get(topicId);
    if (before !== undefined && this.#liveIds.get(before.name) === topicId) {
      this.#liveIds.delete(before.name);
    }
    if (topic === null) this.#topics.delete(topicId);
    else this.#topics.set(topicId, topic);
    if (topic?.state === "live") this.#liveIds.set(topic.name, topicId);
  }

  encode(event: TopicEvent): EncodedEvent {
    const key = encoder.encode(JSON.stringify({ kind: "topic", topicId: event.topicId }));
    if (event.topic === null) return { key, value: null };
    return { key, value: encoder.encode(JSON.stringify({ version, ...event.topic })) };
  }

  decode(key: Uint8Array, value: Uint8Array | null): TopicEvent | null {
    const about = parseObject(key);
    if (about["kind"] !== "topic") return null;
    const topicId = about["topicId"];
    if (typeof topicId !== "string") throw unreadable("its key has no topic id");
    if (value === null) return { topicId, topic: null };
    const fields = parseObject(value);
    if (typeof fields["version"] !== "number") throw unreadable("it has no version");
    if (fields["version"] > version) return null;
    return { topicId, topic: storedTopic(fields) };
  }

  *snapshot(): Iterable<TopicEvent> {
    for (const [topicId, topic] of this.#topics) yield { topicId, topic };
  }

  clear(): void {
    this.#topics.clear();
    this.#liveIds.clear();
  }
}

function storedTopic(fields: Readonly<Record<string, unknown>>): StoredTopic {
  const { name, partitionCount, configs, state } = fields as Partial<StoredTopic>;
  const isWhole =
    typeof name === "string" &&
    Number.isSafeInteger(partitionCount) &&
    typeof configs === "object" &&
    (state === "live" || state === "deleting");
  if (!isWhole || partitionCount === undefined) throw unreadable("fields are missing");
  return { name, partitionCount, configs: configs ?? {}, state };
}

function parseObject(bytes: Uint8Array): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(decoder.decode(bytes));
    if (typeof value === "object" && value !== null) return value as Record<string, unknown>;
  } catch (error) {
    throw unreadable("it is not JSON", error);
  }
  throw unreadable("it is not an object");
}

function unreadable(reason: string, cause: unknown = null): LogError {
  const detail = `an event about a topic cannot be read: ${reason}`;
  return new LogError("KAFKA_STORAGE_ERROR", detail, { cause });
}

function unknownTopic(topicId: string): LogError {
  return new LogError("UNKNOWN_TOPIC_OR_PARTITION", `there is no topic with id ${topicId}`);
}

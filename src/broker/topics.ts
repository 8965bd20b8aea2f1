// The topics that exist now, by name, with their open partitions: what every request looks its partitions up in.

import { LogError } from "../base/error.ts";
import type { TopicBounds, TopicListing } from "../services.ts";
import type { Partition } from "./partition.ts";
import type { ConfigValues, TopicSettings } from "./topic-config.ts";
import { isInternalTopicName } from "./topic-name.ts";

/** One live topic. Replaced whole when it changes; its partitions stay the same objects. */
export interface Topic {
  readonly listing: TopicListing;
  readonly configs: ConfigValues;
  readonly settings: TopicSettings;
  /** By partition number. */
  readonly partitions: readonly Partition[];
}

/** What a topic is put together from. */
export interface TopicParts {
  readonly name: string;
  readonly topicId: string;
  readonly configs: ConfigValues;
  readonly settings: TopicSettings;
  readonly partitions: readonly Partition[];
}

/** A topic with its listing. */
export function topicFrom(parts: TopicParts): Topic {
  const { name, topicId, configs, settings, partitions } = parts;
  const listing = {
    name,
    topicId,
    partitionCount: partitions.length,
    internal: isInternalTopicName(name),
    accepts: boundsOf(settings),
  };
  return { listing, configs, settings, partitions };
}

function boundsOf({ append }: TopicSettings): TopicBounds {
  const { batchBytesMax, usesAppendTime, timestampBeforeMsMax, timestampAfterMsMax } = append;
  return {
    batchBytesMax,
    timestampBeforeMsMax: usesAppendTime ? Infinity : timestampBeforeMsMax,
    timestampAfterMsMax: usesAppendTime ? Infinity : timestampAfterMsMax,
  };
}

/** Live topics by name. */
export class Topics {
  readonly #byName = new Map<string, Topic>();
  readonly #byId = new Map<string, Topic>();
  #partitionCount = 0;

  /** How many topics. */
  get count(): number {
    return this.#byName.size;
  }

  /** How many partitions all topics have together. */
  get partitionCount(): number {
    return this.#partitionCount;
  }

  /** Every topic, oldest first. */
  all(): Iterable<Topic> {
    return this.#byName.values();
  }

  /** Every partition of every topic. */
  *partitions(): Iterable<Partition> {
    for (const topic of this.#byName.values()) yield* topic.partitions;
  }

  /** Names of the topics that are not the server's own. */
  *clientNames(): Iterable<string> {
    for (const { listing } of this.all()) if (!listing.internal) yield listing.name;
  }

  /** The topic of a name; null when there is none. */
  find(name: string): Topic | null {
    return this.#byName.get(name) ?? null;
  }

  /** The topic of an id (UUID text); null when there is none. */
  findId(topicId: string): Topic | null {
    return this.#byId.get(topicId) ?? null;
  }

  /** The topic of a name. @throws UNKNOWN_TOPIC_OR_PARTITION */
  get(name: string): Topic {
    const topic = this.#byName.get(name);
    if (topic === undefined) {
      throw new LogError("UNKNOWN_TOPIC_OR_PARTITION", `there is no topic '${name}'`, {
        facts: { topic: name },
      });
    }
    return topic;
  }

  /** A partition by topic and number; null when there is none. */
  findPartition(name: string, partition: number): Partition | null {
    return this.#byName.get(name)?.partitions[partition] ?? null;
  }

  /** Adds a topic or puts a changed one in its place. */
  set(topic: Topic): void {
    const { name } = topic.listing;
    const before = this.#byName.get(name);
    if (before !== undefined) {
      this.#partitionCount -= before.partitions.length;
      this.#byId.delete(before.listing.topicId);
    }
    this.#partitionCount += topic.partitions.length;
    this.#byName.set(name, topic);
    this.#byId.set(topic.listing.topicId, topic);
  }

  /** Forgets a topic. */
  remove(name: string): void {
    const topic = this.#byName.get(name);
    if (topic === undefined) return;
    this.#partitionCount -= topic.partitions.length;
    this.#byName.delete(name);
    this.#byId.delete(topic.listing.topicId);
  }
}

/** The sentence for a partition that is not there. */
export function unknownPartition(topic: string, partition: number): string {
  return `there is no partition ${partition} of topic '${topic}'`;
}

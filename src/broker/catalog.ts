// Which topics exist, and the one way to change that: check, make ready on the disk, commit an event, show it.
//
// The event is the commit. What is made before it belongs to nobody until then (a crash leaves directories that the
// next start sets aside); what follows it is finished by the next start. Changes of one name take turns.

import { LogError } from "../base/error.ts";
import type { Logger } from "../base/logger.ts";
import { type Random, randomUuid } from "../base/random.ts";
import type { Coordinator } from "../coordinator/coordinator.ts";
import type { AlterConfigsOptions, ConfigChanges, CreateTopicRequest } from "../services.ts";
import type { CatalogMachine, StoredTopic, TopicEvent } from "./catalog-machine.ts";
import type { Partition } from "./partition.ts";
import type { PartitionRange, PartitionStore } from "./partition-store.ts";
import {
  type ConfigValues,
  changeConfigs,
  parseConfigs,
  sameConfigs,
  settingsOf,
} from "./topic-config.ts";
import { checkTopicName, isInternalTopicName } from "./topic-name.ts";
import { type Topic, type Topics, topicFrom } from "./topics.ts";
import { Turns } from "./turns.ts";

/** What happened to a topic, told once it is durable and in force. */
export interface TopicChange {
  readonly kind: "created" | "grown" | "deleted";
  readonly name: string;
  readonly topicId: string;
}

/** What a catalog works with. */
export interface CatalogOptions {
  readonly topics: Topics;
  readonly store: PartitionStore;
  readonly machine: CatalogMachine;
  readonly coordinator: Coordinator<TopicEvent>;
  readonly random: Random;
  readonly logger: Logger;
  /** Config of topics that do not set it themselves. */
  readonly serverDefaults: ConfigValues;
  readonly defaultPartitions: number;
  /** Most partitions of one topic, and of all topics together. */
  readonly topicPartitionsMax: number;
  readonly partitionsMax: number;
  /** Called after each change, in order; must not throw. */
  readonly onChange: (change: TopicChange) => void;
  /** Called when a topic's directories were moved aside; they may be removed for good after `delayMs`. */
  readonly onRetired: (delayMs: number) => void;
}

/** What a create has come to. */
export interface CreatedTopic {
  readonly topic: Topic;
  /** False when the very same topic was there already. */
  readonly isNew: boolean;
  /** Of a topic that was only validated: as many as it would have. */
  readonly partitionCount: number;
}

/** Changes topics. Reading goes through `Topics`. */
export class Catalog {
  readonly #options: CatalogOptions;
  readonly #turns = new Turns();
  /** Partitions being made: they count against the bound before they are there. */
  #risingCount = 0;
  #isClosed = false;

  /** @param options A loaded machine and coordinator, and open partitions in `topics`. */
  constructor(options: CatalogOptions) {
    this.#options = options;
  }

  /**
   * Creates a topic, or confirms that the very same exists: the same config, and the same partition count unless none
   * was asked for.
   *
   * @throws INVALID_TOPIC_EXCEPTION, INVALID_PARTITIONS, INVALID_CONFIG, POLICY_VIOLATION, TOPIC_ALREADY_EXISTS,
   *         DISK_FULL, KAFKA_STORAGE_ERROR, COORDINATOR_NOT_AVAILABLE, SERVER_STOPPING
   */
  create(request: CreateTopicRequest): Promise<CreatedTopic> {
    checkTopicName(request.name);
    return this.#inTurn(request.name, async () => {
      const { topics, serverDefaults, defaultPartitions } = this.#options;
      const configs = parseConfigs(request.configs);
      const settings = settingsOf(configs, serverDefaults);
      const existing = topics.find(request.name);
      if (existing !== null) {
        const topic = confirmSame(existing, request, configs);
        return { topic, isNew: false, partitionCount: topic.partitions.length };
      }
      const partitionCount = request.partitionCount ?? defaultPartitions;
      const { name } = request;
      // The server's own come with its versions: a full directory must still open.
      if (!isInternalTopicName(name)) this.#checkCount(partitionCount, partitionCount);
      if (request.validateOnly) {
        const topic = topicFrom({ name, topicId: "", configs, settings, partitions: [] });
        return { topic, isNew: true, partitionCount };
      }
      const topic = await this.#create({ name, configs, settings, partitionCount });
      return { topic, isNew: true, partitionCount };
    });
  }

  /**
   * Gives a topic more partitions; the same number changes nothing.
   *
   * @param validateOnly Checks everything and changes nothing.
   * @throws UNKNOWN_TOPIC_OR_PARTITION, INVALID_PARTITIONS when there would be fewer; as `create`
   */
  createPartitions(name: string, partitionCount: number, validateOnly = false): Promise<void> {
    return this.#inTurn(name, async () => {
      const { topics } = this.#options;
      const topic = topics.get(name);
      const { topicId, partitionCount: from } = topic.listing;
      if (partitionCount < from) {
        throw new LogError(
          "INVALID_PARTITIONS",
          `topic '${name}' has ${from} partitions; they cannot become fewer (${partitionCount})`,
          { facts: { topic: name, partitionCount: from } },
        );
      }
      this.#checkCount(partitionCount, partitionCount - from);
      if (partitionCount === from || validateOnly) return;
      const range = { topic: name, topicId, from, to: partitionCount, settings: topic.settings };
      const added = await this.#make(range);
      await this.#commitOrClose(added, () => this.#change(topicId, { partitionCount }));
      const partitions = [...topic.partitions, ...added];
      topics.set(topicFrom({ ...topic, name, topicId, partitions }));
      this.#options.onChange({ kind: "grown", name, topicId });
    });
  }

  /** Changes config; in force when it resolves. @throws UNKNOWN_TOPIC_OR_PARTITION, INVALID_CONFIG */
  alterConfigs(
    name: string,
    changes: ConfigChanges,
    options: AlterConfigsOptions = {},
  ): Promise<void> {
    return this.#inTurn(name, async () => {
      const { topics, serverDefaults } = this.#options;
      const { validateOnly = false, isReplacement = false } = options;
      const topic = topics.get(name);
      const before: ConfigValues = isReplacement ? new Map() : topic.configs;
      const configs = changeConfigs(before, changes, serverDefaults);
      const settings = settingsOf(configs, serverDefaults);
      if (validateOnly || sameConfigs(configs, topic.configs)) return;
      const { topicId } = topic.listing;
      await this.#change(topicId, { configs: Object.fromEntries(configs) });
      for (const partition of topic.partitions) partition.configure(settings);
      topics.set(topicFrom({ ...topic, name, topicId, configs, settings }));
    });
  }

  /**
   * Deletes a topic: for good once it resolves, even if putting the directories away is left to the next start.
   * @throws UNKNOWN_TOPIC_OR_PARTITION
   */
  delete(name: string): Promise<void> {
    return this.#inTurn(name, async () => {
      const { topics, machine, coordinator } = this.#options;
      const topic = topics.get(name);
      const { topicId } = topic.listing;
      await coordinator.run(() => machine.beginDelete(topicId));
      topics.remove(name);
      for (const partition of topic.partitions) partition.markDeleted();
      this.#options.onChange({ kind: "deleted", name, topicId });
      await this.#putAway(topic);
    });
  }

  /** Runs `look` in one turn of the event loop while no topic is being made, changed or deleted. */
  still<Result>(look: () => Result): Promise<Result> {
    return this.#turns.alone(look);
  }

  /** Refuses further changes; resolves when those under way have ended. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#turns.idle();
  }

  #inTurn<Result>(name: string, work: () => Promise<Result>): Promise<Result> {
    return this.#turns.run(name, () => {
      if (!this.#isClosed) return work();
      return Promise.reject(new LogError("SERVER_STOPPING", "the server is stopping; retry later"));
    });
  }

  async #create(
    parts: Pick<Topic, "configs" | "settings"> & {
      readonly name: string;
      readonly partitionCount: number;
    },
  ): Promise<Topic> {
    const { topics, machine, coordinator, random } = this.#options;
    const { name, configs, settings, partitionCount } = parts;
    const topicId = randomUuid(random);
    const range = { topic: name, topicId, from: 0, to: partitionCount, settings };
    const partitions = await this.#make(range);
    const stored: StoredTopic = {
      name,
      partitionCount,
      configs: Object.fromEntries(configs),
      state: "live",
    };
    await this.#commitOrClose(partitions, () =>
      coordinator.run(() => machine.create(topicId, stored)),
    );
    const topic = topicFrom({ name, topicId, configs, settings, partitions });
    topics.set(topic);
    this.#options.onChange({ kind: "created", name, topicId });
    return topic;
  }

  async #make(range: PartitionRange): Promise<readonly Partition[]> {
    const count = range.to - range.from;
    this.#risingCount += count;
    try {
      // A create that failed may hold all the same, and then the directories that lie in the way are its: where nothing
      // can be decided any more they stay.
      await this.#options.coordinator.query(() => null);
      return await this.#options.store.create(range);
    } finally {
      this.#risingCount -= count;
    }
  }

  #change(
    topicId: string,
    values: Partial<Pick<StoredTopic, "partitionCount" | "configs">>,
  ): Promise<void> {
    const { machine, coordinator } = this.#options;
    return coordinator.run(() => machine.change(topicId, values));
  }

  /**
   * When a commit fails nobody knows whether it holds, so the new directories stay where they are: the next start keeps
   * them or sets them aside, and a create before that sets them aside.
   */
  async #commitOrClose(
    partitions: Topic["partitions"],
    commit: () => Promise<void>,
  ): Promise<void> {
    try {
      await commit();
    } catch (error) {
      await this.#options.store.drop(partitions);
      throw error;
    }
  }

  async #putAway(topic: Topic): Promise<void> {
    const { store, machine, coordinator, logger, onRetired } = this.#options;
    const { name, topicId, partitionCount } = topic.listing;
    try {
      await store.drop(topic.partitions);
      await store.retire({ topic: name, topicId, from: 0, to: partitionCount });
      await coordinator.run(() => machine.finishDelete(topicId));
      onRetired(topic.settings.log.fileDeleteDelayMs);
    } catch (error) {
      logger.warn({ err: error, topic: name }, "the next start finishes deleting a topic");
    }
  }

  #checkCount(partitionCount: number, addedCount: number): void {
    const { topics, topicPartitionsMax, partitionsMax } = this.#options;
    const isCount = Number.isSafeInteger(partitionCount) && partitionCount >= 1;
    if (!isCount || partitionCount > topicPartitionsMax) {
      throw new LogError(
        "INVALID_PARTITIONS",
        `a topic has 1 to ${topicPartitionsMax} partitions, not ${partitionCount}`,
      );
    }
    const presentCount = topics.partitionCount + this.#risingCount;
    if (presentCount + addedCount > partitionsMax) {
      throw new LogError(
        "POLICY_VIOLATION",
        `the server has ${presentCount} partitions and takes ${partitionsMax} at most`,
      );
    }
  }
}

function confirmSame(topic: Topic, request: CreateTopicRequest, configs: ConfigValues): Topic {
  const { name, partitionCount } = topic.listing;
  const isSameCount = (request.partitionCount ?? partitionCount) === partitionCount;
  if (isSameCount && sameConfigs(configs, topic.configs)) return topic;
  throw new LogError(
    "TOPIC_ALREADY_EXISTS",
    `topic '${name}' exists with ${isSameCount ? "other config" : `${partitionCount} partitions`}`,
    { facts: { topic: name, partitionCount } },
  );
}

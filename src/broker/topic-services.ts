// The topic part of the waist, as clients may use it: the catalog behind the rules for clients.

import { LogError } from "../base/error.ts";
import { mapParallel } from "../base/parallel.ts";
import type {
  AlterConfigsOptions,
  ConfigChanges,
  ConfigEntry,
  CreateTopicRequest,
  CreateTopicResult,
  TopicDescription,
  TopicListing,
  TopicServices,
} from "../services.ts";
import type { Catalog } from "./catalog.ts";
import type { Partition } from "./partition.ts";
import { type ConfigValues, describeConfigs } from "./topic-config.ts";
import { checkClientMayChange, checkTopicName } from "./topic-name.ts";
import { type Topic, type Topics, unknownPartition } from "./topics.ts";

// The size of a partition may need a look at each of its files.
const describingMax = 32;

/** What topic services work with. */
export interface TopicServicesOptions {
  readonly topics: Topics;
  readonly catalog: Catalog;
  readonly serverDefaults: ConfigValues;
  /** Whether `ensure` creates what is not there. */
  readonly createsMissing: boolean;
  /** Throws DISK_FULL while nothing new may take room. */
  readonly requireRoom: () => void;
}

/** Topic services over the catalog of this process. */
export class CatalogTopicServices implements TopicServices {
  readonly #options: TopicServicesOptions;

  /** @param options Topics and catalog. */
  constructor(options: TopicServicesOptions) {
    this.#options = options;
  }

  list(): Promise<readonly TopicListing[]> {
    const listings = [...this.#options.topics.all()].map((topic) => topic.listing);
    return Promise.resolve(listings.sort((one, other) => (one.name < other.name ? -1 : 1)));
  }

  lookup(name: string): TopicListing | null {
    return this.#options.topics.find(name)?.listing ?? null;
  }

  lookupId(topicId: string): TopicListing | null {
    return this.#options.topics.findId(topicId)?.listing ?? null;
  }

  async ensure(name: string): Promise<TopicListing> {
    const { topics, catalog, createsMissing } = this.#options;
    const existing = topics.find(name);
    if (existing !== null) return existing.listing;
    checkTopicName(name);
    if (!createsMissing) return topics.get(name).listing;
    checkClientMayChange(name);
    this.#options.requireRoom();
    try {
      const request = { name, partitionCount: null, configs: {}, validateOnly: false };
      return (await catalog.create(request)).topic.listing;
    } catch (error) {
      // Somebody else created it meanwhile, with settings of their own: that is the topic, then.
      const isThere = error instanceof LogError && error.code === "TOPIC_ALREADY_EXISTS";
      if (!isThere) throw error;
      return topics.get(name).listing;
    }
  }

  async describe(name: string): Promise<TopicDescription> {
    const { listing, configs, partitions } = this.#options.topics.get(name);
    const described = await mapParallel(partitions, {
      limit: describingMax,
      work: (partition) => partition.describe(),
    });
    return {
      ...listing,
      configs: describeConfigs(configs, this.#options.serverDefaults),
      partitions: described,
    };
  }

  async describeConfigs(name: string): Promise<readonly ConfigEntry[]> {
    const { configs } = this.#options.topics.get(name);
    return describeConfigs(configs, this.#options.serverDefaults);
  }

  async create(request: CreateTopicRequest): Promise<CreateTopicResult> {
    checkTopicName(request.name);
    checkClientMayChange(request.name);
    const { catalog, topics, serverDefaults, requireRoom } = this.#options;
    // What is there already takes no room: that is told, whatever the disk says.
    if (topics.find(request.name) === null) requireRoom();
    const { topic, isNew, partitionCount } = await catalog.create(request);
    const configs = describeConfigs(topic.configs, serverDefaults);
    return { ...topic.listing, partitionCount, isNew, configs };
  }

  async delete(name: string): Promise<void> {
    this.#changeable(name);
    await this.#options.catalog.delete(name);
  }

  async createPartitions(
    name: string,
    partitionCount: number,
    validateOnly = false,
  ): Promise<void> {
    this.#changeable(name);
    this.#options.requireRoom();
    await this.#options.catalog.createPartitions(name, partitionCount, validateOnly);
  }

  async alterConfigs(
    name: string,
    changes: ConfigChanges,
    options: AlterConfigsOptions = {},
  ): Promise<void> {
    this.#changeable(name);
    await this.#options.catalog.alterConfigs(name, changes, options);
  }

  async deleteRecords(
    name: string,
    before: readonly { readonly partition: number; readonly offset: number }[],
  ): Promise<readonly { readonly partition: number; readonly logStartOffset: number }[]> {
    const topic = this.#changeable(name);
    const trims = before.map(({ partition: number, offset }) => {
      const partition = topic.partitions[number];
      if (partition === undefined) throw unknown(name, number);
      return { partition, offset: trimOffset(partition, offset) };
    });
    // Everything was checked before anything is removed.
    const starts: { partition: number; logStartOffset: number }[] = [];
    for (const { partition, offset } of trims) {
      await partition.log().trim(offset);
      const { logStartOffset } = partition.positions();
      starts.push({ partition: partition.partition, logStartOffset });
    }
    return starts;
  }

  #changeable(name: string): Topic {
    const topic = this.#options.topics.get(name);
    checkClientMayChange(name);
    return topic;
  }
}

function trimOffset(partition: Partition, offset: number): number {
  const { highWatermark } = partition.log().positions();
  if (offset === -1) return highWatermark;
  if (Number.isSafeInteger(offset) && offset >= 0 && offset <= highWatermark) return offset;
  throw new LogError(
    "OFFSET_OUT_OF_RANGE",
    `${partition.directoryName} cannot be trimmed to ${offset}: its high watermark is ` +
      String(highWatermark),
    { facts: { topic: partition.topic, partition: partition.partition, highWatermark } },
  );
}

function unknown(topic: string, partition: number): LogError {
  return new LogError("UNKNOWN_TOPIC_OR_PARTITION", unknownPartition(topic, partition), {
    facts: { topic, partition },
  });
}

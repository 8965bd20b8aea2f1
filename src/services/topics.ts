// Topics and their settings: what a door may ask of the catalog.

/** `topic` when set on the topic, `server` when the server's settings change the default, else `default`. */
export type ConfigSource = "topic" | "server" | "default";

/** What values a config key takes, by Kafka's names. */
export type ConfigType = "boolean" | "string" | "int" | "long" | "double" | "list";

/** A value that a key has somewhere, in force or not. */
export interface ConfigSynonym {
  /** The key itself on a topic; on the server the name of the setting behind it. */
  readonly name: string;
  readonly value: string;
  readonly source: ConfigSource;
}

/** One config key with where its value comes from. */
export interface ConfigEntry {
  readonly name: string;
  readonly value: string;
  readonly source: ConfigSource;
  readonly type: ConfigType;
  /** One sentence: what the key changes. */
  readonly documentation: string;
  /** Everywhere it has a value, what is in force first. */
  readonly synonyms: readonly ConfigSynonym[];
}

/** (ours) A place in a stored segment that cannot be read. */
export interface DamagedPlace {
  /** The segment's `.log` file. */
  readonly file: string;
  /** Byte in it. */
  readonly position: number;
  /** The offsets that cannot be read because of it: from this one ... */
  readonly fromOffset: number;
  /** ... to below this one. */
  readonly toOffset: number;
  /** What is wrong there, in a word. */
  readonly what: string;
}

/** One partition as Metadata and DescribeLogDirs show it. */
export interface PartitionDescription {
  readonly partition: number;
  readonly logStartOffset: number;
  readonly highWatermark: number;
  readonly logEndOffset: number;
  /** Bytes of all segments. */
  readonly sizeBytes: number;
  /** (ours) How many segments; 0 where the engine cannot know. */
  readonly segmentCount: number;
  /** (ours) What is known to be damaged; empty when all is well. */
  readonly damage: readonly DamagedPlace[];
}

/** (ours) What a topic takes from producers, for doors that refuse a record before they append others. */
export interface TopicBounds {
  /** Largest batch, header included. */
  readonly batchBytesMax: number;
  /** How far behind the engine's clock a timestamp may lie; Infinity where it does not matter. */
  readonly timestampBeforeMsMax: number;
  /** How far ahead. */
  readonly timestampAfterMsMax: number;
}

/** A topic as listed. */
export interface TopicListing {
  readonly name: string;
  /** UUID text. */
  readonly topicId: string;
  readonly partitionCount: number;
  readonly internal: boolean;
  readonly accepts: TopicBounds;
}

/** A topic in full. */
export interface TopicDescription extends TopicListing {
  readonly configs: readonly ConfigEntry[];
  readonly partitions: readonly PartitionDescription[];
}

/** CreateTopics (API 19), one topic. */
export interface CreateTopicRequest {
  readonly name: string;
  /** Null takes the server's default. */
  readonly partitionCount: number | null;
  readonly configs: Readonly<Record<string, string>>;
  /** Check everything, change nothing. */
  readonly validateOnly: boolean;
}

/** Its answer. */
export interface CreateTopicResult extends TopicListing {
  /** (ours) False when the very same topic was there already: a create that is sent again confirms the first. */
  readonly isNew: boolean;
  /** Every key, as it stands or (only validated) would stand. */
  readonly configs: readonly ConfigEntry[];
}

/** Text sets a key, null deletes it, so that it takes its default again; a list's items come and go one by one. */
export type ConfigChange =
  | string
  | null
  | { readonly append: string }
  | { readonly subtract: string };

/** IncrementalAlterConfigs (API 44) on one topic, by key. */
export type ConfigChanges = Readonly<Record<string, ConfigChange>>;

/** How a change of config is meant; both are false when absent. */
export interface AlterConfigsOptions {
  /** Check everything, change nothing. */
  readonly validateOnly?: boolean;
  /** AlterConfigs (API 33): keys that are not named take their default again. */
  readonly isReplacement?: boolean;
}

/** Topics. All methods throw LogError by name. */
export interface TopicServices {
  list(): Promise<readonly TopicListing[]>;
  /**
   * The listing of one topic, synchronously from the engine's metadata cache; null when unknown. Doors use it on hot
   * paths; an engine over a cluster answers from its cached metadata.
   */
  lookup(name: string): TopicListing | null;
  /** The same by topic id (UUID text). */
  lookupId(topicId: string): TopicListing | null;
  /**
   * Finds a topic, creating it with defaults when auto-creation is on.
   * @throws UNKNOWN_TOPIC_OR_PARTITION, INVALID_TOPIC_EXCEPTION
   */
  ensure(name: string): Promise<TopicListing>;
  describe(name: string): Promise<TopicDescription>;
  /** DescribeConfigs (API 32) of one topic: every key, without a look at the partitions. */
  describeConfigs(name: string): Promise<readonly ConfigEntry[]>;
  /** @throws TOPIC_ALREADY_EXISTS, INVALID_TOPIC_EXCEPTION, INVALID_PARTITIONS, INVALID_CONFIG */
  create(request: CreateTopicRequest): Promise<CreateTopicResult>;
  delete(name: string): Promise<void>;
  /**
   * CreatePartitions (API 37): the new total. With `validateOnly` everything is checked and nothing changed.
   * @throws INVALID_PARTITIONS when lower, POLICY_VIOLATION
   */
  createPartitions(name: string, partitionCount: number, validateOnly?: boolean): Promise<void>;
  /** @throws UNKNOWN_TOPIC_OR_PARTITION, INVALID_CONFIG */
  alterConfigs(name: string, changes: ConfigChanges, options?: AlterConfigsOptions): Promise<void>;
  /** DeleteRecords (API 21): moves log starts forward; -1 means the high watermark. Answers the new log starts. */
  deleteRecords(
    name: string,
    before: readonly { readonly partition: number; readonly offset: number }[],
  ): Promise<readonly { readonly partition: number; readonly logStartOffset: number }[]>;
}

// The narrow waist: what a door may ask of an engine. Types only, no logic.
//
// Every call means what Kafka's API of that name means: same nouns, same results, errors by name. Calls are
// asynchronous and made once per request or batch, never per record. No service sees a socket, a status or a version,
// and no door sees a segment. The embedded engine implements them over its own logs; an engine that sends them to an
// Apache Kafka cluster can stand in its place. Fields that Kafka does not have are marked (ours).

import type { ErrorName } from "./base/error.ts";

/** A partition by name. */
export interface TopicPartition {
  readonly topic: string;
  readonly partition: number;
}

/** acks: 0 answers at once, 1 when written, -1 ("all") when durable. */
export type RequiredAcks = 0 | 1 | -1;

/** One partition's part of a produce: one or more whole RecordBatch v2, back to back in `batches`. */
export interface ProducePartition extends TopicPartition {
  /**
   * Batches with consistent checksums. Base offset and leader epoch are overwritten in place: the caller gives the
   * bytes away and must not touch them until the promise resolves.
   */
  readonly batches: readonly Uint8Array[];
  /** (ours) Append only if the log end offset is exactly this, else OFFSET_MISMATCH. */
  readonly expectedEndOffset: number | null;
}

/** Produce (API 0). */
export interface ProduceRequest {
  readonly acks: RequiredAcks;
  readonly partitions: readonly ProducePartition[];
}

/** Answer for one partition, in request order. */
export interface ProducePartitionResult extends TopicPartition {
  readonly error: ErrorName | null;
  /** A sentence for humans when `error` is set. */
  readonly detail: string | null;
  /** Offset of the first record; -1 on error. */
  readonly baseOffset: number;
  /** Append time when the topic uses LogAppendTime, else -1. */
  readonly logAppendTimeMs: number;
  readonly logStartOffset: number;
  /** (ours) Log end offset, for OFFSET_MISMATCH; -1 when unknown. */
  readonly logEndOffset: number;
  /** (ours) What the answer promises: `fsync` on the disk, `written` in the page cache. */
  readonly durability: "fsync" | "written";
}

/** One partition's part of a fetch. */
export interface FetchPartition extends TopicPartition {
  readonly fetchOffset: number;
  /** Soft limit: the first batch of a reply is returned whole however large. */
  readonly maxBytes: number;
}

/** Fetch (API 1). */
export interface FetchRequest {
  /** Wait up to this long for `minBytes`. */
  readonly maxWaitMs: number;
  /** Answer once this many readable bytes are there; 0 answers at once. */
  readonly minBytes: number;
  readonly maxBytes: number;
  readonly isolation: "read_uncommitted" | "read_committed";
  readonly partitions: readonly FetchPartition[];
  /** Aborted when the client has gone: a parked fetch ends at once, empty. */
  readonly signal: AbortSignal | null;
}

/** Answer for one partition, in request order. */
export interface FetchPartitionResult extends TopicPartition {
  readonly error: ErrorName | null;
  readonly detail: string | null;
  readonly highWatermark: number;
  readonly lastStableOffset: number;
  readonly logStartOffset: number;
  /** Whole stored batches back to back, on loan until `release`; the first may begin below `fetchOffset`. */
  readonly batches: Uint8Array;
}

/** A fetch's reply; call `release` exactly when the last byte has been used. */
export interface FetchResult {
  readonly partitions: readonly FetchPartitionResult[];
  release(): void;
}

/** Timestamps with a meaning of their own in ListOffsets (API 2). */
export const listOffsetsTimestamp = { latest: -1, earliest: -2, maxTimestamp: -3 } as const;

/** One question of ListOffsets: `timestampMs` is a Unix time or one of `listOffsetsTimestamp`. */
export interface ListOffsetsPartition extends TopicPartition {
  readonly timestampMs: number;
}

/** Its answer; offset -1 when no record is at or after the time. */
export interface ListOffsetsResult extends TopicPartition {
  readonly error: ErrorName | null;
  readonly timestampMs: number;
  readonly offset: number;
}

/** One config key of a topic with where its value comes from. */
export interface ConfigEntry {
  readonly name: string;
  readonly value: string;
  /** `topic` when set on the topic, `server` when the server's settings change the default, else `default`. */
  readonly source: "topic" | "server" | "default";
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
}

/** IncrementalAlterConfigs (API 44) on one topic: null deletes the key, so that it takes its default again. */
export type ConfigChanges = Readonly<Record<string, string | null>>;

/** Produce and fetch. Per-partition failures come back in the results; only a malformed call throws. */
export interface DataServices {
  produce(request: ProduceRequest): Promise<readonly ProducePartitionResult[]>;
  fetch(request: FetchRequest): Promise<FetchResult>;
  listOffsets(partitions: readonly ListOffsetsPartition[]): Promise<readonly ListOffsetsResult[]>;
}

/** Topics. All methods throw LogError by name. */
export interface TopicServices {
  list(): Promise<readonly TopicListing[]>;
  /**
   * The listing of one topic, synchronously from the engine's metadata cache; null when unknown. Doors use it on hot
   * paths; an engine over a cluster answers from its cached metadata.
   */
  lookup(name: string): TopicListing | null;
  /**
   * Finds a topic, creating it with defaults when auto-creation is on.
   * @throws UNKNOWN_TOPIC_OR_PARTITION, INVALID_TOPIC_EXCEPTION
   */
  ensure(name: string): Promise<TopicListing>;
  describe(name: string): Promise<TopicDescription>;
  /** @throws TOPIC_ALREADY_EXISTS, INVALID_TOPIC_EXCEPTION, INVALID_PARTITIONS, INVALID_CONFIG */
  create(request: CreateTopicRequest): Promise<CreateTopicResult>;
  delete(name: string): Promise<void>;
  /**
   * CreatePartitions (API 37): the new total. With `validateOnly` everything is checked and nothing changed.
   * @throws INVALID_PARTITIONS when lower, POLICY_VIOLATION
   */
  createPartitions(name: string, partitionCount: number, validateOnly?: boolean): Promise<void>;
  alterConfigs(name: string, changes: ConfigChanges): Promise<void>;
  /** DeleteRecords (API 21): moves log starts forward; -1 means the high watermark. Answers the new log starts. */
  deleteRecords(
    name: string,
    before: readonly { readonly partition: number; readonly offset: number }[],
  ): Promise<readonly { readonly partition: number; readonly logStartOffset: number }[]>;
}

/** One topic's partitions, as assignments are written. */
export interface TopicAssignment {
  readonly topic: string;
  readonly partitions: readonly number[];
}

/** ConsumerGroupHeartbeat (API 68, KIP-848). */
export interface GroupHeartbeatRequest {
  readonly group: string;
  /** Empty: the coordinator names the member. */
  readonly memberId: string;
  /** 0 joins (or rejoins), -1 leaves, else the epoch last received. */
  readonly memberEpoch: number;
  /** Null: unchanged. Needed when joining. */
  readonly subscribedTopics: readonly string[] | null;
  /**
   * What the member still owns, revoked partitions included until it has let go of them. Null says nothing: then it is
   * taken to own all it was given. Empty when joining.
   */
  readonly ownedPartitions: readonly TopicAssignment[] | null;
  readonly serverAssignor: "uniform" | "range" | null;
  /** Holding revoked partitions for longer, the member is removed; -1: unchanged, not when joining. */
  readonly rebalanceTimeoutMs: number;
  /** (ours) Overrides the group's session timeout for this member; null: unchanged. */
  readonly sessionTimeoutMs: number | null;
  readonly clientId: string;
  readonly clientHost: string;
}

/** Its answer. */
export interface GroupHeartbeatResult {
  readonly memberId: string;
  readonly memberEpoch: number;
  readonly heartbeatIntervalMs: number;
  /**
   * What the member may read from now on. Null: unchanged, and so nothing to learn from it. It is given in full when it
   * has changed, when the member joins or lags an epoch, and when it reports other partitions than these as owned.
   */
  readonly assignment: readonly TopicAssignment[] | null;
}

/** OffsetCommit (API 8), one partition. */
export interface OffsetCommitPartition extends TopicPartition {
  /** The next offset to read. */
  readonly offset: number;
  readonly metadata: string;
}

/** OffsetCommit (API 8). Without a member (empty id, epoch -1) it is allowed while the group has no members. */
export interface OffsetCommitRequest {
  readonly group: string;
  readonly memberId: string;
  /**
   * The member's epoch: then every partition must be the member's, or one it is giving up. With -1 the member must
   * exist and no partition may be another member's.
   */
  readonly memberEpoch: number;
  readonly offsets: readonly OffsetCommitPartition[];
}

/** A committed offset as OffsetFetch (API 9) answers it; offset -1 when none was committed. */
export interface CommittedOffset extends TopicPartition {
  readonly offset: number;
  readonly metadata: string;
  /** Unix ms of the commit; -1 when none. */
  readonly committedAtMs: number;
}

/** One member as ConsumerGroupDescribe (API 69) shows it. */
export interface MemberDescription {
  readonly memberId: string;
  readonly memberEpoch: number;
  readonly clientId: string;
  readonly clientHost: string;
  readonly subscribedTopics: readonly string[];
  readonly assignment: readonly TopicAssignment[];
  readonly targetAssignment: readonly TopicAssignment[];
  /** Unix ms of the last heartbeat. */
  readonly lastSeenMs: number;
}

/** States of a consumer group, KIP-848. */
export type GroupState = "EMPTY" | "ASSIGNING" | "RECONCILING" | "STABLE";

/** A group as listed. */
export interface GroupListing {
  readonly group: string;
  readonly state: GroupState;
  readonly memberCount: number;
  /** Topics subscribed to or with committed offsets, sorted. */
  readonly topics: readonly string[];
}

/** A group in full. */
export interface GroupDescription extends GroupListing {
  readonly groupEpoch: number;
  readonly members: readonly MemberDescription[];
}

/** Consumer groups. All methods throw LogError by name. */
export interface GroupServices {
  /**
   * @throws UNKNOWN_MEMBER_ID, FENCED_MEMBER_EPOCH (rejoin with epoch 0), GROUP_MAX_SIZE_REACHED, INVALID_GROUP_ID,
   *         POLICY_VIOLATION (too many groups), INVALID_SESSION_TIMEOUT, INVALID_REQUEST
   */
  heartbeat(request: GroupHeartbeatRequest): Promise<GroupHeartbeatResult>;
  /**
   * (ours) Resolves when the member's assignment may have changed since its last heartbeat, or the signal aborts. An
   * engine over a cluster resolves it from its own heartbeats. Never rejects.
   */
  assignmentChanged(group: string, memberId: string, signal: AbortSignal): Promise<void>;
  /**
   * All offsets or none. A group that does not exist is made.
   * @throws STALE_MEMBER_EPOCH (also for a partition that is not the member's), FENCED_MEMBER_EPOCH (no such member),
   *         NON_EMPTY_GROUP (no member named, but there are some), UNKNOWN_TOPIC_OR_PARTITION, INVALID_REQUEST,
   *         OFFSET_METADATA_TOO_LARGE, INVALID_GROUP_ID, POLICY_VIOLATION
   */
  commitOffsets(request: OffsetCommitRequest): Promise<void>;
  /** OffsetFetch (API 9): the given partitions, or all with a commit when null. An unknown group has none. */
  committedOffsets(
    group: string,
    partitions: readonly TopicPartition[] | null,
  ): Promise<readonly CommittedOffset[]>;
  /**
   * (ours) AlterConsumerGroupOffsets of the admin client: sets offsets, of a new group as well.
   * @throws NON_EMPTY_GROUP, and what commitOffsets throws
   */
  alterOffsets(group: string, offsets: readonly OffsetCommitPartition[]): Promise<void>;
  list(): Promise<readonly GroupListing[]>;
  /** @throws GROUP_ID_NOT_FOUND */
  describe(group: string): Promise<GroupDescription>;
  /** @throws GROUP_ID_NOT_FOUND, NON_EMPTY_GROUP */
  delete(group: string): Promise<void>;
}

/** What `/readyz` and `/metrics` show of an engine. */
export interface EngineHealth {
  readonly ready: boolean;
  /** Sentences, empty when all is well. */
  readonly problems: readonly string[];
}

/** The engine as doors see it. */
export interface Services {
  readonly data: DataServices;
  readonly topics: TopicServices;
  readonly groups: GroupServices;
  health(): Promise<EngineHealth>;
}

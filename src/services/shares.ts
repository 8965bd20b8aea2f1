// Share groups (KIP-932): readers that share records instead of partitions. A work queue is a share group with settings
// of its own; both are seen from here.

import type { ErrorName } from "../base/error.ts";
import type { TopicPartition } from "./data.ts";
import type { TopicAssignment } from "./groups.ts";

/** ShareGroupHeartbeat (API 76). */
export interface ShareHeartbeatRequest {
  readonly group: string;
  /** Made by the client. */
  readonly memberId: string;
  /** 0 joins (or rejoins), -1 leaves, else the epoch last received. */
  readonly memberEpoch: number;
  readonly rackId: string | null;
  /** Null: unchanged. Needed when joining. */
  readonly subscribedTopics: readonly string[] | null;
  readonly clientId: string;
  readonly clientHost: string;
}

/** Its answer. */
export interface ShareHeartbeatResult {
  readonly memberId: string;
  readonly memberEpoch: number;
  readonly heartbeatIntervalMs: number;
  /** Null: unchanged since the last heartbeat. */
  readonly assignment: readonly TopicAssignment[] | null;
}

/** One member as ShareGroupDescribe (API 77) shows it. */
export interface ShareMemberDescription {
  readonly memberId: string;
  readonly rackId: string | null;
  readonly memberEpoch: number;
  readonly clientId: string;
  readonly clientHost: string;
  readonly subscribedTopics: readonly string[];
  readonly assignment: readonly TopicAssignment[];
}

/** A share group as listed: EMPTY without members. */
export interface ShareGroupListing {
  readonly group: string;
  readonly state: "EMPTY" | "STABLE";
}

/** A share group in full. */
export interface ShareGroupDescription extends ShareGroupListing {
  readonly groupEpoch: number;
  readonly assignmentEpoch: number;
  /** `simple`. */
  readonly assignor: string;
  readonly members: readonly ShareMemberDescription[];
}

/** What a reader says of records it acquired. `gap`: there is no such record. */
export type AcknowledgeType = "accept" | "release" | "reject" | "gap" | "renew";

/** One range of ShareFetch's and ShareAcknowledge's acknowledgements. */
export interface AcknowledgementBatch {
  readonly firstOffset: number;
  readonly lastOffset: number;
  /** One for the whole range, or one an offset. */
  readonly types: readonly AcknowledgeType[];
}

/** The acknowledgements of one partition; refused or taken whole. */
export interface PartitionAcknowledgement extends TopicPartition {
  /** In order of offset, without overlap. */
  readonly batches: readonly AcknowledgementBatch[];
}

/** What became of one partition's acknowledgements. */
export interface AcknowledgeResult extends TopicPartition {
  /** INVALID_RECORD_STATE: not acquired by this member, or its lock has lapsed. */
  readonly error: ErrorName | null;
  readonly detail: string | null;
}

/** Records with one delivery count. */
export interface AcquiredRange {
  readonly firstOffset: number;
  readonly lastOffset: number;
  /** How often they were acquired, this time included. */
  readonly deliveryCount: number;
}

/** Acquires records of some partitions for one member. */
export interface ShareAcquireRequest {
  readonly group: string;
  /** Who holds the locks; only it may acknowledge. */
  readonly memberId: string;
  readonly partitions: readonly TopicPartition[];
  readonly maxRecords: number;
  /** Soft: the first batch of a reply is returned whole however large. */
  readonly maxBytes: number;
  /** Wait up to this long for a first record. */
  readonly maxWaitMs: number;
  /** Aborted when the client has gone. */
  readonly signal: AbortSignal | null;
}

/** Answer for one partition. */
export interface ShareAcquirePartition extends TopicPartition {
  readonly error: ErrorName | null;
  readonly detail: string | null;
  /** Whole stored batches, in order of offset, on loan until `release`; what is not in `acquired` is to be ignored. */
  readonly batches: readonly Uint8Array[];
  readonly acquired: readonly AcquiredRange[];
}

/** A reply of acquired records; call `release` exactly when the last byte has been used. */
export interface ShareAcquireResult {
  /** How long the locks hold. */
  readonly lockMs: number;
  /** Those with records or errors, in no order. */
  readonly partitions: readonly ShareAcquirePartition[];
  release(): void;
}

/** One partition as DescribeShareGroupOffsets (API 90) shows it. */
export interface SharePartitionOffset extends TopicPartition {
  readonly topicId: string;
  /** The first record that is not settled; -1 when the group has not begun with the partition. */
  readonly startOffset: number;
  /** Records that are not settled; -1 when unknown. */
  readonly lag: number;
}

/** Share groups. All methods throw LogError by name. */
export interface ShareServices {
  /**
   * @throws UNKNOWN_MEMBER_ID, FENCED_MEMBER_EPOCH, GROUP_MAX_SIZE_REACHED, INVALID_REQUEST, INVALID_GROUP_ID,
   *         GROUP_ID_NOT_FOUND (a consumer group has the name)
   */
  heartbeat(request: ShareHeartbeatRequest): Promise<ShareHeartbeatResult>;
  /** The groups there are, queues among them. */
  list(): Promise<readonly ShareGroupListing[]>;
  /** @throws GROUP_ID_NOT_FOUND */
  describe(group: string): Promise<ShareGroupDescription>;
  /** What of a ShareFetch acquires and reads. @throws GROUP_ID_NOT_FOUND, COORDINATOR_NOT_AVAILABLE */
  acquire(request: ShareAcquireRequest): Promise<ShareAcquireResult>;
  /** Acknowledges for one member; durable when it resolves. One result a partition, in their order. */
  acknowledge(
    group: string,
    memberId: string,
    partitions: readonly PartitionAcknowledgement[],
  ): Promise<readonly AcknowledgeResult[]>;
  /** Everything the member holds becomes available again, as when its session ends. */
  releaseAll(group: string, memberId: string): Promise<void>;
  /** DescribeShareGroupOffsets (API 90): the given topics, or all that the group knows when null. */
  offsets(
    group: string,
    topics: readonly string[] | null,
  ): Promise<readonly SharePartitionOffset[]>;
  /**
   * AlterShareGroupOffsets (API 91): what is in flight is forgotten. One result a partition.
   * @throws NON_EMPTY_GROUP, GROUP_ID_NOT_FOUND
   */
  alterOffsets(
    group: string,
    partitions: readonly (TopicPartition & { readonly startOffset: number })[],
  ): Promise<readonly AcknowledgeResult[]>;
  /** DeleteShareGroupOffsets (API 92), by topic. @throws NON_EMPTY_GROUP, GROUP_ID_NOT_FOUND */
  deleteOffsets(group: string, topics: readonly string[]): Promise<readonly (ErrorName | null)[]>;
  /** DeleteGroups (API 42) of a share group. @throws NON_EMPTY_GROUP, GROUP_ID_NOT_FOUND */
  delete(group: string): Promise<void>;
  /**
   * Configs of the group by Kafka's keys (`share.record.lock.duration.ms`, `share.auto.offset.reset`,
   * `share.isolation.level`, `share.delivery.count.limit`); what is not set is absent.
   */
  groupConfigs(group: string): Promise<Readonly<Record<string, string>>>;
  /**
   * Sets (text) or resets (null) configs of a group, which need not exist; with `validateOnly` nothing changes.
   * @throws INVALID_CONFIG, INVALID_GROUP_ID, GROUP_ID_NOT_FOUND (a consumer group has the name)
   */
  alterGroupConfigs(
    group: string,
    changes: Readonly<Record<string, string | null>>,
    options?: { readonly validateOnly: boolean },
  ): Promise<void>;
}

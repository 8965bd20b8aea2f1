// Consumer groups: members of the new protocol (KIP-848) and committed offsets.

import type { ErrorName } from "../base/error.ts";
import type { TopicPartition } from "./data.ts";

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
  /** Names a static member; null or absent for dynamic ones. */
  readonly instanceId?: string | null;
  /** 0 joins (or rejoins), -1 leaves, -2 leaves for a moment (static members), else the epoch last received. */
  readonly memberEpoch: number;
  /** Null: unchanged. Needed when joining. */
  readonly subscribedTopics: readonly string[] | null;
  /** Topics by an RE2 expression, beside those by name. Null or absent: unchanged; empty: none. */
  readonly subscribedTopicRegex?: string | null;
  /**
   * What the member still owns, revoked partitions included until it has let go of them. Null says nothing: then it is
   * taken to own all it was given. Empty when joining.
   */
  readonly ownedPartitions: readonly TopicAssignment[] | null;
  /** `uniform` or `range`; null leaves it to the others. Anything else is UNSUPPORTED_ASSIGNOR. */
  readonly serverAssignor: string | null;
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
  /** Leader epoch of the record before, kept for the client; absent or -1 when it knows none. */
  readonly leaderEpoch?: number;
}

/** What became of one partition of a commit. */
export interface OffsetCommitResult extends TopicPartition {
  readonly error: ErrorName | null;
}

/** OffsetCommit (API 8). Without a member (empty id, epoch -1) it is allowed while the group has no members. */
export interface OffsetCommitRequest {
  readonly group: string;
  readonly memberId: string;
  /** Names a static member; null or absent for dynamic ones. */
  readonly instanceId?: string | null;
  /**
   * The member's epoch (of a classic group: its generation). With `allOrNone` every partition must be the member's too,
   * or one it is giving up; and with -1 the member must exist and no partition may be another member's.
   */
  readonly memberEpoch: number;
  readonly offsets: readonly OffsetCommitPartition[];
  /**
   * (ours) True (the default): one bad partition refuses all by throwing. False does as Kafka: it is named in the
   * results, and the others commit; of members the epoch alone is checked, not what they have; and who is no member is
   * refused by Kafka's names.
   */
  readonly allOrNone?: boolean;
}

/** A committed offset as OffsetFetch (API 9) answers it; offset -1 when none was committed. */
export interface CommittedOffset extends TopicPartition {
  readonly offset: number;
  readonly metadata: string;
  /** As it was committed; -1 when none was. */
  readonly leaderEpoch: number;
  /** Unix ms of the commit; -1 when none. */
  readonly committedAtMs: number;
  /** UNSTABLE_OFFSET_COMMIT when a stable one was asked for and a transaction is about to change it; else null. */
  readonly error: ErrorName | null;
}

/** How OffsetFetch (API 9) is to be answered. */
export interface OffsetFetchOptions {
  /** The member that asks, checked against the group; null does not check. */
  readonly member: { readonly memberId: string; readonly memberEpoch: number } | null;
  /** Offsets that an open transaction is about to change are refused instead of given as they were. */
  readonly requireStable: boolean;
}

/** One member as ConsumerGroupDescribe (API 69) shows it. */
export interface MemberDescription {
  readonly memberId: string;
  readonly instanceId: string | null;
  readonly memberEpoch: number;
  readonly clientId: string;
  readonly clientHost: string;
  readonly subscribedTopics: readonly string[];
  readonly subscribedTopicRegex: string | null;
  readonly assignment: readonly TopicAssignment[];
  readonly targetAssignment: readonly TopicAssignment[];
  /** Unix ms of the last heartbeat. */
  readonly lastSeenMs: number;
}

/** States of a consumer group: of KIP-848, and the two that only classic groups have. */
export type GroupState =
  | "EMPTY"
  | "ASSIGNING"
  | "RECONCILING"
  | "PREPARING_REBALANCE"
  | "COMPLETING_REBALANCE"
  | "STABLE";

/** A group as listed. */
export interface GroupListing {
  readonly group: string;
  /** Whose protocol its members speak, or spoke last. */
  readonly kind: "consumer" | "classic";
  /** `consumer`, `connect`; empty for a group that only ever had offsets. */
  readonly protocolType: string;
  readonly state: GroupState;
  readonly memberCount: number;
  /** Topics subscribed to or with committed offsets, sorted. */
  readonly topics: readonly string[];
}

/** A group in full. */
export interface GroupDescription extends GroupListing {
  /** Of a classic group: its generation. */
  readonly groupEpoch: number;
  readonly assignmentEpoch: number;
  /** The assignor or protocol in use; empty when there is none. */
  readonly assignor: string;
  readonly members: readonly MemberDescription[];
}

/** Consumer groups. All methods throw LogError by name. */
export interface GroupServices {
  /**
   * A request with every field that may be null is answered with the assignment in full.
   *
   * @throws UNKNOWN_MEMBER_ID, FENCED_MEMBER_EPOCH (rejoin with epoch 0), GROUP_MAX_SIZE_REACHED, INVALID_GROUP_ID,
   *         POLICY_VIOLATION (too many groups), INVALID_SESSION_TIMEOUT, INVALID_REQUEST, UNSUPPORTED_ASSIGNOR,
   *         INVALID_REGULAR_EXPRESSION, GROUP_ID_NOT_FOUND (it has members of the classic protocol); of static members
   *         UNRELEASED_INSTANCE_ID (another has it and has not left), FENCED_INSTANCE_ID (another has it by now)
   */
  heartbeat(request: GroupHeartbeatRequest): Promise<GroupHeartbeatResult>;
  /**
   * (ours) Resolves when the member's assignment may have changed since its last heartbeat, or the signal aborts. An
   * engine over a cluster resolves it from its own heartbeats. Never rejects.
   */
  assignmentChanged(group: string, memberId: string, signal: AbortSignal): Promise<void>;
  /**
   * One result a partition, in their order. A group that does not exist is made.
   * @throws STALE_MEMBER_EPOCH (also for a partition that is not the member's), FENCED_MEMBER_EPOCH (no such member),
   *         NON_EMPTY_GROUP (no member named, but there are some), UNKNOWN_TOPIC_OR_PARTITION, INVALID_REQUEST,
   *         OFFSET_METADATA_TOO_LARGE, INVALID_GROUP_ID, POLICY_VIOLATION; of classic groups UNKNOWN_MEMBER_ID,
   *         ILLEGAL_GENERATION, REBALANCE_IN_PROGRESS, FENCED_INSTANCE_ID. Without `allOrNone` UNKNOWN_MEMBER_ID (no
   *         such member, or none named and there are some), GROUP_ID_NOT_FOUND (a member named, but no such group)
   */
  commitOffsets(request: OffsetCommitRequest): Promise<readonly OffsetCommitResult[]>;
  /**
   * OffsetFetch (API 9): the given partitions, or all with a commit when null. An unknown group has none.
   * @throws UNKNOWN_MEMBER_ID, STALE_MEMBER_EPOCH when a member is named
   */
  committedOffsets(
    group: string,
    partitions: readonly TopicPartition[] | null,
    options?: OffsetFetchOptions,
  ): Promise<readonly CommittedOffset[]>;
  /**
   * (ours) AlterConsumerGroupOffsets of the admin client: sets offsets, of a new group as well.
   * @throws NON_EMPTY_GROUP, and what commitOffsets throws
   */
  alterOffsets(group: string, offsets: readonly OffsetCommitPartition[]): Promise<void>;
  /**
   * OffsetDelete (API 47), one result a partition.
   * @throws GROUP_ID_NOT_FOUND, NON_EMPTY_GROUP; a topic that members read has GROUP_SUBSCRIBED_TO_TOPIC
   */
  deleteOffsets(
    group: string,
    partitions: readonly TopicPartition[],
  ): Promise<readonly OffsetCommitResult[]>;
  /** Groups of both protocols. */
  list(): Promise<readonly GroupListing[]>;
  /** A group of either protocol. @throws GROUP_ID_NOT_FOUND */
  describe(group: string): Promise<GroupDescription>;
  /** @throws GROUP_ID_NOT_FOUND, NON_EMPTY_GROUP */
  delete(group: string): Promise<void>;
}

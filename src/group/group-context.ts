// What decisions about groups depend on beside the groups: the topics there are, bounds, and the time.

import type { TopicPatterns } from "./topic-patterns.ts";

/** What groups need to know of a topic; null when there is none of that name. */
export type TopicLookup = (
  name: string,
) => { readonly topicId: string; readonly partitionCount: number } | null;

/** Bounds of groups. Times in milliseconds. */
export interface GroupLimits {
  readonly groupCountMax: number;
  readonly membersPerGroupMax: number;
  readonly topicsPerMemberMax: number;
  /** Of a committed offset's metadata, as UTF-8. */
  readonly metadataBytesMax: number;
  readonly sessionTimeoutMsMin: number;
  readonly sessionTimeoutMsMax: number;
  /** Taken when a member names none. */
  readonly sessionTimeoutMsDefault: number;
  /** Kafka's clients ask for up to 2^31 - 1, when nothing is ever too slow for them. */
  readonly rebalanceTimeoutMsMax: number;
  /** Members of classic groups may not ask for less. */
  readonly classicSessionTimeoutMsMin: number;
  /** How long an empty classic group waits for more members before its first generation. */
  readonly initialRebalanceDelayMs: number;
  /** Asked of members, or a third of their session timeout when that is less. */
  readonly heartbeatIntervalMsMax: number;
  /** How long a committed offset that nobody needs is kept. */
  readonly offsetsRetentionMs: number;
  /** How often lapsed offsets are looked for. */
  readonly offsetsCheckIntervalMs: number;
}

/**
 * Kafka's defaults where it has them; shorter session timeouts are allowed than its 1000 ms would suggest. A new
 * classic group waits for half a second, not for Kafka's three: consumers that start together still find each other,
 * and who tries a first one has its records at once.
 */
export const defaultGroupLimits: GroupLimits = {
  groupCountMax: 10_000,
  membersPerGroupMax: 1_000,
  topicsPerMemberMax: 10_000,
  metadataBytesMax: 4_096,
  sessionTimeoutMsMin: 100,
  sessionTimeoutMsMax: 1_800_000,
  sessionTimeoutMsDefault: 45_000,
  rebalanceTimeoutMsMax: 2_147_483_647,
  classicSessionTimeoutMsMin: 6_000,
  initialRebalanceDelayMs: 500,
  heartbeatIntervalMsMax: 5_000,
  offsetsRetentionMs: 7 * 86_400_000,
  offsetsCheckIntervalMs: 600_000,
};

/** What decisions depend on beside the group. */
export interface GroupContext {
  readonly topics: TopicLookup;
  /** What the regular expressions of members match. */
  readonly patterns: TopicPatterns;
  readonly limits: GroupLimits;
  readonly nowMs: number;
}

// Committed offsets of a group as OffsetFetch shows them.

import type { CommittedOffset, OffsetFetchOptions, TopicPartition } from "../services.ts";
import type { Group } from "./group.ts";
import { checkReader } from "./offset-commits.ts";

/**
 * The given partitions in their order, or with null all by name. No group (null) has no commits.
 * @throws UNKNOWN_MEMBER_ID, STALE_MEMBER_EPOCH
 */
export function committedView(
  group: Group | null,
  partitions: readonly TopicPartition[] | null,
  options: OffsetFetchOptions,
): readonly CommittedOffset[] {
  if (group !== null) checkReader(group, options);
  return (partitions ?? placesOf(group, options)).map((place) => offsetOf(group, place, options));
}

/** Every partition with a committed offset, by name; with a pending one too when those are refused. */
function placesOf(
  group: Group | null,
  { requireStable }: OffsetFetchOptions,
): readonly TopicPartition[] {
  const places = new Map<string, TopicPartition>();
  for (const offsets of [group?.offsets, requireStable ? group?.pending : null]) {
    for (const { topic, partition } of offsets?.entries() ?? []) {
      places.set(`${partition} ${topic}`, { topic, partition });
    }
  }
  return [...places.values()].sort((left, right) => {
    if (left.topic !== right.topic) return left.topic < right.topic ? -1 : 1;
    return left.partition - right.partition;
  });
}

const noCommit = { offset: -1, metadata: "", leaderEpoch: -1, committedAtMs: -1, error: null };

function offsetOf(
  group: Group | null,
  { topic, partition }: TopicPartition,
  { requireStable }: OffsetFetchOptions,
): CommittedOffset {
  if (requireStable && (group?.pending.ofPartition(topic, partition).length ?? 0) > 0) {
    return { topic, partition, ...noCommit, error: "UNSTABLE_OFFSET_COMMIT" };
  }
  const committed = group?.offsets.find(topic, partition) ?? null;
  if (committed === null) return { topic, partition, ...noCommit };
  const { offset, metadata, leaderEpoch, committedAtMs } = committed;
  return { topic, partition, offset, metadata, leaderEpoch, committedAtMs, error: null };
}

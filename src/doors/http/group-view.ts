// Groups as clients see them: states by their HTTP names, committed offsets with log end and lag.

import { LogError } from "../../base/error.ts";
import type {
  CommittedOffset,
  DataServices,
  GroupState,
  Services,
  TopicPartition,
} from "../../services.ts";
import { listOffsetsTimestamp } from "../../services.ts";

/** A committed offset with what it means; null where nothing was committed or the partition is gone. */
export interface OffsetView extends TopicPartition {
  readonly committedOffset: number | null;
  readonly logEndOffset: number | null;
  /** Records between the two; everything readable where nothing was committed. */
  readonly lag: number | null;
  readonly metadata: string;
}

/** What clients see of a group's state. */
export function stateView(state: GroupState): "EMPTY" | "STABLE" | "REBALANCING" {
  if (state === "EMPTY" || state === "STABLE") return state;
  return "REBALANCING";
}

/** A name of a group, member or queue, checked. @throws INVALID_GROUP_ID */
export function checkedName(name: string, what: "group" | "member" | "queue"): string {
  const isPrintable = !/[\p{Cc}\p{Cs}]/u.test(name);
  if (name.length >= 1 && name.length <= 255 && isPrintable) return name;
  throw new LogError("INVALID_GROUP_ID", `a ${what} name is 1 to 255 printable characters`);
}

/** The committed offsets of some partitions with log end and lag, in the order given. */
export async function offsetViews(
  services: Services,
  offsets: readonly CommittedOffset[],
): Promise<readonly OffsetView[]> {
  const ends = await bounds(services.data, offsets, listOffsetsTimestamp.latest);
  const starts = await bounds(services.data, offsets, listOffsetsTimestamp.earliest);
  return offsets.map(({ topic, partition, offset, metadata }, index) => {
    const committedOffset = offset < 0 ? null : offset;
    const logEndOffset = ends[index] ?? null;
    const from = committedOffset ?? starts[index] ?? 0;
    const lag = logEndOffset === null ? null : Math.max(0, logEndOffset - from);
    return { topic, partition, committedOffset, logEndOffset, lag, metadata };
  });
}

async function bounds(
  data: DataServices,
  partitions: readonly TopicPartition[],
  timestampMs: number,
): Promise<readonly (number | null)[]> {
  if (partitions.length === 0) return [];
  const asked = partitions.map(({ topic, partition }) => ({ topic, partition, timestampMs }));
  const results = await data.listOffsets(asked);
  return results.map(({ error, offset }) => (error === null ? offset : null));
}

/** Every partition of some topics. @throws UNKNOWN_TOPIC_OR_PARTITION */
export function partitionsOf(services: Services, topics: readonly string[]): TopicPartition[] {
  return topics.flatMap((topic) => {
    const listing = services.topics.lookup(topic);
    if (listing === null) {
      throw new LogError("UNKNOWN_TOPIC_OR_PARTITION", `there is no topic '${topic}'`, {
        facts: { topic },
      });
    }
    return Array.from({ length: listing.partitionCount }, (_, partition) => ({ topic, partition }));
  });
}

/** Sorts by topic, then partition. */
export function byPlace(left: TopicPartition, right: TopicPartition): number {
  if (left.topic !== right.topic) return left.topic < right.topic ? -1 : 1;
  return left.partition - right.partition;
}

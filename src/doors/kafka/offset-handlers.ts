// Committed offsets of groups: OffsetCommit, OffsetFetch, OffsetDelete.

import type { ErrorName } from "../../base/error.ts";
import type { CommittedOffset, OffsetFetchOptions, TopicPartition } from "../../services.ts";
import { byTopic, placesOf } from "./by-topic.ts";
import { kafkaErrorCode } from "./error-code.ts";
import { coordinatorCode, failureOf } from "./failure.ts";
import type { Handler, KafkaContext, ServingTable } from "./handler.ts";
import { repeatedIn } from "./repeated.ts";

const offsetCommit: Handler<"offsetCommit"> = async (request, { version }, context) => {
  const offsets = request.topics.flatMap(({ name, partitions }) =>
    partitions.map((each) => ({
      topic: name,
      partition: each.partitionIndex,
      offset: each.committedOffset,
      leaderEpoch: each.committedLeaderEpoch,
      metadata: each.committedMetadata ?? "",
    })),
  );
  try {
    const results = await context.services.groups.commitOffsets({
      group: request.groupId,
      memberId: request.memberId,
      instanceId: request.groupInstanceId,
      memberEpoch: request.generationIdOrMemberEpoch,
      offsets,
      allOrNone: false,
    });
    const topics = byTopic(results, ({ partition, error }) => {
      return { partitionIndex: partition, errorCode: coordinatorCode(error) };
    });
    return { topics };
  } catch (error) {
    const { code } = failureOf(error, context);
    const errorCode = coordinatorCode(commitError(code, version));
    // There is no place for an error of the whole: it is said of every partition.
    const topics = byTopic(offsets, ({ partition }) => ({ partitionIndex: partition, errorCode }));
    return { topics };
  }
};

/** An error of a commit, as clients know it that speak this version: member epochs came with version 9. */
function commitError(code: ErrorName, version: number): ErrorName {
  if (version >= 9) return code;
  if (code === "STALE_MEMBER_EPOCH") return "UNSUPPORTED_VERSION";
  return code === "GROUP_ID_NOT_FOUND" ? "ILLEGAL_GENERATION" : code;
}

interface FetchedGroup {
  readonly groupId: string;
  readonly errorCode: number;
  readonly topics: readonly {
    readonly name: string;
    readonly partitions: readonly {
      readonly partitionIndex: number;
      readonly committedOffset: number;
      readonly committedLeaderEpoch: number;
      readonly metadata: string;
      readonly errorCode: number;
    }[];
  }[];
}

const offsetFetch: Handler<"offsetFetch"> = async (request, { version }, context) => {
  const { requireStable } = request;
  if (version >= 8) {
    const repeated = repeatedIn(request.groups.map(({ groupId }) => groupId));
    const groups = await Promise.all(
      request.groups.map(async ({ groupId, memberId, memberEpoch, topics }) => {
        // A group that is named often would come back as often, with all it has.
        if (repeated.has(groupId)) return repeatedGroup(groupId);
        const member = memberId === null ? null : { memberId, memberEpoch };
        const places = topics === null ? null : placesOf(topics.map(numbered));
        return await fetchGroup(context, { groupId, places, options: { member, requireStable } });
      }),
    );
    return { groups };
  }
  const { groupId } = request;
  const places = request.topics === null ? null : placesOf(request.topics.map(numbered));
  const fetched = await fetchGroup(context, {
    groupId,
    places,
    options: { member: null, requireStable },
  });
  if (version >= 2 || fetched.errorCode === 0) return fetched;
  // The first version has no place for an error of the whole.
  return { topics: byTopic(places ?? [], (place) => noOffset(place, fetched.errorCode)) };
};

function repeatedGroup(groupId: string): FetchedGroup {
  return { groupId, errorCode: kafkaErrorCode.INVALID_REQUEST, topics: [] };
}

function numbered(topic: { readonly name: string; readonly partitionIndexes: readonly number[] }): {
  readonly name: string;
  readonly partitions: readonly number[];
} {
  return { name: topic.name, partitions: topic.partitionIndexes };
}

async function fetchGroup(
  context: KafkaContext,
  asked: {
    readonly groupId: string;
    readonly places: readonly TopicPartition[] | null;
    readonly options: OffsetFetchOptions;
  },
): Promise<FetchedGroup> {
  const { groupId, places, options } = asked;
  try {
    const found = await context.services.groups.committedOffsets(groupId, places, options);
    return { groupId, errorCode: 0, topics: byTopic(found, shown) };
  } catch (error) {
    return { groupId, errorCode: coordinatorCode(failureOf(error, context).code), topics: [] };
  }
}

function shown(committed: CommittedOffset): FetchedGroup["topics"][number]["partitions"][number] {
  if (committed.error !== null) return noOffset(committed, coordinatorCode(committed.error));
  return {
    partitionIndex: committed.partition,
    committedOffset: committed.offset,
    committedLeaderEpoch: committed.leaderEpoch,
    metadata: committed.metadata,
    errorCode: 0,
  };
}

function noOffset(
  { partition }: TopicPartition,
  errorCode: number,
): FetchedGroup["topics"][number]["partitions"][number] {
  return {
    partitionIndex: partition,
    committedOffset: -1,
    committedLeaderEpoch: -1,
    metadata: "",
    errorCode,
  };
}

const offsetDelete: Handler<"offsetDelete"> = async (request, _call, context) => {
  const places = request.topics.flatMap(({ name, partitions }) =>
    partitions.map(({ partitionIndex }) => ({ topic: name, partition: partitionIndex })),
  );
  try {
    const results = await context.services.groups.deleteOffsets(request.groupId, places);
    const topics = byTopic(results, ({ partition, error }) => {
      return { partitionIndex: partition, errorCode: coordinatorCode(error) };
    });
    return { errorCode: 0, topics };
  } catch (error) {
    const errorCode = coordinatorCode(failureOf(error, context).code);
    return { errorCode, topics: [] };
  }
};

/** Committed offsets. */
export const offsetHandlers: ServingTable = {
  offsetCommit: { min: 2, max: 9, handle: offsetCommit },
  offsetFetch: { min: 1, max: 9, beginsInTurn: true, handle: offsetFetch },
  offsetDelete: { min: 0, max: 0, handle: offsetDelete },
};

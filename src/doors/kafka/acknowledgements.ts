// What members say of records they acquired, as ShareFetch and ShareAcknowledge carry it: checked, named by topic, put
// to the services, and answered partition by partition.

import { type ErrorName, LogError } from "../../base/error.ts";
import type { RequestOf } from "../../protocol/apis.ts";
import type {
  AcknowledgementBatch,
  AcknowledgeResult,
  AcknowledgeType,
  PartitionAcknowledgement,
  ShareServices,
  TopicServices,
} from "../../services.ts";
import { nameError } from "./error-code.ts";
import type { PartitionById, ShareMember } from "./share-sessions.ts";

/** The part of both requests that acknowledges. */
export type AcknowledgedTopics = RequestOf<"shareAcknowledge">["topics"];

type WireBatch = AcknowledgedTopics[number]["partitions"][number]["acknowledgementBatches"][number];

/** What became of the acknowledgements of one partition. */
export interface AcknowledgedPartition extends PartitionById {
  readonly error: ErrorName | null;
  readonly detail: string | null;
}

/** By Kafka's numbers. */
const types: readonly AcknowledgeType[] = ["gap", "accept", "release", "reject", "renew"];

// Far more than a member can hold; each offset may have a type of its own.
const typesMax = 1_000_000;
const memberIdLengthMax = 36;

/** Who asks. @throws INVALID_REQUEST */
export function shareMemberOf(request: {
  readonly groupId: string | null;
  readonly memberId: string | null;
}): ShareMember {
  const { groupId, memberId } = request;
  if (groupId === null || groupId === "") {
    throw new LogError("INVALID_REQUEST", "the name of the share group is missing");
  }
  if (memberId === null || memberId === "" || memberId.length > memberIdLengthMax) {
    const detail = `a member id has 1 to ${memberIdLengthMax} characters`;
    throw new LogError("INVALID_REQUEST", detail);
  }
  return { group: groupId, memberId };
}

/** Every partition of the topics. */
export function placesById(topics: AcknowledgedTopics): readonly PartitionById[] {
  return topics.flatMap(({ topicId, partitions }) =>
    partitions.map(({ partitionIndex }) => ({ topicId, partition: partitionIndex })),
  );
}

/** Whether something is acknowledged at all. */
export function isAcknowledging(topics: AcknowledgedTopics): boolean {
  return topics.some(({ partitions }) =>
    partitions.some(({ acknowledgementBatches }) => acknowledgementBatches.length > 0),
  );
}

/** The topic and the fault of a partition that is not there; no fault where it is. */
export function placeOf(
  { topicId, partition }: PartitionById,
  topics: TopicServices,
): { readonly topic: string; readonly error: ErrorName | null } {
  const listing = topics.lookupId(topicId);
  if (listing === null) return { topic: "", error: "UNKNOWN_TOPIC_ID" };
  const isThere = partition >= 0 && partition < listing.partitionCount;
  return { topic: listing.name, error: isThere ? null : "UNKNOWN_TOPIC_OR_PARTITION" };
}

interface Asked extends PartitionById {
  readonly acknowledgement: PartitionAcknowledgement | null;
  readonly error: ErrorName | null;
  readonly detail: string | null;
}

/**
 * Acknowledges for a member. Synchronous up to the call of the services; one result a partition that acknowledges
 * something. Never rejects.
 */
export async function acknowledged(
  topics: AcknowledgedTopics,
  member: ShareMember,
  how: {
    readonly mayRenew: boolean;
    readonly services: { readonly shares: ShareServices; readonly topics: TopicServices };
    readonly onFailure: (error: unknown) => void;
  },
): Promise<readonly AcknowledgedPartition[]> {
  const { services, mayRenew, onFailure } = how;
  const asked = askedOf(topics, { mayRenew, topics: services.topics });
  const good = asked.flatMap(({ acknowledgement }) => acknowledgement ?? []);
  try {
    const results =
      good.length === 0
        ? []
        : await services.shares.acknowledge(member.group, member.memberId, good);
    const rest = results.values();
    return asked.map((each) => {
      const { topicId, partition, acknowledgement } = each;
      if (acknowledgement === null) return each;
      const { error, detail } = rest.next().value ?? unanswered;
      return { topicId, partition, error, detail };
    });
  } catch (error) {
    onFailure(error);
    const { code, message } = nameError(error);
    return asked.map(({ acknowledgement, ...each }) =>
      acknowledgement === null ? each : { ...each, error: code, detail: message },
    );
  }
}

const unanswered: Pick<AcknowledgeResult, "error" | "detail"> = {
  error: "UNKNOWN_SERVER_ERROR",
  detail: "there is no result for this partition",
};

function askedOf(
  acknowledging: AcknowledgedTopics,
  how: { readonly mayRenew: boolean; readonly topics: TopicServices },
): readonly Asked[] {
  const byPlace = new Map<string, Asked>();
  for (const { topicId, partitions } of acknowledging) {
    for (const { partitionIndex: partition, acknowledgementBatches } of partitions) {
      if (acknowledgementBatches.length === 0) continue;
      const place = { topicId, partition };
      const name = `${topicId} ${partition}`;
      const isRepeated = byPlace.has(name);
      byPlace.set(name, isRepeated ? repeated(place) : askedAt(place, acknowledgementBatches, how));
    }
  }
  return [...byPlace.values()];
}

function repeated(place: PartitionById): Asked {
  const detail = "the partition is acknowledged more than once in one request";
  return { ...place, acknowledgement: null, error: "INVALID_REQUEST", detail };
}

function askedAt(
  place: PartitionById,
  batches: readonly WireBatch[],
  how: { readonly mayRenew: boolean; readonly topics: TopicServices },
): Asked {
  const { topic, error } = placeOf(place, how.topics);
  if (error !== null) return { ...place, acknowledgement: null, error, detail: null };
  const fault = faultOf(batches, how.mayRenew);
  if (fault !== null) {
    return { ...place, acknowledgement: null, error: "INVALID_REQUEST", detail: fault };
  }
  const named = batches.map(
    ({ firstOffset, lastOffset, acknowledgeTypes }): AcknowledgementBatch => ({
      firstOffset,
      lastOffset,
      types: acknowledgeTypes.map((type) => types[type] ?? "gap"),
    }),
  );
  const acknowledgement = { topic, partition: place.partition, batches: named };
  return { ...place, acknowledgement, error: null, detail: null };
}

/** What is wrong with the ranges of one partition; null when nothing is. */
function faultOf(batches: readonly WireBatch[], mayRenew: boolean): string | null {
  let before = -1;
  let typeCount = 0;
  for (const { firstOffset, lastOffset, acknowledgeTypes } of batches) {
    const { length } = acknowledgeTypes;
    typeCount += length;
    if (firstOffset > lastOffset) return "a range ends before it begins";
    if (firstOffset <= before) return "ranges are not in order, or have offsets in common";
    if (length !== 1 && length !== lastOffset - firstOffset + 1) {
      return "a range has neither one type nor one for each offset";
    }
    if (typeCount > typesMax) return `there are more than ${typesMax} types`;
    const strange = acknowledgeTypes.find((type) => types[type] === undefined);
    if (strange !== undefined) return `there is no type ${strange} of acknowledgement`;
    if (!mayRenew && acknowledgeTypes.some((type) => types[type] === "renew")) {
      return "a request that renews must say so";
    }
    before = lastOffset;
  }
  return null;
}

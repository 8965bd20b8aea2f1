// The cluster as tools look at it: DescribeCluster, DescribeTopicPartitions, DescribeLogDirs,
// ListPartitionReassignments. It is one broker with one directory, which has every partition.

import { mapParallel } from "../../base/parallel.ts";
import type { EncodableResponse, RequestOf } from "../../protocol/apis.ts";
import { zeroUuid } from "../../protocol/codec.ts";
import type { PartitionDescription, Services, TopicListing } from "../../services.ts";
import { authorizedOperations } from "./authorized-operations.ts";
import { codeOf, kafkaErrorCode, nameError } from "./error-code.ts";
import { failureOf } from "./failure.ts";
import type { Handler, KafkaContext, ServingTable } from "./handler.ts";
import { leaderEpoch } from "./leader-epoch.ts";

// The size of a partition may need a look at each of its files.
const describingMax = 8;
/** Most partitions of one answer (Kafka: max.request.partition.size.limit). */
const partitionsMax = 2000;

/** Kafka's numbers of whom DescribeCluster asks about. */
const endpointType = { brokers: 1, controllers: 2 } as const;

const describeCluster: Handler<"describeCluster"> = async (request, { listener }, context) => {
  const { clusterId, nodeId } = context;
  const asked = request.endpointType;
  const isAsked = request.includeClusterAuthorizedOperations;
  const failed = { endpointType: asked, clusterId: "", brokers: [] };
  if (asked === endpointType.controllers) {
    const errorMessage = "this is a broker; its controller cannot be asked";
    return { ...failed, errorCode: kafkaErrorCode.MISMATCHED_ENDPOINT_TYPE, errorMessage };
  }
  if (asked !== endpointType.brokers) {
    const errorMessage = `there are no endpoints of type ${asked}`;
    return { ...failed, errorCode: kafkaErrorCode.UNSUPPORTED_ENDPOINT_TYPE, errorMessage };
  }
  return {
    errorCode: 0,
    errorMessage: null,
    endpointType: asked,
    clusterId,
    controllerId: nodeId,
    brokers: [{ brokerId: nodeId, ...listener, rack: null }],
    clusterAuthorizedOperations: authorizedOperations("cluster", { isAsked }),
  };
};

type DescribedTopic = EncodableResponse<"describeTopicPartitions">["topics"][number];
type Cursor = RequestOf<"describeTopicPartitions">["cursor"];

const describeTopicPartitions: Handler<"describeTopicPartitions"> = async (
  request,
  _call,
  context,
) => {
  const { services, nodeId } = context;
  const { cursor, responsePartitionLimit } = request;
  const asked = new Set(request.topics.map(({ name }) => name));
  const names = asked.size > 0 ? asked : (await services.topics.list()).map(({ name }) => name);
  const topics: DescribedTopic[] = [];
  let left = Math.min(Math.max(1, responsePartitionLimit), partitionsMax);
  for (const name of [...names].sort()) {
    if (cursor !== null && name < cursor.topicName) continue;
    const listing = services.topics.lookup(name);
    if (listing === null) {
      topics.push(unknownTopic(name));
      continue;
    }
    const from = cursor?.topicName === name ? Math.max(0, cursor.partitionIndex) : 0;
    const nextCursor: Cursor = { topicName: name, partitionIndex: from };
    if (left === 0) return { topics, nextCursor };
    const to = Math.min(listing.partitionCount, from + left);
    topics.push(describedTopic(listing, { from, to, nodeId }));
    left -= Math.max(0, to - from);
    if (to < listing.partitionCount) {
      return { topics, nextCursor: { topicName: name, partitionIndex: to } };
    }
  }
  return { topics, nextCursor: null };
};

function unknownTopic(name: string): DescribedTopic {
  return {
    errorCode: kafkaErrorCode.UNKNOWN_TOPIC_OR_PARTITION,
    name,
    topicId: zeroUuid,
    isInternal: false,
    partitions: [],
  };
}

function describedTopic(
  { name, topicId, internal }: TopicListing,
  span: { readonly from: number; readonly to: number; readonly nodeId: number },
): DescribedTopic {
  const { from, to, nodeId } = span;
  const partitions = Array.from({ length: Math.max(0, to - from) }, (_, index) => ({
    errorCode: 0,
    partitionIndex: from + index,
    leaderId: nodeId,
    leaderEpoch,
    replicaNodes: [nodeId],
    isrNodes: [nodeId],
    eligibleLeaderReplicas: [],
    lastKnownElr: [],
    offlineReplicas: [],
  }));
  const topicAuthorizedOperations = authorizedOperations("topic", { isAsked: true });
  const isInternal = internal;
  return { errorCode: 0, name, topicId, isInternal, partitions, topicAuthorizedOperations };
}

const describeLogDirs: Handler<"describeLogDirs"> = async (request, _call, context) => {
  try {
    const { path, totalBytes, usableBytes } = await context.services.broker.logDirectory();
    const topics = await sizesOf(request, context);
    const result = { errorCode: 0, logDir: path, topics, totalBytes, usableBytes };
    return { errorCode: 0, results: [result] };
  } catch (error) {
    const errorCode = codeOf(failureOf(error, context).code);
    return { errorCode, results: [] };
  }
};

type SizedTopic = EncodableResponse<"describeLogDirs">["results"][number]["topics"][number];

/** The sizes of what is asked for; topics and partitions that are not there are left out. */
async function sizesOf(
  { topics: asked }: RequestOf<"describeLogDirs">,
  { services }: KafkaContext,
): Promise<readonly SizedTopic[]> {
  const wanted = new Map<string, ReadonlySet<number> | null>();
  for (const { topic, partitions } of asked ?? []) wanted.set(topic, new Set(partitions));
  if (asked === null) for (const { name } of await services.topics.list()) wanted.set(name, null);
  const known = [...wanted].filter(([name]) => services.topics.lookup(name) !== null);
  return await mapParallel(known, {
    limit: describingMax,
    work: async ([name, numbers]) => {
      const partitions = (await partitionsOf(name, services))
        .filter(({ partition }) => numbers === null || numbers.has(partition))
        .map(({ partition, sizeBytes }) => ({
          partitionIndex: partition,
          partitionSize: sizeBytes,
          offsetLag: 0,
          isFutureKey: false,
        }));
      return { name, partitions };
    },
  });
}

async function partitionsOf(
  name: string,
  { topics }: Services,
): Promise<readonly PartitionDescription[]> {
  try {
    return (await topics.describe(name)).partitions;
  } catch (error) {
    // Deleted a moment ago.
    if (nameError(error).code === "UNKNOWN_TOPIC_OR_PARTITION") return [];
    throw error;
  }
}

// With one broker no partition is ever on its way to another.
const listPartitionReassignments: Handler<"listPartitionReassignments"> = async () => {
  return { errorCode: 0, errorMessage: null, topics: [] };
};

/** The cluster for tools. */
export const clusterHandlers: ServingTable = {
  describeCluster: { min: 0, max: 2, handle: describeCluster },
  describeTopicPartitions: {
    min: 0,
    max: 0,
    beginsInTurn: true,
    handle: describeTopicPartitions,
  },
  describeLogDirs: { min: 1, max: 4, beginsInTurn: true, handle: describeLogDirs },
  listPartitionReassignments: { min: 0, max: 0, handle: listPartitionReassignments },
};

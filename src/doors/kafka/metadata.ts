// Metadata (3): the broker, and the topics with who leads their partitions.

import { mapParallel } from "../../base/parallel.ts";
import type { EncodableResponse, RequestOf } from "../../protocol/apis.ts";
import { zeroUuid } from "../../protocol/codec.ts";
import type { TopicListing } from "../../services.ts";
import { authorizedOperations } from "./authorized-operations.ts";
import { codeOf, nameError } from "./error-code.ts";
import type { Handler, KafkaContext } from "./handler.ts";
import { leaderEpoch } from "./leader-epoch.ts";

type TopicAnswer = EncodableResponse<"metadata">["topics"][number];
type TopicQuestion = NonNullable<RequestOf<"metadata">["topics"]>[number];

// Topics made at once; the catalog makes them one after the other anyway.
const makingMax = 8;
// Version 4 is the first in which a client can say that it wants no topic made.
const saysCreationFrom = 4;

/** Answers with the one broker, and with all topics, those named, or none. Unknown ones are made if asked for. */
export const answerMetadata: Handler<"metadata"> = async (request, call, context) => {
  const { nodeId, clusterId } = context;
  const topics = await topicsOf(request, call.version, context);
  const topicAuthorizedOperations = authorizedOperations("topic", {
    isAsked: request.includeTopicAuthorizedOperations,
  });
  return {
    brokers: [{ nodeId, ...call.listener, rack: null }],
    clusterId,
    controllerId: nodeId,
    topics: topics.map((topic) => ({ ...topic, topicAuthorizedOperations })),
    clusterAuthorizedOperations: authorizedOperations("cluster", {
      isAsked: request.includeClusterAuthorizedOperations,
    }),
    errorCode: 0,
  };
};

async function topicsOf(
  request: RequestOf<"metadata">,
  version: number,
  context: KafkaContext,
): Promise<readonly TopicAnswer[]> {
  const { nodeId, services } = context;
  const { topics } = request;
  // In version 0 there is no null, and an empty list means all.
  if (topics === null || (version === 0 && topics.length === 0)) {
    const listings = await services.topics.list();
    return listings.map((listing) => found(listing, nodeId));
  }
  const mayCreate = version < saysCreationFrom || request.allowAutoTopicCreation;
  const questions = new Map(topics.map((topic) => [keyOf(topic), topic]));
  return mapParallel([...questions.values()], {
    limit: makingMax,
    work: (question) => answerTopic(question, mayCreate, context),
  });
}

// Java's admin client sends an id together with an empty name: an id counts before a name.
function keyOf({ name, topicId }: TopicQuestion): string {
  return name === null || topicId !== zeroUuid ? topicId : name;
}

async function answerTopic(
  { name, topicId }: TopicQuestion,
  mayCreate: boolean,
  { services, nodeId, logger }: KafkaContext,
): Promise<TopicAnswer> {
  if (name === null || topicId !== zeroUuid) {
    const byId = services.topics.lookupId(topicId);
    if (byId !== null) return found(byId, nodeId);
    return { errorCode: codeOf("UNKNOWN_TOPIC_ID"), name: null, topicId, partitions: [] };
  }
  const known = services.topics.lookup(name);
  if (known !== null) return found(known, nodeId);
  const missing = { name, topicId: zeroUuid, partitions: [] };
  if (!mayCreate) {
    const error = isTopicName(name) ? "UNKNOWN_TOPIC_OR_PARTITION" : "INVALID_TOPIC_EXCEPTION";
    return { ...missing, errorCode: codeOf(error) };
  }
  try {
    return found(await services.topics.ensure(name), nodeId);
  } catch (error) {
    const { code, message } = nameError(error);
    if (code === "UNKNOWN_SERVER_ERROR") logger.error({ err: error, topic: name }, message);
    return { ...missing, errorCode: codeOf(code) };
  }
}

function found(listing: TopicListing, nodeId: number): TopicAnswer {
  const { name, topicId, internal, partitionCount } = listing;
  const leader = {
    errorCode: 0,
    leaderId: nodeId,
    leaderEpoch,
    replicaNodes: [nodeId],
    isrNodes: [nodeId],
    offlineReplicas: [],
  };
  const partitions = Array.from({ length: partitionCount }, (_, partitionIndex) => {
    return { ...leader, partitionIndex };
  });
  return { errorCode: 0, name, topicId, isInternal: internal, partitions };
}

/** Whether Kafka allows a topic of this name. */
function isTopicName(name: string): boolean {
  return /^[a-zA-Z0-9._-]{1,249}$/.test(name) && name !== "." && name !== "..";
}

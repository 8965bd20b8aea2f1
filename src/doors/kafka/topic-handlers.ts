// Topics made, grown and removed by administrators: CreateTopics, DeleteTopics, CreatePartitions.

import { LogError } from "../../base/error.ts";
import { mapParallel } from "../../base/parallel.ts";
import type { EncodableResponse, RequestOf } from "../../protocol/apis.ts";
import { zeroUuid } from "../../protocol/codec.ts";
import type { CreateTopicRequest, TopicListing } from "../../services.ts";
import { shownConfig } from "./config-entry.ts";
import { codeOf } from "./error-code.ts";
import { failureOf } from "./failure.ts";
import type { Handler, KafkaContext, ServingTable } from "./handler.ts";
import { repeatedIn } from "./repeated.ts";

// Each change waits for the disk; the coordinator takes those that come together in one write.
const changesMax = 16;
// Of one request: the answer lists every config key of every topic.
const newTopicsMax = 10_000;

type NewTopic = RequestOf<"createTopics">["topics"][number];
type CreatedTopic = EncodableResponse<"createTopics">["topics"][number];

const createTopics: Handler<"createTopics"> = async (request, _call, context) => {
  const { validateOnly } = request;
  const repeated = repeatedIn(request.topics.map(({ name }) => name));
  const count = request.topics.length;
  const topics = await mapParallel(request.topics, {
    limit: changesMax,
    work: async (topic): Promise<CreatedTopic> => {
      const { name } = topic;
      try {
        if (count > newTopicsMax) {
          const detail = `a request creates at most ${newTopicsMax} topics, not ${count}`;
          throw new LogError("POLICY_VIOLATION", detail);
        }
        checkNamedOnce(name, repeated);
        return await create(topic, { validateOnly, context });
      } catch (error) {
        const failure = failureOf(error, context);
        return { name, errorCode: codeOf(failure.code), errorMessage: failure.message };
      }
    },
  });
  return { topics };
};

function checkNamedOnce(name: string, repeated: ReadonlySet<string>): void {
  if (!repeated.has(name)) return;
  throw new LogError("INVALID_REQUEST", `topic '${name}' is named more than once`);
}

async function create(
  topic: NewTopic,
  { validateOnly, context }: { readonly validateOnly: boolean; readonly context: KafkaContext },
): Promise<CreatedTopic> {
  const { name } = topic;
  const asked = createRequestOf(topic, { validateOnly, nodeId: context.nodeId });
  const made = await context.services.topics.create(asked);
  if (!made.isNew) throw new LogError("TOPIC_ALREADY_EXISTS", `topic '${name}' exists`);
  return {
    name,
    topicId: validateOnly ? zeroUuid : made.topicId,
    errorCode: 0,
    errorMessage: null,
    numPartitions: made.partitionCount,
    replicationFactor: 1,
    configs: made.configs.map((entry) => shownConfig(entry)),
  };
}

function createRequestOf(
  topic: NewTopic,
  { validateOnly, nodeId }: { readonly validateOnly: boolean; readonly nodeId: number },
): CreateTopicRequest {
  const { name, numPartitions, replicationFactor, assignments } = topic;
  if (assignments.length > 0 && (numPartitions !== -1 || replicationFactor !== -1)) {
    const detail = `topic '${name}' has both an assignment and counts; counts are -1 then`;
    throw new LogError("INVALID_REQUEST", detail);
  }
  if (replicationFactor !== -1 && replicationFactor !== 1) {
    const detail = `the server keeps one copy of each partition, not ${replicationFactor}`;
    throw new LogError("INVALID_REPLICATION_FACTOR", detail);
  }
  const indexes = assignments.map(({ partitionIndex }) => partitionIndex).sort((a, b) => a - b);
  if (indexes.some((index, at) => index !== at)) {
    const detail = `the assignment of '${name}' does not number its partitions from 0 upward`;
    throw new LogError("INVALID_REPLICA_ASSIGNMENT", detail);
  }
  for (const { brokerIds } of assignments) checkBrokers(brokerIds, nodeId);
  const counted = numPartitions === -1 ? null : numPartitions;
  return {
    name,
    partitionCount: assignments.length > 0 ? assignments.length : counted,
    configs: configsOf(topic),
    validateOnly,
  };
}

function checkBrokers(brokerIds: readonly number[], nodeId: number): void {
  if (brokerIds.length === 1 && brokerIds[0] === nodeId) return;
  const detail = `a partition is on broker ${nodeId} alone, not on [${brokerIds.join(", ")}]`;
  throw new LogError("INVALID_REPLICA_ASSIGNMENT", detail);
}

// Built from entries, so that a key such as __proto__ is a key like any other.
function configsOf({ name, configs }: NewTopic): Readonly<Record<string, string>> {
  return Object.fromEntries(
    configs.map(({ name: key, value }) => {
      if (value !== null) return [key, value];
      const detail = `config key '${key}' of topic '${name}' has no value`;
      throw new LogError("INVALID_CONFIG", detail, { facts: { key } });
    }),
  );
}

type DeletedTopic = EncodableResponse<"deleteTopics">["responses"][number];

const deleteTopics: Handler<"deleteTopics"> = async (request, { version }, context) => {
  const named = request.topicNames.map((name) => ({ name, topicId: zeroUuid }));
  const responses = await mapParallel(version <= 5 ? named : request.topics, {
    limit: changesMax,
    work: (topic) => remove(topic, context),
  });
  return { responses };
};

async function remove(
  { name, topicId }: { readonly name: string | null; readonly topicId: string },
  context: KafkaContext,
): Promise<DeletedTopic> {
  try {
    const listing = find({ name, topicId }, context);
    await context.services.topics.delete(listing.name);
    const { name: found, topicId: foundId } = listing;
    return { name: found, topicId: foundId, errorCode: 0, errorMessage: null };
  } catch (error) {
    const failure = failureOf(error, context);
    return { name, topicId, errorCode: codeOf(failure.code), errorMessage: failure.message };
  }
}

function find(
  { name, topicId }: { readonly name: string | null; readonly topicId: string },
  { services }: KafkaContext,
): TopicListing {
  if ((name === null) === (topicId === zeroUuid)) {
    throw new LogError("INVALID_REQUEST", "a topic is named by its name or by its id, not by both");
  }
  if (name === null) {
    const listing = services.topics.lookupId(topicId);
    if (listing !== null) return listing;
    throw new LogError("UNKNOWN_TOPIC_ID", `there is no topic with id ${topicId}`);
  }
  return known(name, services.topics.lookup(name));
}

function known(name: string, listing: TopicListing | null): TopicListing {
  if (listing !== null) return listing;
  throw new LogError("UNKNOWN_TOPIC_OR_PARTITION", `there is no topic '${name}'`);
}

type GrowingTopic = RequestOf<"createPartitions">["topics"][number];

const createPartitions: Handler<"createPartitions"> = async (request, _call, context) => {
  const { validateOnly } = request;
  const repeated = repeatedIn(request.topics.map(({ name }) => name));
  const results = await mapParallel(request.topics, {
    limit: changesMax,
    work: async (topic) => {
      const { name } = topic;
      try {
        checkNamedOnce(name, repeated);
        checkGrowth(topic, context);
        await context.services.topics.createPartitions(name, topic.count, validateOnly);
        return { name, errorCode: 0, errorMessage: null };
      } catch (error) {
        const failure = failureOf(error, context);
        return { name, errorCode: codeOf(failure.code), errorMessage: failure.message };
      }
    },
  });
  return { results };
};

function checkGrowth({ name, count, assignments }: GrowingTopic, context: KafkaContext): void {
  const { partitionCount } = known(name, context.services.topics.lookup(name));
  if (count <= partitionCount) {
    const detail = `topic '${name}' has ${partitionCount} partitions; ${count} are not more`;
    throw new LogError("INVALID_PARTITIONS", detail, { facts: { partitionCount } });
  }
  if (assignments === null) return;
  const addedCount = count - partitionCount;
  if (assignments.length !== addedCount) {
    const detail = `${addedCount} partitions are new but ${assignments.length} are assigned`;
    throw new LogError("INVALID_REPLICA_ASSIGNMENT", detail);
  }
  for (const { brokerIds } of assignments) checkBrokers(brokerIds, context.nodeId);
}

/** Topics made, grown and removed. */
export const topicHandlers: ServingTable = {
  createTopics: { min: 2, max: 7, beginsInTurn: true, handle: createTopics },
  deleteTopics: { min: 1, max: 6, handle: deleteTopics },
  createPartitions: { min: 0, max: 3, handle: createPartitions },
};

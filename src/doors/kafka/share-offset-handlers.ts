// Offsets of share groups, for tools: DescribeShareGroupOffsets, AlterShareGroupOffsets, DeleteShareGroupOffsets.

import { LogError } from "../../base/error.ts";
import type { EncodableResponse, RequestOf } from "../../protocol/apis.ts";
import type {
  AcknowledgeResult,
  SharePartitionOffset,
  TopicPartition,
  TopicServices,
} from "../../services.ts";
import { byTopic, placesOf } from "./by-topic.ts";
import { codeOf } from "./error-code.ts";
import { coordinatorCode, failureOf } from "./failure.ts";
import type { Handler, KafkaContext, ServingTable } from "./handler.ts";
import { repeatedIn } from "./repeated.ts";

type DescribedGroup = EncodableResponse<"describeShareGroupOffsets">["groups"][number];
type DescribedTopic = DescribedGroup["topics"][number];
type AskedGroup = RequestOf<"describeShareGroupOffsets">["groups"][number];

const noTopicId = "00000000-0000-0000-0000-000000000000";

const describeOffsets: Handler<"describeShareGroupOffsets"> = async (request, _call, context) => {
  const repeated = repeatedIn(request.groups.map(({ groupId }) => groupId));
  const groups = await Promise.all(
    request.groups.map(async (asked): Promise<DescribedGroup> => {
      try {
        if (repeated.has(asked.groupId)) {
          throw new LogError("INVALID_REQUEST", `group '${asked.groupId}' is named more than once`);
        }
        const topics = await describedTopics(asked, context);
        return { groupId: asked.groupId, topics, errorCode: 0, errorMessage: null };
      } catch (error) {
        const { code, message } = failureOf(error, context);
        const errorCode = coordinatorCode(code);
        return { groupId: asked.groupId, topics: [], errorCode, errorMessage: message };
      }
    }),
  );
  return { groups };
};

async function describedTopics(
  { groupId, topics: asked }: AskedGroup,
  { services }: KafkaContext,
): Promise<readonly DescribedTopic[]> {
  const names = asked === null ? null : asked.map(({ topicName }) => topicName);
  const known = await services.shares.offsets(groupId, names);
  if (asked === null) return describedKnown(known);
  const byPlace = new Map(known.map((each) => [keyOf(each), each]));
  const places = placesOf(
    asked.map(({ topicName, partitions }) => ({ name: topicName, partitions })),
  );
  const topics = byTopic(places, (place) => {
    const offset = byPlace.get(keyOf(place));
    return offset === undefined ? unbegun(place, services.topics) : shown(offset);
  });
  return topics.map(({ name, partitions }) => ({
    topicName: name,
    topicId: idOf(name, services.topics),
    partitions,
  }));
}

function describedKnown(known: readonly SharePartitionOffset[]): readonly DescribedTopic[] {
  const ids = new Map(known.map(({ topic, topicId }) => [topic, topicId]));
  return byTopic(known, shown).map(({ name, partitions }) => {
    return { topicName: name, topicId: ids.get(name) ?? noTopicId, partitions };
  });
}

function shown(offset: SharePartitionOffset): DescribedTopic["partitions"][number] {
  const { partition, startOffset, lag } = offset;
  return { ...unbegunPartition, partitionIndex: partition, startOffset, lag };
}

// A partition that exists and that the group has not begun with has no offset, which is no error.
function unbegun(
  place: TopicPartition,
  topics: TopicServices,
): DescribedTopic["partitions"][number] {
  const { partition: partitionIndex } = place;
  if (isThere(place, topics)) return { ...unbegunPartition, partitionIndex };
  const errorCode = codeOf("UNKNOWN_TOPIC_OR_PARTITION");
  return { ...unbegunPartition, partitionIndex, errorCode, errorMessage: absent(place) };
}

const unbegunPartition = {
  startOffset: -1,
  leaderEpoch: 0,
  lag: -1,
  errorCode: 0,
  errorMessage: null,
} as const;

const alterOffsets: Handler<"alterShareGroupOffsets"> = async (request, _call, context) => {
  const { shares, topics } = context.services;
  const asked = request.topics.flatMap(({ topicName, partitions }) =>
    partitions.map(({ partitionIndex, startOffset }) => {
      return { topic: topicName, partition: partitionIndex, startOffset };
    }),
  );
  try {
    const repeated = repeatedIn(asked.map(keyOf));
    const refused = new Map(
      asked.flatMap((each): [string, AcknowledgeResult][] => {
        const result = refusal(each, { repeated, topics });
        return result === null ? [] : [[keyOf(each), result]];
      }),
    );
    const good = asked.filter((each) => !refused.has(keyOf(each)));
    const results = await shares.alterOffsets(request.groupId, good);
    const responses = alteredTopics([...results, ...refused.values()], topics);
    return { errorCode: 0, errorMessage: null, responses };
  } catch (error) {
    const { code, message: detail } = failureOf(error, context);
    // Said of every partition as well: there are clients that look nowhere else.
    const all = asked.map(({ topic, partition }) => ({ topic, partition, error: code, detail }));
    const responses = alteredTopics(all, topics);
    return { errorCode: coordinatorCode(code), errorMessage: detail, responses };
  }
};

function alteredTopics(
  results: readonly AcknowledgeResult[],
  topics: TopicServices,
): EncodableResponse<"alterShareGroupOffsets">["responses"] {
  return byTopic(results, alteredPartition).map(({ name, partitions }) => {
    return { topicName: name, topicId: idOf(name, topics), partitions };
  });
}

function refusal(
  { startOffset, ...place }: TopicPartition & { readonly startOffset: number },
  { repeated, topics }: { readonly repeated: ReadonlySet<string>; readonly topics: TopicServices },
): AcknowledgeResult | null {
  if (!isThere(place, topics)) {
    return { ...place, error: "UNKNOWN_TOPIC_OR_PARTITION", detail: absent(place) };
  }
  const detail = repeated.has(keyOf(place)) ? "the partition is named more than once" : null;
  if (detail !== null) return { ...place, error: "INVALID_REQUEST", detail };
  if (startOffset >= 0) return null;
  return { ...place, error: "INVALID_REQUEST", detail: `a group cannot start at ${startOffset}` };
}

function alteredPartition({ partition, error, detail }: AcknowledgeResult): {
  readonly partitionIndex: number;
  readonly errorCode: number;
  readonly errorMessage: string | null;
} {
  const errorCode = coordinatorCode(error);
  return { partitionIndex: partition, errorCode, errorMessage: detail };
}

const deleteOffsets: Handler<"deleteShareGroupOffsets"> = async (request, _call, context) => {
  const { shares, topics } = context.services;
  const names = [...new Set(request.topics.map(({ topicName }) => topicName))];
  try {
    const errors = await shares.deleteOffsets(request.groupId, names);
    const responses = names.map((topicName, index) => {
      const error = errors[index] ?? null;
      const errorMessage =
        error === null ? null : `the group knows nothing of topic '${topicName}'`;
      const errorCode = coordinatorCode(error);
      return { topicName, topicId: idOf(topicName, topics), errorCode, errorMessage };
    });
    return { errorCode: 0, errorMessage: null, responses };
  } catch (error) {
    const { code, message: errorMessage } = failureOf(error, context);
    const errorCode = coordinatorCode(code);
    const responses = names.map((topicName) => {
      return { topicName, topicId: idOf(topicName, topics), errorCode, errorMessage };
    });
    return { errorCode, errorMessage, responses };
  }
};

function isThere({ topic, partition }: TopicPartition, topics: TopicServices): boolean {
  return partition >= 0 && partition < (topics.lookup(topic)?.partitionCount ?? 0);
}

function absent({ topic, partition }: TopicPartition): string {
  return `there is no partition ${partition} of topic '${topic}'`;
}

function idOf(topic: string, topics: TopicServices): string {
  return topics.lookup(topic)?.topicId ?? noTopicId;
}

function keyOf({ topic, partition }: TopicPartition): string {
  return `${topic} ${partition}`;
}

/** Offsets of share groups. */
export const shareOffsetHandlers: ServingTable = {
  describeShareGroupOffsets: { min: 0, max: 1, beginsInTurn: true, handle: describeOffsets },
  alterShareGroupOffsets: { min: 0, max: 0, handle: alterOffsets },
  deleteShareGroupOffsets: { min: 0, max: 0, handle: deleteOffsets },
};

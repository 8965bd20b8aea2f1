// ListOffsets (2): where a partition begins and ends, and the offset of a time.

import type { ErrorName } from "../../base/error.ts";
import type { EncodableResponse, RequestOf } from "../../protocol/apis.ts";
import { type ListOffsetsResult, listOffsetsTimestamp } from "../../services.ts";
import { codeOf } from "./error-code.ts";
import type { Handler } from "./handler.ts";
import { epochError, leaderEpoch } from "./leader-epoch.ts";

type PartitionAnswer = EncodableResponse<"listOffsets">["topics"][number]["partitions"][number];
type PartitionQuestion = RequestOf<"listOffsets">["topics"][number]["partitions"][number];

/** One partition of the request: the time to ask for (null: there is no answer to be had), or what is wrong. */
interface Part {
  readonly index: number;
  readonly timestampMs: number | null;
  readonly error: ErrorName | null;
}

// Times with a meaning, and the first version that has each. What is kept is all local, and nothing is elsewhere.
const earliestLocal = -4;
const latestTiered = -5;
const firstVersions = new Map<number, number>([
  [listOffsetsTimestamp.latest, 0],
  [listOffsetsTimestamp.earliest, 0],
  [listOffsetsTimestamp.maxTimestamp, 7],
  [earliestLocal, 8],
  [latestTiered, 9],
]);

/** Answers each partition. */
export const answerListOffsets: Handler<"listOffsets"> = async (request, call, context) => {
  const topics = request.topics.map(({ name, partitions }) => ({ name, partitions }));
  const seen = new Set<string>();
  const asked = topics.map(({ name, partitions }) => ({
    name,
    parts: partitions.map((each) => {
      const isSecond = seen.size === seen.add(`${name}-${each.partitionIndex}`).size;
      return partOf(each, isSecond, call.version);
    }),
  }));
  const questions = asked.flatMap(({ name, parts }) =>
    parts.flatMap(({ index, timestampMs, error }) => {
      if (timestampMs === null || error !== null) return [];
      return { topic: name, partition: index, timestampMs };
    }),
  );
  const isolation = request.isolationLevel === 1 ? "read_committed" : "read_uncommitted";
  const results = await context.services.data.listOffsets(questions, isolation);
  const rest = results.values();
  return {
    topics: asked.map(({ name, parts }) => ({
      name,
      partitions: parts.map(({ index, timestampMs, error }): PartitionAnswer => {
        if (error !== null) return { partitionIndex: index, errorCode: codeOf(error) };
        const found = timestampMs === null ? undefined : rest.next().value;
        return found === undefined ? { partitionIndex: index, errorCode: 0 } : answered(found);
      }),
    })),
  };
};

function partOf(question: PartitionQuestion, isSecond: boolean, version: number): Part {
  const { partitionIndex: index, timestamp, currentLeaderEpoch } = question;
  const isKnown = timestamp >= 0 || version >= (firstVersions.get(timestamp) ?? Infinity);
  const error = isSecond ? "INVALID_REQUEST" : isKnown ? null : "UNSUPPORTED_VERSION";
  const timestampMs = timestamp === earliestLocal ? listOffsetsTimestamp.earliest : timestamp;
  return {
    index,
    timestampMs: timestamp === latestTiered ? null : timestampMs,
    error: error ?? epochError(currentLeaderEpoch),
  };
}

function answered({ partition, error, timestampMs, offset }: ListOffsetsResult): PartitionAnswer {
  return {
    partitionIndex: partition,
    errorCode: codeOf(error),
    timestamp: timestampMs,
    offset,
    leaderEpoch: offset < 0 ? -1 : leaderEpoch,
  };
}

// OffsetForLeaderEpoch (23): where the records of a leader epoch end. There is one, and it ends where the log does.

import type { EncodableResponse } from "../../protocol/apis.ts";
import { type ListOffsetsResult, listOffsetsTimestamp } from "../../services.ts";
import { codeOf } from "./error-code.ts";
import type { Handler } from "./handler.ts";
import { epochError, leaderEpoch } from "./leader-epoch.ts";

type PartitionAnswer =
  EncodableResponse<"offsetForLeaderEpoch">["topics"][number]["partitions"][number];

/** Answers each partition with the end of what can be read, or with -1 for an epoch that never was. */
export const answerOffsetForLeaderEpoch: Handler<"offsetForLeaderEpoch"> = async (
  request,
  _call,
  { services },
) => {
  const questions = request.topics.flatMap(({ topic, partitions }) =>
    partitions.map(({ partition }) => {
      return { topic, partition, timestampMs: listOffsetsTimestamp.latest };
    }),
  );
  const ends = (await services.data.listOffsets(questions)).values();
  return {
    topics: request.topics.map(({ topic, partitions }) => ({
      topic,
      partitions: partitions.map((asked): PartitionAnswer => {
        const { partition } = asked;
        const end: ListOffsetsResult | undefined = ends.next().value;
        const error = end?.error ?? epochError(asked.currentLeaderEpoch);
        if (error !== null || end === undefined || asked.leaderEpoch !== leaderEpoch) {
          return { partition, errorCode: codeOf(error) };
        }
        return { partition, errorCode: 0, leaderEpoch, endOffset: end.offset };
      }),
    })),
  };
};

// DeleteRecords (21): moves the start of partitions forward.

import type { EncodableResponse } from "../../protocol/apis.ts";
import { codeOf, nameError } from "./error-code.ts";
import type { Handler, KafkaContext } from "./handler.ts";

type PartitionAnswer = EncodableResponse<"deleteRecords">["topics"][number]["partitions"][number];

/** Trims each partition by itself: one that is refused does not hold up the others. */
export const answerDeleteRecords: Handler<"deleteRecords"> = async (request, _call, context) => {
  const topics = [];
  for (const { name, partitions: asked } of request.topics) {
    const partitions: PartitionAnswer[] = [];
    for (const { partitionIndex, offset } of asked) {
      partitions.push(await trim(name, { partition: partitionIndex, offset }, context));
    }
    topics.push({ name, partitions });
  }
  return { topics };
};

async function trim(
  topic: string,
  before: { readonly partition: number; readonly offset: number },
  { services, logger }: KafkaContext,
): Promise<PartitionAnswer> {
  const partitionIndex = before.partition;
  try {
    const [start] = await services.topics.deleteRecords(topic, [before]);
    return { partitionIndex, lowWatermark: start?.logStartOffset ?? -1, errorCode: 0 };
  } catch (error) {
    const { code } = nameError(error);
    if (code === "UNKNOWN_SERVER_ERROR") logger.error({ err: error, topic }, "a trim failed");
    return { partitionIndex, lowWatermark: -1, errorCode: codeOf(code) };
  }
}

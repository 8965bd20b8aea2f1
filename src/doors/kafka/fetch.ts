// Fetch (1): stored batches as they are, from the log to the network. There are no fetch sessions: every request is
// taken as a full one, as clients expect of a broker that declines.

import type { ErrorName } from "../../base/error.ts";
import type { EncodableResponse, RequestOf } from "../../protocol/apis.ts";
import type { FetchPartition, FetchPartitionResult, FetchResult } from "../../services.ts";
import { codeOf, nameError } from "./error-code.ts";
import type { Answer, Handler, KafkaCall, KafkaContext } from "./handler.ts";
import { epochError } from "./leader-epoch.ts";

type PartitionAnswer = EncodableResponse<"fetch">["responses"][number]["partitions"][number];
type PartitionQuestion = RequestOf<"fetch">["topics"][number]["partitions"][number];

/** One partition of the request: what is to be read, or why that cannot be. */
interface Part {
  readonly partition: number;
  readonly fetch: FetchPartition | null;
  readonly error: ErrorName | null;
}

const idsFrom = 13;
const topErrorFrom = 7;
// Until version 5 clients do not know KAFKA_STORAGE_ERROR.
const storageErrorFrom = 6;

/** Reads every partition, waiting as long as the client allows while there is too little. */
export const answerFetch: Handler<"fetch"> = async (request, call, context) => {
  if (request.sessionId !== 0 && request.sessionEpoch > 0) {
    return { errorCode: codeOf("FETCH_SESSION_ID_NOT_FOUND"), sessionId: 0, responses: [] };
  }
  const topics = request.topics.map((topic) => {
    const name =
      call.version < idsFrom
        ? topic.topic
        : (context.services.topics.lookupId(topic.topicId)?.name ?? null);
    return { topic, parts: topic.partitions.map((each) => partOf(name, each)) };
  });
  const parts = topics.flatMap((topic) => topic.parts);
  try {
    const result = await read(parts, request, { call, context });
    call.releaseWhenSent(result);
    const rest = result.partitions.values();
    const isCommitted = request.isolationLevel === 1;
    const responses = topics.map(({ topic: { topic, topicId }, parts: asked }) => ({
      topic,
      topicId,
      partitions: asked.map(({ partition, error }) => {
        const read = error === null ? rest.next().value : undefined;
        if (read === undefined) return failed(partition, codeOf(error), isCommitted);
        return answered(read, call.version, isCommitted);
      }),
    }));
    return { errorCode: 0, sessionId: 0, responses };
  } catch (error) {
    return refusal(error, request, { call, context });
  }
};

function partOf(topic: string | null, question: PartitionQuestion): Part {
  const { partition, fetchOffset, partitionMaxBytes, currentLeaderEpoch } = question;
  const error = topic === null ? "UNKNOWN_TOPIC_ID" : epochError(currentLeaderEpoch);
  if (topic === null || error !== null) return { partition, fetch: null, error };
  const fetch = { topic, partition, fetchOffset, maxBytes: partitionMaxBytes };
  return { partition, fetch, error: null };
}

function read(
  parts: readonly Part[],
  request: RequestOf<"fetch">,
  { call, context }: { readonly call: KafkaCall; readonly context: KafkaContext },
): Promise<FetchResult> {
  const partitions = parts.flatMap(({ fetch }) => fetch ?? []);
  const hasError = partitions.length < parts.length;
  return context.services.data.fetch({
    // An error is news enough.
    maxWaitMs: hasError ? 0 : Math.max(0, request.maxWaitMs),
    minBytes: Math.max(0, request.minBytes),
    maxBytes: Math.max(0, request.maxBytes),
    isolation: request.isolationLevel === 1 ? "read_committed" : "read_uncommitted",
    partitions,
    signal: call.signal,
  });
}

function answered(
  result: FetchPartitionResult,
  version: number,
  isCommitted: boolean,
): PartitionAnswer {
  const { partition, error } = result;
  if (error !== null) {
    const isUnknown = version < storageErrorFrom && codeOf(error) === codeOf("KAFKA_STORAGE_ERROR");
    return failed(partition, codeOf(isUnknown ? "SERVER_STOPPING" : error), isCommitted);
  }
  return {
    partitionIndex: partition,
    errorCode: 0,
    highWatermark: result.highWatermark,
    lastStableOffset: result.lastStableOffset,
    logStartOffset: result.logStartOffset,
    abortedTransactions: isCommitted ? result.abortedTransactions : null,
    preferredReadReplica: -1,
    records: result.batches,
  };
}

function failed(partition: number, errorCode: number, isCommitted: boolean): PartitionAnswer {
  return {
    partitionIndex: partition,
    errorCode,
    highWatermark: -1,
    lastStableOffset: -1,
    logStartOffset: -1,
    abortedTransactions: isCommitted ? [] : null,
    preferredReadReplica: -1,
    // Never null: there are clients that drop the whole answer then.
    records: new Uint8Array(0),
  };
}

function refusal(
  error: unknown,
  request: RequestOf<"fetch">,
  { call, context }: { readonly call: KafkaCall; readonly context: KafkaContext },
): Answer<"fetch"> {
  const { code } = nameError(error);
  if (code === "UNKNOWN_SERVER_ERROR") {
    context.logger.error({ err: error }, "a fetch request failed unexpectedly");
  }
  // Too many fetches wait: a code that consumers retry.
  const errorCode = codeOf(code === "THROTTLING_QUOTA_EXCEEDED" ? "SERVER_OVERLOADED" : code);
  if (call.version >= topErrorFrom) return { errorCode, sessionId: 0, responses: [] };
  const isCommitted = request.isolationLevel === 1;
  const responses = request.topics.map(({ topic, topicId, partitions }) => ({
    topic,
    topicId,
    partitions: partitions.map(({ partition }) => failed(partition, errorCode, isCommitted)),
  }));
  return { errorCode, sessionId: 0, responses };
}

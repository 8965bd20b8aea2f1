// Produce (0): one record batch a partition, appended and answered as safe as `acks` asks for.

import { viewOf } from "../../base/bytes.ts";
import { LogError } from "../../base/error.ts";
import type { EncodableResponse, RequestOf } from "../../protocol/apis.ts";
import {
  attributesAt,
  baseOffsetAt,
  batchBytesAt,
  batchHeaderBytes,
  batchMagic,
  codecOf,
  magicAt,
} from "../../record/batch-header.ts";
import { codecNameOf } from "../../record/compression.ts";
import type {
  ProducePartition,
  ProducePartitionResult,
  ProduceRequest,
  RequiredAcks,
} from "../../services.ts";
import { codeOf, nameError } from "./error-code.ts";
import type { Handler, KafkaContext } from "./handler.ts";

type PartitionAnswer =
  EncodableResponse<"produce">["responses"][number]["partitionResponses"][number];

/** One partition of the request: what is to be appended, or why that cannot be. */
interface Part {
  readonly index: number;
  readonly produce: ProducePartition | null;
  readonly refusal: LogError | null;
}

// zstd came with version 7: whoever speaks an older one cannot read it back.
const zstdFrom = 7;

/** Appends every partition's batch; one that is refused does not hold up the others. */
export const answerProduce: Handler<"produce"> = async (request, call, context) => {
  const topics = request.topicData.map(({ name, partitionData }) => ({
    name,
    parts: partitionData.map(({ index, records }) => {
      return partOf({ topic: name, partition: index }, records, call.version);
    }),
  }));
  const parts = topics.flatMap((topic) => topic.parts);
  const answers = await append(parts, request, context);
  if (request.acks === 0) {
    const refused = answers.find((answer) => answer.errorCode !== 0);
    // Closing the connection is the only way to say so.
    if (refused !== undefined) {
      const detail = `a produce request with acks=0 failed: ${refused.errorMessage ?? ""}`;
      throw new LogError("INVALID_REQUEST", detail);
    }
    return null;
  }
  let end = 0;
  const responses = topics.map(({ name, parts: { length } }) => {
    end += length;
    return { name, partitionResponses: answers.slice(end - length, end) };
  });
  return { responses };
};

async function append(
  parts: readonly Part[],
  request: RequestOf<"produce">,
  context: KafkaContext,
): Promise<readonly PartitionAnswer[]> {
  const partitions = parts.flatMap(({ produce }) => produce ?? []);
  const { transactionalId, timeoutMs } = request;
  // Whatever else it is: the services refuse it by name.
  const acks = request.acks as RequiredAcks;
  try {
    const produce = { acks, transactionalId, partitions };
    const results = await withinTime(produce, timeoutMs, context);
    const rest = results.values();
    return parts.map(({ index, refusal }) => {
      if (refusal !== null) return refused(index, refusal);
      const { value } = rest.next();
      if (value === undefined) throw new Error("a partition has no result");
      return answered(value);
    });
  } catch (error) {
    const failure = nameError(error);
    if (failure.code === "UNKNOWN_SERVER_ERROR") {
      context.logger.error({ err: error }, "a produce request failed unexpectedly");
    }
    return parts.map(({ index, refusal }) => refused(index, refusal ?? failure));
  }
}

/** The services' answer, or REQUEST_TIMED_OUT when it takes longer than the client waits: it may still be appended. */
async function withinTime(
  request: ProduceRequest,
  timeoutMs: number,
  { services, clock }: KafkaContext,
): Promise<readonly ProducePartitionResult[]> {
  const answer = services.data.produce(request);
  if (timeoutMs <= 0) return answer;
  return new Promise((resolve, reject) => {
    const timer = clock.after(timeoutMs, () => {
      const detail = `not as safe as asked for within ${timeoutMs} ms; it may become so later`;
      reject(new LogError("REQUEST_TIMED_OUT", detail));
    });
    answer.then(resolve, reject).finally(() => timer.cancel());
  });
}

function partOf(
  place: { readonly topic: string; readonly partition: number },
  records: Uint8Array | null,
  version: number,
): Part {
  const index = place.partition;
  try {
    const batch = oneBatch(records, version);
    const produce = { ...place, batches: [batch], expectedEndOffset: null };
    return { index, produce, refusal: null };
  } catch (error) {
    return { index, produce: null, refusal: nameError(error) };
  }
}

/**
 * The one batch that a partition's records must be. What else must hold of it is the services' to check.
 *
 * @throws INVALID_RECORD, UNSUPPORTED_COMPRESSION_TYPE
 */
function oneBatch(records: Uint8Array | null, version: number): Uint8Array {
  if (records === null || records.length < batchHeaderBytes) {
    throw new LogError("INVALID_RECORD", "there is no record batch");
  }
  const view = viewOf(records);
  if (magicAt(view, 0) !== batchMagic) {
    const detail = `records have format ${magicAt(view, 0)}, only ${batchMagic} is accepted`;
    throw new LogError("INVALID_RECORD", detail);
  }
  if (batchBytesAt(view, 0) < records.length) {
    throw new LogError("INVALID_RECORD", "there must be exactly one record batch a partition");
  }
  if (baseOffsetAt(view, 0) !== 0) {
    throw new LogError("INVALID_RECORD", "the base offset of a batch to append must be 0");
  }
  if (version < zstdFrom && codecNameOf(codecOf(attributesAt(view, 0))) === "zstd") {
    const detail = `zstd needs version ${zstdFrom} of Produce, this is ${version}`;
    throw new LogError("UNSUPPORTED_COMPRESSION_TYPE", detail);
  }
  return records;
}

function answered(result: ProducePartitionResult): PartitionAnswer {
  const { error, detail, recordIndex } = result;
  const recordErrors =
    recordIndex === null ? [] : [{ batchIndex: recordIndex, batchIndexErrorMessage: detail }];
  return {
    index: result.partition,
    errorCode: codeOf(error),
    baseOffset: result.baseOffset,
    logAppendTimeMs: result.logAppendTimeMs,
    logStartOffset: result.logStartOffset,
    recordErrors,
    errorMessage: detail,
  };
}

function refused(index: number, { code, message }: LogError): PartitionAnswer {
  return {
    index,
    errorCode: codeOf(code),
    baseOffset: -1,
    logAppendTimeMs: -1,
    logStartOffset: -1,
    recordErrors: [],
    errorMessage: message,
  };
}

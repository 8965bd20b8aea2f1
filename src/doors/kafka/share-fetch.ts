// ShareFetch (78): acquires records for a member of a share group and acknowledges earlier ones on the way.

import { type ErrorName, LogError } from "../../base/error.ts";
import type { EncodableResponse, RequestOf } from "../../protocol/apis.ts";
import type { TopicPartition } from "../../services.ts";
import {
  acknowledged,
  type AcknowledgedPartition,
  isAcknowledging,
  placeOf,
  placesById,
  shareMemberOf,
} from "./acknowledgements.ts";
import { codeOf } from "./error-code.ts";
import { failureOf } from "./failure.ts";
import type { Answer, Handler, KafkaCall, KafkaContext } from "./handler.ts";
import { noLeader } from "./share-acknowledge.ts";
import { acquire, type AcquiredPartition, giveBack } from "./share-acquire.ts";
import type { PartitionById, ShareMember, ShareSession } from "./share-sessions.ts";

type TopicAnswer = EncodableResponse<"shareFetch">["responses"][number];
type PartitionAnswer = TopicAnswer["partitions"][number];
type Request = RequestOf<"shareFetch">;

interface Serving {
  readonly call: KafkaCall;
  readonly context: KafkaContext;
}

/** Goes on with the session, acknowledges, acquires, and waits as long as the client allows while there is nothing. */
export const answerShareFetch: Handler<"shareFetch"> = async (request, call, context) => {
  const serving = { call, context };
  try {
    const member = shareMemberOf(request);
    checkRules(request);
    const session = sessionOf(request, member, serving);
    // Begun together, so that one sync of the disk is enough for both.
    const acknowledging = acknowledged(request.topics, member, {
      mayRenew: request.isRenewAck,
      services: context.services,
      onFailure: (error) => failureOf(error, context),
    });
    if (!session.isOpen) return await last(await acknowledging, session, context);
    const acquiring = acquiredFor(request, session, serving).catch((error: unknown) => {
      // What was acknowledged has its answer; the next fetch hears of the failure.
      if (!isAcknowledging(request.topics)) throw error;
      failureOf(error, context);
      return [];
    });
    const [settled, found] = await Promise.all([acknowledging, acquiring]);
    return answered(session, { settled, found });
  } catch (error) {
    const { code, message } = failureOf(error, context);
    if (code === "SHARE_SESSION_LIMIT_REACHED") await pause(request.maxWaitMs, serving);
    return { ...empty, errorCode: codeOf(code), errorMessage: message };
  }
};

// A request that renews locks does nothing else, lest they lapse while it waits.
function checkRules(request: Request): void {
  const { shareSessionEpoch, isRenewAck, maxBytes, minBytes, maxRecords, maxWaitMs } = request;
  if (isRenewAck && (maxBytes !== 0 || minBytes !== 0 || maxRecords !== 0 || maxWaitMs !== 0)) {
    throw new LogError("INVALID_REQUEST", "a request that renews locks must not fetch");
  }
  if (shareSessionEpoch === 0 && isAcknowledging(request.topics)) {
    const detail = "the request that opens a session has nothing to acknowledge yet";
    throw new LogError("INVALID_REQUEST", detail);
  }
  if (request.shareAcquireMode !== 0 && request.shareAcquireMode !== 1) {
    const detail = `there is no mode ${request.shareAcquireMode} of acquiring`;
    throw new LogError("INVALID_REQUEST", detail);
  }
}

function sessionOf(
  request: Request,
  member: ShareMember,
  { call, context }: Serving,
): ShareSession {
  const { shareSessionEpoch: epoch } = request;
  const { shareSessions } = context;
  if (epoch === -1) return shareSessions.close(member);
  const added = placesById(request.topics);
  if (epoch === 0) return shareSessions.open(member, added, call);
  const removed = request.forgottenTopicsData.flatMap(({ topicId, partitions }) =>
    partitions.map((partition) => ({ topicId, partition })),
  );
  return shareSessions.next(member, epoch, { added, removed });
}

async function last(
  settled: readonly AcknowledgedPartition[],
  session: ShareSession,
  { services }: KafkaContext,
): Promise<Answer<"shareFetch">> {
  await services.shares.releaseAll(session.group, session.memberId);
  return answered(session, { settled, found: [] });
}

/** Faults of the session's partitions, and what was acquired from the others. */
async function acquiredFor(
  request: Request,
  session: ShareSession,
  { call, context }: Serving,
): Promise<readonly AcquiredPartition[]> {
  if (request.isRenewAck) return [];
  const places: TopicPartition[] = [];
  const ids = new Map<string, string>();
  const faults: AcquiredPartition[] = [];
  for (const place of session.partitions()) {
    const { topic, error } = placeOf(place, context.services.topics);
    if (error !== null) faults.push(faulty(place, error));
    else places.push({ topic, partition: place.partition });
    ids.set(topic, place.topicId);
  }
  // Where nothing can be read there is nothing to wait for.
  if (places.length === 0 && faults.length > 0) return faults;
  try {
    const result = await acquire(context.services.shares, session, {
      places,
      topicId: (topic) => ids.get(topic) ?? "",
      maxRecords: request.maxRecords,
      maxBytes: request.maxBytes,
      maxWaitMs: request.maxWaitMs,
      batchSize: request.batchSize,
      isWholeBatches: request.shareAcquireMode === 0,
      signal: call.signal,
    });
    call.releaseWhenSent(result);
    session.lockMs = result.lockMs;
    if (!session.isOpen) await lost(session, result.partitions, context);
    return [...faults, ...result.partitions];
  } catch (error) {
    // A group that has gone has no sessions.
    if (failureOf(error, context).code === "GROUP_ID_NOT_FOUND") context.shareSessions.end(session);
    throw error;
  }
}

// The connection ended, or another session began, while this one was waiting: nobody will see the records.
async function lost(
  session: ShareSession,
  partitions: readonly AcquiredPartition[],
  { services }: KafkaContext,
): Promise<never> {
  await giveBack(services.shares, session, partitions);
  throw new LogError("SHARE_SESSION_NOT_FOUND", "the share session ended during the fetch");
}

function faulty(place: PartitionById, error: ErrorName): AcquiredPartition {
  return { ...place, topic: "", error, detail: null, records: new Uint8Array(0), acquired: [] };
}

// As long as the client would have waited, so that it does not ask again at once.
async function pause(waitMs: number, { call, context }: Serving): Promise<void> {
  if (waitMs <= 0 || call.signal.aborted) return;
  await new Promise<void>((resolve) => {
    const end = (): void => {
      timer.cancel();
      call.signal.removeEventListener("abort", end);
      resolve();
    };
    const timer = context.clock.after(waitMs, end);
    call.signal.addEventListener("abort", end);
  });
}

const empty = {
  acquisitionLockTimeoutMs: 0,
  responses: [],
  nodeEndpoints: [],
} satisfies Partial<Answer<"shareFetch">>;

/** Partitions with records, faults or acknowledgements; clients take the others for unchanged. */
function answered(
  session: ShareSession,
  parts: {
    readonly settled: readonly AcknowledgedPartition[];
    readonly found: readonly AcquiredPartition[];
  },
): Answer<"shareFetch"> {
  const topics = new Map<string, Map<number, PartitionAnswer>>();
  const topicOf = (topicId: string): Map<number, PartitionAnswer> => {
    const known = topics.get(topicId) ?? new Map<number, PartitionAnswer>();
    topics.set(topicId, known);
    return known;
  };
  for (const { topicId, partition, error, detail, records, acquired } of parts.found) {
    topicOf(topicId).set(partition, {
      ...nothing(partition),
      errorCode: codeOf(error),
      errorMessage: detail,
      records,
      acquiredRecords: acquired,
    });
  }
  for (const { topicId, partition, error, detail } of parts.settled) {
    const topic = topicOf(topicId);
    topic.set(partition, {
      ...(topic.get(partition) ?? nothing(partition)),
      acknowledgeErrorCode: codeOf(error),
      acknowledgeErrorMessage: detail,
    });
  }
  const responses = [...topics].map(([topicId, partitions]) => {
    return { topicId, partitions: [...partitions.values()] };
  });
  const { lockMs: acquisitionLockTimeoutMs } = session;
  return { ...empty, errorCode: 0, errorMessage: null, acquisitionLockTimeoutMs, responses };
}

function nothing(partition: number): PartitionAnswer {
  return {
    partitionIndex: partition,
    errorCode: 0,
    errorMessage: null,
    acknowledgeErrorCode: 0,
    acknowledgeErrorMessage: null,
    currentLeader: noLeader,
    records: new Uint8Array(0),
    acquiredRecords: [],
  };
}

// ShareAcknowledge (79): says what became of acquired records, between fetches or when a session ends.

import { LogError } from "../../base/error.ts";
import type { EncodableResponse, RequestOf } from "../../protocol/apis.ts";
import { acknowledged, type AcknowledgedPartition, shareMemberOf } from "./acknowledgements.ts";
import { codeOf } from "./error-code.ts";
import { failureOf } from "./failure.ts";
import type { Answer, Handler, KafkaContext } from "./handler.ts";
import type { ShareMember, ShareSession } from "./share-sessions.ts";

type TopicAnswer = EncodableResponse<"shareAcknowledge">["responses"][number];
type PartitionAnswer = TopicAnswer["partitions"][number];

/** Said of every partition: this broker is its leader, so there is no other to name. */
export const noLeader = { leaderId: -1, leaderEpoch: -1 } as const;

/** Settles what is acknowledged; a session that ends lets go of everything else. */
export const answerShareAcknowledge: Handler<"shareAcknowledge"> = async (
  request,
  _call,
  context,
) => {
  const { services } = context;
  try {
    const member = shareMemberOf(request);
    const session = sessionOf(request, member, context);
    const results = acknowledged(request.topics, member, {
      mayRenew: request.isRenewAck,
      services,
      onFailure: (error) => failureOf(error, context),
    });
    if (session.isOpen) return answered(await results, session);
    await results;
    await services.shares.releaseAll(member.group, member.memberId);
    return answered(await results, session);
  } catch (error) {
    const { code, message } = failureOf(error, context);
    return { ...empty, errorCode: codeOf(code), errorMessage: message };
  }
};

function sessionOf(
  { shareSessionEpoch }: RequestOf<"shareAcknowledge">,
  member: ShareMember,
  { shareSessions }: KafkaContext,
): ShareSession {
  if (shareSessionEpoch === -1) return shareSessions.close(member);
  if (shareSessionEpoch <= 0) {
    const detail = "only a fetch opens a share session";
    throw new LogError("INVALID_SHARE_SESSION_EPOCH", detail);
  }
  return shareSessions.next(member, shareSessionEpoch, { added: [], removed: [] });
}

const empty = {
  acquisitionLockTimeoutMs: 0,
  responses: [],
  nodeEndpoints: [],
} satisfies Partial<Answer<"shareAcknowledge">>;

function answered(
  results: readonly AcknowledgedPartition[],
  { lockMs }: ShareSession,
): Answer<"shareAcknowledge"> {
  const byTopic = new Map<string, PartitionAnswer[]>();
  for (const { topicId, partition, error, detail } of results) {
    const partitions = byTopic.get(topicId) ?? [];
    byTopic.set(topicId, partitions);
    partitions.push({
      partitionIndex: partition,
      errorCode: codeOf(error),
      errorMessage: detail,
      currentLeader: noLeader,
    });
  }
  const responses = [...byTopic].map(([topicId, partitions]) => ({ topicId, partitions }));
  return {
    ...empty,
    errorCode: 0,
    errorMessage: null,
    acquisitionLockTimeoutMs: lockMs,
    responses,
  };
}

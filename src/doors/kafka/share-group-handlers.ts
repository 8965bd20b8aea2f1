// Members of share groups (KIP-932): ShareGroupHeartbeat, ShareGroupDescribe. Messages name topics by id, the services
// by name.

import { LogError } from "../../base/error.ts";
import type { EncodableResponse, RequestOf } from "../../protocol/apis.ts";
import type { ShareGroupDescription, TopicServices } from "../../services.ts";
import { assignmentById } from "./assignment-by-id.ts";
import { authorizedOperations } from "./authorized-operations.ts";
import { coordinatorCode, failureOf } from "./failure.ts";
import { kafkaGroupState } from "./group-state.ts";
import type { Handler, KafkaContext, ServingTable } from "./handler.ts";

const shareGroupHeartbeat: Handler<"shareGroupHeartbeat"> = async (request, call, context) => {
  const { shares, topics } = context.services;
  try {
    check(request);
    const result = await shares.heartbeat({
      group: request.groupId,
      memberId: request.memberId,
      memberEpoch: request.memberEpoch,
      rackId: request.rackId,
      subscribedTopics: request.subscribedTopicNames,
      clientId: call.clientId,
      clientHost: call.clientHost,
    });
    const { memberId, memberEpoch, heartbeatIntervalMs, assignment } = result;
    return {
      errorCode: 0,
      errorMessage: null,
      memberId,
      memberEpoch,
      heartbeatIntervalMs,
      assignment:
        assignment === null ? null : { topicPartitions: assignmentById(assignment, topics) },
    };
  } catch (error) {
    const failure = failureOf(error, context);
    return {
      errorCode: coordinatorCode(failure.code),
      errorMessage: failure.message,
      memberId: null,
      memberEpoch: 0,
      heartbeatIntervalMs: 0,
      assignment: null,
    };
  }
};

function check({ rackId, memberEpoch }: RequestOf<"shareGroupHeartbeat">): void {
  if (rackId === "") {
    throw new LogError("INVALID_REQUEST", "a rack id is null or has at least one character");
  }
  if (memberEpoch < -1) {
    throw new LogError("INVALID_REQUEST", `a member epoch cannot be ${memberEpoch}`);
  }
}

const shareGroupDescribe: Handler<"shareGroupDescribe"> = async (request, _call, context) => {
  const isAsked = request.includeAuthorizedOperations;
  const groups = await Promise.all(
    [...new Set(request.groupIds)].map(async (groupId) => ({
      ...(await describe(groupId, context)),
      authorizedOperations: authorizedOperations("group", { isAsked }),
    })),
  );
  return { groups };
};

type DescribedGroup = EncodableResponse<"shareGroupDescribe">["groups"][number];

async function describe(groupId: string, context: KafkaContext): Promise<DescribedGroup> {
  const { shares, topics } = context.services;
  try {
    return shownGroup(await shares.describe(groupId), topics);
  } catch (error) {
    const failure = failureOf(error, context);
    return {
      errorCode: coordinatorCode(failure.code),
      errorMessage: failure.message,
      groupId,
      groupState: failure.code === "GROUP_ID_NOT_FOUND" ? "Dead" : "",
      groupEpoch: 0,
      assignmentEpoch: 0,
      assignorName: "",
      members: [],
    };
  }
}

function shownGroup(group: ShareGroupDescription, topics: TopicServices): DescribedGroup {
  return {
    errorCode: 0,
    errorMessage: null,
    groupId: group.group,
    groupState: kafkaGroupState[group.state],
    groupEpoch: group.groupEpoch,
    assignmentEpoch: group.assignmentEpoch,
    assignorName: group.assignor,
    members: group.members.map(({ subscribedTopics, assignment, ...member }) => ({
      ...member,
      subscribedTopicNames: subscribedTopics,
      assignment: { topicPartitions: assignmentById(assignment, topics) },
    })),
  };
}

/** Members of share groups. */
export const shareGroupHandlers: ServingTable = {
  shareGroupHeartbeat: { min: 1, max: 1, handle: shareGroupHeartbeat },
  shareGroupDescribe: { min: 1, max: 1, beginsInTurn: true, handle: shareGroupDescribe },
};

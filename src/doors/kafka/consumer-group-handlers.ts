// Groups of the new protocol (KIP-848): ConsumerGroupHeartbeat, ConsumerGroupDescribe. Messages name topics by id, the
// services by name.

import { LogError } from "../../base/error.ts";
import type { EncodableResponse, RequestOf } from "../../protocol/apis.ts";
import type {
  GroupDescription,
  GroupHeartbeatRequest,
  MemberDescription,
  TopicAssignment,
  TopicServices,
} from "../../services.ts";
import { assignmentById } from "./assignment-by-id.ts";
import { authorizedOperations } from "./authorized-operations.ts";
import { coordinatorCode, failureOf } from "./failure.ts";
import { kafkaGroupState } from "./group-state.ts";
import type { Handler, KafkaCall, KafkaContext, ServingTable } from "./handler.ts";

/** Whose members speak the new protocol, in ConsumerGroupDescribe. */
const consumerMember = 1;

const consumerGroupHeartbeat: Handler<"consumerGroupHeartbeat"> = async (
  request,
  call,
  context,
) => {
  const { groups, topics } = context.services;
  try {
    checkNames(request, call.version);
    const result = await groups.heartbeat(heartbeatOf(request, { call, topics }));
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

// Absent names are null; from version 1 on members name themselves.
function checkNames(request: RequestOf<"consumerGroupHeartbeat">, version: number): void {
  const { memberId, instanceId, rackId } = request;
  const isEmpty = (version >= 1 && memberId === "") || instanceId === "" || rackId === "";
  if (!isEmpty) return;
  const detail = "a member id, instance id or rack id is null or has at least one character";
  throw new LogError("INVALID_REQUEST", detail);
}

function heartbeatOf(
  request: RequestOf<"consumerGroupHeartbeat">,
  { call, topics }: { readonly call: KafkaCall; readonly topics: TopicServices },
): GroupHeartbeatRequest {
  const owned = request.topicPartitions;
  return {
    group: request.groupId,
    memberId: request.memberId,
    instanceId: request.instanceId,
    memberEpoch: request.memberEpoch,
    subscribedTopics: request.subscribedTopicNames,
    subscribedTopicRegex: request.subscribedTopicRegex,
    ownedPartitions: owned === null ? null : withNames(owned, topics),
    serverAssignor: request.serverAssignor,
    rebalanceTimeoutMs: request.rebalanceTimeoutMs,
    sessionTimeoutMs: null,
    clientId: call.clientId,
    clientHost: call.clientHost,
  };
}

// Nobody owns partitions of a topic that has gone meanwhile.
function withNames(
  owned: readonly { readonly topicId: string; readonly partitions: readonly number[] }[],
  topics: TopicServices,
): readonly TopicAssignment[] {
  return owned.flatMap(({ topicId, partitions }) => {
    const topic = topics.lookupId(topicId);
    return topic === null ? [] : [{ topic: topic.name, partitions }];
  });
}

const consumerGroupDescribe: Handler<"consumerGroupDescribe"> = async (request, _call, context) => {
  const isAsked = request.includeAuthorizedOperations;
  const groups = await Promise.all(
    [...new Set(request.groupIds)].map(async (groupId) => ({
      ...(await describe(groupId, context)),
      authorizedOperations: authorizedOperations("group", { isAsked }),
    })),
  );
  return { groups };
};

type DescribedGroup = EncodableResponse<"consumerGroupDescribe">["groups"][number];

async function describe(groupId: string, context: KafkaContext): Promise<DescribedGroup> {
  const { groups, topics } = context.services;
  try {
    const group = await groups.describe(groupId);
    if (group.kind === "consumer") return shownGroup(group, topics);
    const detail = `group ${groupId} is of the classic protocol; DescribeGroups shows it`;
    throw new LogError("GROUP_ID_NOT_FOUND", detail);
  } catch (error) {
    const failure = failureOf(error, context);
    return {
      errorCode: coordinatorCode(failure.code),
      errorMessage: failure.message,
      groupId,
      groupState: "",
      groupEpoch: 0,
      assignmentEpoch: 0,
      assignorName: "",
      members: [],
    };
  }
}

function shownGroup(group: GroupDescription, topics: TopicServices): DescribedGroup {
  return {
    errorCode: 0,
    errorMessage: null,
    groupId: group.group,
    groupState: kafkaGroupState[group.state],
    groupEpoch: group.groupEpoch,
    assignmentEpoch: group.assignmentEpoch,
    assignorName: group.assignor,
    members: group.members.map((member) => shownMember(member, topics)),
  };
}

function shownMember(
  member: MemberDescription,
  topics: TopicServices,
): DescribedGroup["members"][number] {
  return {
    memberId: member.memberId,
    instanceId: member.instanceId,
    rackId: null,
    memberEpoch: member.memberEpoch,
    clientId: member.clientId,
    clientHost: member.clientHost,
    subscribedTopicNames: member.subscribedTopics,
    subscribedTopicRegex: member.subscribedTopicRegex,
    assignment: { topicPartitions: assignmentById(member.assignment, topics) },
    targetAssignment: { topicPartitions: assignmentById(member.targetAssignment, topics) },
    memberType: consumerMember,
  };
}

/** Groups of the new protocol. */
export const consumerGroupHandlers: ServingTable = {
  consumerGroupHeartbeat: { min: 0, max: 1, handle: consumerGroupHeartbeat },
  consumerGroupDescribe: { min: 0, max: 1, beginsInTurn: true, handle: consumerGroupDescribe },
};

// Consumer groups of the new protocol (KIP-848).

import { api } from "../api.ts";
import { array, arrayOf, bool, int16, int32, int8, string, struct, uuid } from "../field.ts";

/** ConsumerGroupHeartbeat: joins, stays, leaves, and carries the assignment. Null means unchanged. */
export const consumerGroupHeartbeat = api({
  key: 68,
  versions: [0, 1],
  flexibleFrom: 0,
  request: {
    groupId: string,
    memberId: string,
    memberEpoch: int32,
    instanceId: string.nullable(),
    rackId: string.nullable(),
    rebalanceTimeoutMs: int32.or(-1),
    subscribedTopicNames: arrayOf(string).nullable(),
    subscribedTopicRegex: string.nullable().since(1),
    serverAssignor: string.nullable(),
    topicPartitions: array({ topicId: uuid, partitions: arrayOf(int32) }).nullable(),
  },
  response: {
    throttleTimeMs: int32,
    errorCode: int16,
    errorMessage: string.nullable(),
    memberId: string.nullable(),
    memberEpoch: int32,
    heartbeatIntervalMs: int32,
    assignment: struct({
      topicPartitions: array({ topicId: uuid, partitions: arrayOf(int32) }),
    }).nullable(),
  },
});

const assignment = struct({
  topicPartitions: array({ topicId: uuid, topicName: string, partitions: arrayOf(int32) }),
});

/** ConsumerGroupDescribe: state, members and assignments. */
export const consumerGroupDescribe = api({
  key: 69,
  versions: [0, 1],
  flexibleFrom: 0,
  request: { groupIds: arrayOf(string), includeAuthorizedOperations: bool },
  response: {
    throttleTimeMs: int32,
    groups: array({
      errorCode: int16,
      errorMessage: string.nullable(),
      groupId: string,
      groupState: string,
      groupEpoch: int32,
      assignmentEpoch: int32,
      assignorName: string,
      members: array({
        memberId: string,
        instanceId: string.nullable(),
        rackId: string.nullable(),
        memberEpoch: int32,
        clientId: string,
        clientHost: string,
        subscribedTopicNames: arrayOf(string),
        subscribedTopicRegex: string.nullable(),
        assignment,
        targetAssignment: assignment,
        memberType: int8.since(1).or(-1),
      }),
      authorizedOperations: int32.or(-2147483648),
    }),
  },
});

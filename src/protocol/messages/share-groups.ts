// Share groups (KIP-932): members, and the offsets of a group as tools see them.

import { api } from "../api.ts";
import { array, arrayOf, bool, int16, int32, int64, string, struct, uuid } from "../field.ts";

/** ShareGroupHeartbeat: joins, stays, leaves, and carries the assignment. Null means unchanged. */
export const shareGroupHeartbeat = api({
  key: 76,
  versions: [1, 1],
  flexibleFrom: 0,
  request: {
    groupId: string,
    memberId: string,
    memberEpoch: int32,
    rackId: string.nullable(),
    subscribedTopicNames: arrayOf(string).nullable(),
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

/** ShareGroupDescribe: state, members and assignments. */
export const shareGroupDescribe = api({
  key: 77,
  versions: [1, 1],
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
        rackId: string.nullable(),
        memberEpoch: int32,
        clientId: string,
        clientHost: string,
        subscribedTopicNames: arrayOf(string),
        assignment: struct({
          topicPartitions: array({
            topicId: uuid,
            topicName: string,
            partitions: arrayOf(int32),
          }),
        }),
      }),
      authorizedOperations: int32.or(-2147483648),
    }),
  },
});

/** DescribeShareGroupOffsets: where groups' share-partitions start. */
export const describeShareGroupOffsets = api({
  key: 90,
  versions: [0, 1],
  flexibleFrom: 0,
  request: {
    groups: array({
      groupId: string,
      topics: array({ topicName: string, partitions: arrayOf(int32) }).nullable(),
    }),
  },
  response: {
    throttleTimeMs: int32,
    groups: array({
      groupId: string,
      topics: array({
        topicName: string,
        topicId: uuid,
        partitions: array({
          partitionIndex: int32,
          startOffset: int64,
          leaderEpoch: int32,
          lag: int64.since(1).or(-1),
          errorCode: int16,
          errorMessage: string.nullable(),
        }),
      }),
      errorCode: int16,
      errorMessage: string.nullable(),
    }),
  },
});

/** AlterShareGroupOffsets: sets where an empty group's share-partitions start. */
export const alterShareGroupOffsets = api({
  key: 91,
  versions: [0, 0],
  flexibleFrom: 0,
  request: {
    groupId: string,
    topics: array({
      topicName: string,
      partitions: array({ partitionIndex: int32, startOffset: int64 }),
    }),
  },
  response: {
    throttleTimeMs: int32,
    errorCode: int16,
    errorMessage: string.nullable(),
    responses: array({
      topicName: string,
      topicId: uuid,
      partitions: array({
        partitionIndex: int32,
        errorCode: int16,
        errorMessage: string.nullable(),
      }),
    }),
  },
});

/** DeleteShareGroupOffsets: forgets an empty group's state of topics. */
export const deleteShareGroupOffsets = api({
  key: 92,
  versions: [0, 0],
  flexibleFrom: 0,
  request: { groupId: string, topics: array({ topicName: string }) },
  response: {
    throttleTimeMs: int32,
    errorCode: int16,
    errorMessage: string.nullable(),
    responses: array({
      topicName: string,
      topicId: uuid,
      errorCode: int16,
      errorMessage: string.nullable(),
    }),
  },
});

// Metadata (3) and its successors for tools: brokers, topics, partitions and who leads them.

import { api } from "../api.ts";
import { array, arrayOf, bool, int16, int32, int8, string, struct, uuid } from "../field.ts";

// Stands for "not asked for" in a mask of operations.
const noOperations = -2147483648;

/** Metadata: brokers and topics as a client needs them to find leaders. */
export const metadata = api({
  key: 3,
  versions: [0, 13],
  flexibleFrom: 9,
  request: {
    topics: array({ topicId: uuid.since(10), name: string.nullable(10) }).nullable(1),
    allowAutoTopicCreation: bool.since(4).or(true),
    includeClusterAuthorizedOperations: bool.since(8).until(10),
    includeTopicAuthorizedOperations: bool.since(8),
  },
  response: {
    throttleTimeMs: int32.since(3),
    brokers: array({
      nodeId: int32,
      host: string,
      port: int32,
      rack: string.nullable().since(1),
    }),
    clusterId: string.nullable().since(2),
    controllerId: int32.since(1).or(-1),
    topics: array({
      errorCode: int16,
      name: string.nullable(12),
      topicId: uuid.since(10),
      isInternal: bool.since(1),
      partitions: array({
        errorCode: int16,
        partitionIndex: int32,
        leaderId: int32,
        leaderEpoch: int32.since(7).or(-1),
        replicaNodes: arrayOf(int32),
        isrNodes: arrayOf(int32),
        offlineReplicas: arrayOf(int32).since(5),
      }),
      topicAuthorizedOperations: int32.since(8).or(noOperations),
    }),
    clusterAuthorizedOperations: int32.since(8).until(10).or(noOperations),
    errorCode: int16.since(13),
  },
});

/** DescribeCluster: the brokers, for admin clients. */
export const describeCluster = api({
  key: 60,
  versions: [0, 2],
  flexibleFrom: 0,
  request: {
    includeClusterAuthorizedOperations: bool,
    endpointType: int8.since(1).or(1),
    includeFencedBrokers: bool.since(2),
  },
  response: {
    throttleTimeMs: int32,
    errorCode: int16,
    errorMessage: string.nullable(),
    endpointType: int8.since(1).or(1),
    clusterId: string,
    controllerId: int32.or(-1),
    brokers: array({
      brokerId: int32,
      host: string,
      port: int32,
      rack: string.nullable(),
      isFenced: bool.since(2),
    }),
    clusterAuthorizedOperations: int32.or(noOperations),
  },
});

/** DescribeTopicPartitions: metadata of topics in pages. */
export const describeTopicPartitions = api({
  key: 75,
  versions: [0, 0],
  flexibleFrom: 0,
  request: {
    topics: array({ name: string }),
    responsePartitionLimit: int32.or(2000),
    cursor: struct({ topicName: string, partitionIndex: int32 }).nullable(),
  },
  response: {
    throttleTimeMs: int32,
    topics: array({
      errorCode: int16,
      name: string.nullable(),
      topicId: uuid,
      isInternal: bool,
      partitions: array({
        errorCode: int16,
        partitionIndex: int32,
        leaderId: int32,
        leaderEpoch: int32.or(-1),
        replicaNodes: arrayOf(int32),
        isrNodes: arrayOf(int32),
        eligibleLeaderReplicas: arrayOf(int32).nullable(),
        lastKnownElr: arrayOf(int32).nullable(),
        offlineReplicas: arrayOf(int32),
      }),
      topicAuthorizedOperations: int32.or(noOperations),
    }),
    nextCursor: struct({ topicName: string, partitionIndex: int32 }).nullable(),
  },
});

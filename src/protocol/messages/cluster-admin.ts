// The cluster as tools work on it: log directories, elections, reassignments.

import { api } from "../api.ts";
import { array, arrayOf, bool, int16, int32, int64, int8, string } from "../field.ts";

/** DescribeLogDirs: how much the partitions take on the disk. */
export const describeLogDirs = api({
  key: 35,
  versions: [1, 5],
  flexibleFrom: 2,
  request: { topics: array({ topic: string, partitions: arrayOf(int32) }).nullable() },
  response: {
    throttleTimeMs: int32,
    errorCode: int16.since(3),
    results: array({
      errorCode: int16,
      logDir: string,
      topics: array({
        name: string,
        partitions: array({
          partitionIndex: int32,
          partitionSize: int64,
          offsetLag: int64,
          isFutureKey: bool,
        }),
      }),
      totalBytes: int64.since(4).or(-1),
      usableBytes: int64.since(4).or(-1),
      isCordoned: bool.since(5),
    }),
  },
});

/** ElectLeaders: asks for an election of partitions' leaders; all partitions when none are named. */
export const electLeaders = api({
  key: 43,
  versions: [0, 2],
  flexibleFrom: 2,
  request: {
    electionType: int8.since(1),
    topicPartitions: array({ topic: string, partitions: arrayOf(int32) }).nullable(),
    timeoutMs: int32.or(60000),
  },
  response: {
    throttleTimeMs: int32,
    errorCode: int16.since(1),
    replicaElectionResults: array({
      topic: string,
      partitionResult: array({
        partitionId: int32,
        errorCode: int16,
        errorMessage: string.nullable(),
      }),
    }),
  },
});

/** ListPartitionReassignments: partitions on their way to other brokers. */
export const listPartitionReassignments = api({
  key: 46,
  versions: [0, 0],
  flexibleFrom: 0,
  request: {
    timeoutMs: int32.or(60000),
    topics: array({ name: string, partitionIndexes: arrayOf(int32) }).nullable(),
  },
  response: {
    throttleTimeMs: int32,
    errorCode: int16,
    errorMessage: string.nullable(),
    topics: array({
      name: string,
      partitions: array({
        partitionIndex: int32,
        replicas: arrayOf(int32),
        addingReplicas: arrayOf(int32),
        removingReplicas: arrayOf(int32),
      }),
    }),
  },
});

// Records of share groups (KIP-932): acquired by ShareFetch, settled by ShareAcknowledge.

import { api } from "../api.ts";
import {
  array,
  arrayOf,
  bool,
  bytes,
  int16,
  int32,
  int64,
  int8,
  string,
  struct,
  uuid,
} from "../field.ts";

const acknowledgedTopics = array({
  topicId: uuid,
  partitions: array({
    partitionIndex: int32,
    acknowledgementBatches: array({
      firstOffset: int64,
      lastOffset: int64,
      acknowledgeTypes: arrayOf(int8),
    }),
  }),
});

const currentLeader = struct({ leaderId: int32, leaderEpoch: int32 });

const nodeEndpoints = array({
  nodeId: int32,
  host: string,
  port: int32,
  rack: string.nullable(),
});

/** ShareFetch: acquires records, and acknowledges earlier ones on the way. */
export const shareFetch = api({
  key: 78,
  versions: [1, 2],
  flexibleFrom: 0,
  request: {
    groupId: string.nullable(),
    memberId: string.nullable(),
    shareSessionEpoch: int32,
    maxWaitMs: int32,
    minBytes: int32,
    maxBytes: int32.or(0x7fffffff),
    maxRecords: int32,
    batchSize: int32,
    shareAcquireMode: int8.since(2),
    isRenewAck: bool.since(2),
    topics: acknowledgedTopics,
    forgottenTopicsData: array({ topicId: uuid, partitions: arrayOf(int32) }),
  },
  response: {
    throttleTimeMs: int32,
    errorCode: int16,
    errorMessage: string.nullable(),
    acquisitionLockTimeoutMs: int32,
    responses: array({
      topicId: uuid,
      partitions: array({
        partitionIndex: int32,
        errorCode: int16,
        errorMessage: string.nullable(),
        acknowledgeErrorCode: int16,
        acknowledgeErrorMessage: string.nullable(),
        currentLeader,
        records: bytes.nullable(),
        acquiredRecords: array({ firstOffset: int64, lastOffset: int64, deliveryCount: int16 }),
      }),
    }),
    nodeEndpoints,
  },
});

/** ShareAcknowledge: says what became of acquired records. */
export const shareAcknowledge = api({
  key: 79,
  versions: [1, 2],
  flexibleFrom: 0,
  request: {
    groupId: string.nullable(),
    memberId: string.nullable(),
    shareSessionEpoch: int32,
    isRenewAck: bool.since(2),
    topics: acknowledgedTopics,
  },
  response: {
    throttleTimeMs: int32,
    errorCode: int16,
    errorMessage: string.nullable(),
    acquisitionLockTimeoutMs: int32.since(2),
    responses: array({
      topicId: uuid,
      partitions: array({
        partitionIndex: int32,
        errorCode: int16,
        errorMessage: string.nullable(),
        currentLeader,
      }),
    }),
    nodeEndpoints,
  },
});

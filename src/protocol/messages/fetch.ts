// Fetch (1) and the calls a consumer finds its offsets by: record batches and positions in a partition's log.

import { api } from "../api.ts";
import {
  array,
  arrayOf,
  bytes,
  int16,
  int32,
  int64,
  int8,
  string,
  struct,
  uuid,
} from "../field.ts";

// The largest int64, as the nearest number.
const maxInt64 = 2 ** 63;

/** Fetch: record batches from an offset on. */
export const fetch = api({
  key: 1,
  versions: [4, 18],
  flexibleFrom: 12,
  request: {
    clusterId: string.nullable().since(12).tag(0),
    replicaId: int32.until(14).or(-1),
    replicaState: struct({ replicaId: int32.or(-1), replicaEpoch: int64.or(-1) })
      .since(15)
      .tag(1),
    maxWaitMs: int32,
    minBytes: int32,
    maxBytes: int32.or(0x7fffffff),
    isolationLevel: int8,
    sessionId: int32.since(7),
    sessionEpoch: int32.since(7).or(-1),
    topics: array({
      topic: string.until(12),
      topicId: uuid.since(13),
      partitions: array({
        partition: int32,
        currentLeaderEpoch: int32.since(9).or(-1),
        fetchOffset: int64,
        lastFetchedEpoch: int32.since(12).or(-1),
        logStartOffset: int64.since(5).or(-1),
        partitionMaxBytes: int32,
        replicaDirectoryId: uuid.since(17).tag(0),
        highWatermark: int64.since(18).or(maxInt64).tag(1),
      }),
    }),
    forgottenTopicsData: array({
      topic: string.until(12),
      topicId: uuid.since(13),
      partitions: arrayOf(int32),
    }).since(7),
    rackId: string.since(11),
  },
  response: {
    throttleTimeMs: int32,
    errorCode: int16.since(7),
    sessionId: int32.since(7),
    responses: array({
      topic: string.until(12),
      topicId: uuid.since(13),
      partitions: array({
        partitionIndex: int32,
        errorCode: int16,
        highWatermark: int64,
        lastStableOffset: int64.or(-1),
        logStartOffset: int64.since(5).or(-1),
        divergingEpoch: struct({ epoch: int32.or(-1), endOffset: int64.or(-1) })
          .since(12)
          .tag(0),
        currentLeader: struct({ leaderId: int32.or(-1), leaderEpoch: int32.or(-1) })
          .since(12)
          .tag(1),
        snapshotId: struct({ endOffset: int64.or(-1), epoch: int32.or(-1) })
          .since(12)
          .tag(2),
        abortedTransactions: array({ producerId: int64, firstOffset: int64 }).nullable(),
        preferredReadReplica: int32.since(11).or(-1),
        records: bytes.nullable(),
      }),
    }),
    nodeEndpoints: array({ nodeId: int32, host: string, port: int32, rack: string.nullable() })
      .since(16)
      .tag(0),
  },
});

/** ListOffsets: the offset of a timestamp, or of the log's start or end. */
export const listOffsets = api({
  key: 2,
  versions: [1, 11],
  flexibleFrom: 6,
  request: {
    replicaId: int32,
    isolationLevel: int8.since(2),
    topics: array({
      name: string,
      partitions: array({
        partitionIndex: int32,
        currentLeaderEpoch: int32.since(4).or(-1),
        timestamp: int64,
      }),
    }),
    timeoutMs: int32.since(10),
  },
  response: {
    throttleTimeMs: int32.since(2),
    topics: array({
      name: string,
      partitions: array({
        partitionIndex: int32,
        errorCode: int16,
        timestamp: int64.or(-1),
        offset: int64.or(-1),
        leaderEpoch: int32.since(4).or(-1),
      }),
    }),
  },
});

/** OffsetForLeaderEpoch: where the records of a leader epoch end. */
export const offsetForLeaderEpoch = api({
  key: 23,
  versions: [2, 4],
  flexibleFrom: 4,
  request: {
    replicaId: int32.since(3).or(-2),
    topics: array({
      topic: string,
      partitions: array({
        partition: int32,
        currentLeaderEpoch: int32.or(-1),
        leaderEpoch: int32,
      }),
    }),
  },
  response: {
    throttleTimeMs: int32,
    topics: array({
      topic: string,
      partitions: array({
        errorCode: int16,
        partition: int32,
        leaderEpoch: int32.or(-1),
        endOffset: int64.or(-1),
      }),
    }),
  },
});

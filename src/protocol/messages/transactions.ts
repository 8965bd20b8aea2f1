// Producer ids and transactions, as producers use them.

import { api } from "../api.ts";
import { array, arrayOf, bool, int16, int32, int64, string, uuid } from "../field.ts";

/** InitProducerId: a producer id, and the epoch that fences earlier producers of a transactional id. */
export const initProducerId = api({
  key: 22,
  versions: [0, 6],
  flexibleFrom: 2,
  request: {
    transactionalId: string.nullable(),
    transactionTimeoutMs: int32,
    producerId: int64.since(3).or(-1),
    producerEpoch: int16.since(3).or(-1),
    enable2Pc: bool.since(6),
    keepPreparedTxn: bool.since(6),
  },
  response: {
    throttleTimeMs: int32,
    errorCode: int16,
    producerId: int64.or(-1),
    producerEpoch: int16,
    ongoingTxnProducerId: int64.since(6).or(-1),
    ongoingTxnProducerEpoch: int16.since(6).or(-1),
  },
});

/** AddPartitionsToTxn: partitions that a transaction is about to write to. Brokers among themselves use 4 and up. */
export const addPartitionsToTxn = api({
  key: 24,
  versions: [0, 5],
  flexibleFrom: 3,
  request: {
    transactions: array({
      transactionalId: string,
      producerId: int64,
      producerEpoch: int16,
      verifyOnly: bool,
      topics: array({ name: string, partitions: arrayOf(int32) }),
    }).since(4),
    v3AndBelowTransactionalId: string.until(3),
    v3AndBelowProducerId: int64.until(3),
    v3AndBelowProducerEpoch: int16.until(3),
    v3AndBelowTopics: array({ name: string, partitions: arrayOf(int32) }).until(3),
  },
  response: {
    throttleTimeMs: int32,
    errorCode: int16.since(4),
    resultsByTransaction: array({
      transactionalId: string,
      topicResults: array({
        name: string,
        resultsByPartition: array({ partitionIndex: int32, partitionErrorCode: int16 }),
      }),
    }).since(4),
    resultsByTopicV3AndBelow: array({
      name: string,
      resultsByPartition: array({ partitionIndex: int32, partitionErrorCode: int16 }),
    }).until(3),
  },
});

/** AddOffsetsToTxn: the transaction is about to commit offsets of a group. */
export const addOffsetsToTxn = api({
  key: 25,
  versions: [0, 4],
  flexibleFrom: 3,
  request: {
    transactionalId: string,
    producerId: int64,
    producerEpoch: int16,
    groupId: string,
  },
  response: { throttleTimeMs: int32, errorCode: int16 },
});

/** EndTxn: commits or aborts. */
export const endTxn = api({
  key: 26,
  versions: [0, 5],
  flexibleFrom: 3,
  request: {
    transactionalId: string,
    producerId: int64,
    producerEpoch: int16,
    committed: bool,
  },
  response: {
    throttleTimeMs: int32,
    errorCode: int16,
    producerId: int64.since(5).or(-1),
    producerEpoch: int16.since(5).or(-1),
  },
});

/** TxnOffsetCommit: offsets that are committed when the transaction is. */
export const txnOffsetCommit = api({
  key: 28,
  versions: [0, 6],
  flexibleFrom: 3,
  request: {
    transactionalId: string,
    groupId: string,
    producerId: int64,
    producerEpoch: int16,
    generationIdOrMemberEpoch: int32.since(3).or(-1),
    memberId: string.since(3),
    groupInstanceId: string.nullable().since(3),
    topics: array({
      name: string.until(5),
      topicId: uuid.since(6),
      partitions: array({
        partitionIndex: int32,
        committedOffset: int64,
        committedLeaderEpoch: int32.since(2).or(-1),
        committedMetadata: string.nullable(),
      }),
    }),
  },
  response: {
    throttleTimeMs: int32,
    topics: array({
      name: string.until(5),
      topicId: uuid.since(6),
      partitions: array({ partitionIndex: int32, errorCode: int16 }),
    }),
  },
});

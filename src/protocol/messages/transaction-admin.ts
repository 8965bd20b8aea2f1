// Producers and transactions, as tools see them.

import { api } from "../api.ts";
import { array, arrayOf, int16, int32, int64, string } from "../field.ts";

/** DescribeProducers: the producers that a partition remembers. */
export const describeProducers = api({
  key: 61,
  versions: [0, 0],
  flexibleFrom: 0,
  request: { topics: array({ name: string, partitionIndexes: arrayOf(int32) }) },
  response: {
    throttleTimeMs: int32,
    topics: array({
      name: string,
      partitions: array({
        partitionIndex: int32,
        errorCode: int16,
        errorMessage: string.nullable(),
        activeProducers: array({
          producerId: int64,
          producerEpoch: int32,
          lastSequence: int32.or(-1),
          lastTimestamp: int64.or(-1),
          coordinatorEpoch: int32,
          currentTxnStartOffset: int64.or(-1),
        }),
      }),
    }),
  },
});

/** DescribeTransactions: the state of transactional ids. */
export const describeTransactions = api({
  key: 65,
  versions: [0, 0],
  flexibleFrom: 0,
  request: { transactionalIds: arrayOf(string) },
  response: {
    throttleTimeMs: int32,
    transactionStates: array({
      errorCode: int16,
      transactionalId: string,
      transactionState: string,
      transactionTimeoutMs: int32,
      transactionStartTimeMs: int64,
      producerId: int64,
      producerEpoch: int16,
      topics: array({ topic: string, partitions: arrayOf(int32) }),
    }),
  },
});

/** ListTransactions: the transactional ids that there are. */
export const listTransactions = api({
  key: 66,
  versions: [0, 2],
  flexibleFrom: 0,
  request: {
    stateFilters: arrayOf(string),
    producerIdFilters: arrayOf(int64),
    durationFilter: int64.since(1).or(-1),
    transactionalIdPattern: string.nullable().since(2),
  },
  response: {
    throttleTimeMs: int32,
    errorCode: int16,
    unknownStateFilters: arrayOf(string),
    transactionStates: array({
      transactionalId: string,
      producerId: int64,
      transactionState: string,
    }),
  },
});

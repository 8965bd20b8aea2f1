// Topics made, changed and removed: CreateTopics, DeleteTopics, CreatePartitions, DeleteRecords.

import { api } from "../api.ts";
import { array, arrayOf, bool, int16, int32, int64, int8, string, uuid } from "../field.ts";

/** CreateTopics. */
export const createTopics = api({
  key: 19,
  versions: [2, 7],
  flexibleFrom: 5,
  request: {
    topics: array({
      name: string,
      numPartitions: int32,
      replicationFactor: int16,
      assignments: array({ partitionIndex: int32, brokerIds: arrayOf(int32) }),
      configs: array({ name: string, value: string.nullable() }),
    }),
    timeoutMs: int32.or(60000),
    validateOnly: bool,
  },
  response: {
    throttleTimeMs: int32,
    topics: array({
      name: string,
      topicId: uuid.since(7),
      errorCode: int16,
      errorMessage: string.nullable(),
      topicConfigErrorCode: int16.since(5).tag(0),
      numPartitions: int32.since(5).or(-1),
      replicationFactor: int16.since(5).or(-1),
      configs: array({
        name: string,
        value: string.nullable(),
        readOnly: bool,
        configSource: int8.or(-1),
        isSensitive: bool,
      })
        .nullable()
        .since(5)
        .or([]),
    }),
  },
});

/** DeleteTopics: by name, or from version 6 by name or id. */
export const deleteTopics = api({
  key: 20,
  versions: [1, 6],
  flexibleFrom: 4,
  request: {
    topics: array({ name: string.nullable(), topicId: uuid }).since(6),
    topicNames: arrayOf(string).until(5),
    timeoutMs: int32,
  },
  response: {
    throttleTimeMs: int32,
    responses: array({
      name: string.nullable(6),
      topicId: uuid.since(6),
      errorCode: int16,
      errorMessage: string.nullable().since(5),
    }),
  },
});

/** CreatePartitions: makes topics grow to a number of partitions. */
export const createPartitions = api({
  key: 37,
  versions: [0, 3],
  flexibleFrom: 2,
  request: {
    topics: array({
      name: string,
      count: int32,
      assignments: array({ brokerIds: arrayOf(int32) }).nullable(),
    }),
    timeoutMs: int32,
    validateOnly: bool,
  },
  response: {
    throttleTimeMs: int32,
    results: array({ name: string, errorCode: int16, errorMessage: string.nullable() }),
  },
});

/** DeleteRecords: removes records below an offset. */
export const deleteRecords = api({
  key: 21,
  versions: [0, 2],
  flexibleFrom: 2,
  request: {
    topics: array({
      name: string,
      partitions: array({ partitionIndex: int32, offset: int64 }),
    }),
    timeoutMs: int32,
  },
  response: {
    throttleTimeMs: int32,
    topics: array({
      name: string,
      partitions: array({ partitionIndex: int32, lowWatermark: int64, errorCode: int16 }),
    }),
  },
});

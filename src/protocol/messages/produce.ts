// Produce (0): record batches to append.

import { api } from "../api.ts";
import { array, bytes, int16, int32, int64, string, struct, uuid } from "../field.ts";

/** Produce. */
export const produce = api({
  key: 0,
  versions: [3, 13],
  flexibleFrom: 9,
  request: {
    transactionalId: string.nullable(),
    acks: int16,
    timeoutMs: int32,
    topicData: array({
      name: string.until(12),
      topicId: uuid.since(13),
      partitionData: array({ index: int32, records: bytes.nullable() }),
    }),
  },
  response: {
    responses: array({
      name: string.until(12),
      topicId: uuid.since(13),
      partitionResponses: array({
        index: int32,
        errorCode: int16,
        baseOffset: int64,
        logAppendTimeMs: int64.or(-1),
        logStartOffset: int64.since(5).or(-1),
        recordErrors: array({
          batchIndex: int32,
          batchIndexErrorMessage: string.nullable(),
        }).since(8),
        errorMessage: string.nullable().since(8),
        currentLeader: struct({ leaderId: int32.or(-1), leaderEpoch: int32.or(-1) })
          .since(10)
          .tag(0),
      }),
    }),
    throttleTimeMs: int32,
    nodeEndpoints: array({ nodeId: int32, host: string, port: int32, rack: string.nullable() })
      .since(10)
      .tag(0),
  },
});

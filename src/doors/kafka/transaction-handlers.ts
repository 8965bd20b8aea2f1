// Producer ids and transactions as producers use them, and as tools look at them.

import type { ErrorName } from "../../base/error.ts";
import type { TransactionalProducer } from "../../services.ts";
import { byTopic, placesOf } from "./by-topic.ts";
import { coordinatorCode, failureOf } from "./failure.ts";
import type { Handler, ServingTable } from "./handler.ts";
import { transactionToolHandlers } from "./transaction-tool-handlers.ts";

/** Clients older than the name PRODUCER_FENCED know it as an old epoch. */
function codeFor(error: ErrorName | null, { knowsFenced }: { knowsFenced: boolean }): number {
  const known = error === "PRODUCER_FENCED" && !knowsFenced ? "INVALID_PRODUCER_EPOCH" : error;
  return coordinatorCode(known);
}

const initProducerId: Handler<"initProducerId"> = async (request, { version }, context) => {
  const { transactionalId, transactionTimeoutMs, producerId, producerEpoch } = request;
  const asked = { transactionalId, transactionTimeoutMs, producerId, producerEpoch };
  try {
    return {
      errorCode: 0,
      ...(await context.services.transactions.initProducerId(asked)),
    };
  } catch (error) {
    const { code } = failureOf(error, context);
    const errorCode = codeFor(code, { knowsFenced: version >= 4 });
    return { errorCode, producerId: -1, producerEpoch: -1 };
  }
};

const addPartitionsToTxn: Handler<"addPartitionsToTxn"> = async (request, { version }, context) => {
  const knowsFenced = version >= 2;
  const producer: TransactionalProducer = {
    transactionalId: request.v3AndBelowTransactionalId,
    producerId: request.v3AndBelowProducerId,
    producerEpoch: request.v3AndBelowProducerEpoch,
  };
  const places = placesOf(request.v3AndBelowTopics);
  const outcomes = await context.services.transactions
    .addPartitions(producer, places)
    .catch((error: unknown) => {
      // There is no place for an error of the whole: it is said of every partition.
      const { code } = failureOf(error, context);
      return places.map((place) => ({ ...place, error: code }));
    });
  const topics = byTopic(outcomes, ({ partition, error }) => {
    return { partitionIndex: partition, partitionErrorCode: codeFor(error, { knowsFenced }) };
  });
  return {
    resultsByTopicV3AndBelow: topics.map(({ name, partitions }) => {
      return { name, resultsByPartition: partitions };
    }),
  };
};

const addOffsetsToTxn: Handler<"addOffsetsToTxn"> = async (request, { version }, context) => {
  const { groupId, ...producer } = request;
  try {
    await context.services.transactions.addOffsets(producer, groupId);
    return { errorCode: 0 };
  } catch (error) {
    const errorCode = codeFor(failureOf(error, context).code, { knowsFenced: version >= 2 });
    return { errorCode };
  }
};

const endTxn: Handler<"endTxn"> = async (request, { version }, context) => {
  const { committed, ...producer } = request;
  try {
    await context.services.transactions.end(producer, committed ? "commit" : "abort");
    return { errorCode: 0 };
  } catch (error) {
    const errorCode = codeFor(failureOf(error, context).code, { knowsFenced: version >= 2 });
    return { errorCode };
  }
};

const txnOffsetCommit: Handler<"txnOffsetCommit"> = async (request, { version }, context) => {
  const knowsFenced = version >= 2;
  const { transactionalId, groupId, producerId, producerEpoch, memberId, groupInstanceId } =
    request;
  const offsets = request.topics.flatMap(({ name, partitions }) =>
    partitions.map((each) => ({
      topic: name,
      partition: each.partitionIndex,
      offset: each.committedOffset,
      leaderEpoch: each.committedLeaderEpoch,
      metadata: each.committedMetadata ?? "",
    })),
  );
  const results = await context.services.transactions
    .commitOffsets({
      transactionalId,
      producerId,
      producerEpoch,
      group: groupId,
      memberId,
      groupInstanceId,
      generationIdOrMemberEpoch: request.generationIdOrMemberEpoch,
      offsets,
    })
    .catch((error: unknown) => {
      const { code } = failureOf(error, context);
      return offsets.map(({ topic, partition }) => ({ topic, partition, error: code }));
    });
  const topics = byTopic(results, ({ partition, error }) => {
    return { partitionIndex: partition, errorCode: codeFor(error, { knowsFenced }) };
  });
  return { topics };
};

/** Producer ids and transactions. */
export const transactionHandlers: ServingTable = {
  ...transactionToolHandlers,
  initProducerId: { min: 0, max: 5, handle: initProducerId },
  // From version 4 on brokers speak among themselves.
  addPartitionsToTxn: { min: 0, max: 3, handle: addPartitionsToTxn },
  addOffsetsToTxn: { min: 0, max: 4, handle: addOffsetsToTxn },
  endTxn: { min: 0, max: 4, handle: endTxn },
  txnOffsetCommit: { min: 0, max: 4, handle: txnOffsetCommit },
};

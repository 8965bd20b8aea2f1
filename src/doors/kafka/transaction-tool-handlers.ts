// Transactions as tools look at them: DescribeTransactions, ListTransactions, DescribeProducers.

import type { EncodableResponse } from "../../protocol/apis.ts";
import type { TransactionState } from "../../services.ts";
import { byTopic, placesOf } from "./by-topic.ts";
import { codeOf } from "./error-code.ts";
import { coordinatorCode, failureOf } from "./failure.ts";
import type { Handler, KafkaContext, ServingTable } from "./handler.ts";

type DescribedTransaction = EncodableResponse<"describeTransactions">["transactionStates"][number];

const describeTransactions: Handler<"describeTransactions"> = async (request, _call, context) => {
  const transactionStates = await Promise.all(
    [...new Set(request.transactionalIds)].map((id) => describe(id, context)),
  );
  return { transactionStates };
};

async function describe(
  transactionalId: string,
  context: KafkaContext,
): Promise<DescribedTransaction> {
  try {
    const found = await context.services.transactions.describe(transactionalId);
    const topics = byTopic(found.partitions, ({ partition }) => partition);
    return {
      errorCode: 0,
      transactionalId,
      transactionState: found.state,
      transactionTimeoutMs: found.transactionTimeoutMs,
      transactionStartTimeMs: found.startedAtMs,
      producerId: found.producerId,
      producerEpoch: found.producerEpoch,
      topics: topics.map(({ name, partitions }) => ({ topic: name, partitions })),
    };
  } catch (error) {
    return {
      errorCode: coordinatorCode(failureOf(error, context).code),
      transactionalId,
      transactionState: "",
      transactionTimeoutMs: 0,
      transactionStartTimeMs: -1,
      producerId: -1,
      producerEpoch: -1,
      topics: [],
    };
  }
}

const stateNames: ReadonlySet<string> = new Set([
  "Empty",
  "Ongoing",
  "PrepareCommit",
  "PrepareAbort",
  "CompleteCommit",
  "CompleteAbort",
  "PrepareEpochFence",
  "Dead",
] satisfies TransactionState[]);

function isState(name: string): name is TransactionState {
  return stateNames.has(name);
}

const listTransactions: Handler<"listTransactions"> = async (request, _call, context) => {
  const states = request.stateFilters.filter(isState);
  const unknownStateFilters = request.stateFilters.filter((name) => !isState(name));
  // A filter of which nothing is known lets nothing through.
  if (states.length === 0 && unknownStateFilters.length > 0) {
    return { errorCode: 0, unknownStateFilters, transactionStates: [] };
  }
  try {
    const found = await context.services.transactions.list({
      states,
      producerIds: request.producerIdFilters,
      durationMs: request.durationFilter,
    });
    const transactionStates = found.map(({ transactionalId, producerId, state }) => {
      return { transactionalId, producerId, transactionState: state };
    });
    return { errorCode: 0, unknownStateFilters, transactionStates };
  } catch (error) {
    const errorCode = coordinatorCode(failureOf(error, context).code);
    return { errorCode, unknownStateFilters, transactionStates: [] };
  }
};

const describeProducers: Handler<"describeProducers"> = async (request, _call, context) => {
  const places = placesOf(
    request.topics.map(({ name, partitionIndexes }) => ({ name, partitions: partitionIndexes })),
  );
  const found = await context.services.transactions
    .describeProducers(places)
    .catch((error: unknown) => {
      const { code } = failureOf(error, context);
      return places.map((place) => ({ ...place, error: code, producers: [] }));
    });
  const topics = byTopic(found, ({ partition, error, producers }) => ({
    partitionIndex: partition,
    errorCode: codeOf(error),
    errorMessage: null,
    activeProducers: producers.map((producer) => ({
      producerId: producer.producerId,
      producerEpoch: producer.producerEpoch,
      lastSequence: producer.lastSequence,
      lastTimestamp: producer.lastTimestampMs,
      coordinatorEpoch: producer.coordinatorEpoch,
      currentTxnStartOffset: producer.currentTransactionStart,
    })),
  }));
  return { topics };
};

/** Transactions for tools. */
export const transactionToolHandlers: ServingTable = {
  describeTransactions: { min: 0, max: 0, beginsInTurn: true, handle: describeTransactions },
  // Version 2 brings patterns in RE2's syntax, which would have to be matched here.
  listTransactions: { min: 0, max: 1, beginsInTurn: true, handle: listTransactions },
  describeProducers: { min: 0, max: 0, beginsInTurn: true, handle: describeProducers },
};

// InitProducerId for a transactional id: who may use it from now on, and who is fenced by that.

import { LogError } from "../base/error.ts";
import type { InitProducerIdRequest, ProducerIdentity } from "../services.ts";
import { isPrepared, isSameProducer, producerEpochMax, type Transaction } from "./transaction.ts";
import { concurrent, fence, fencedProducer } from "./transaction-rules.ts";

const idLengthMax = 512;

/** What the decision needs beside the request. */
export interface InitContext {
  /** What is known of the transactional id; null when it is new. */
  readonly known: Transaction | null;
  readonly nowMs: number;
  /** Takes a new producer id; called at most once. */
  readonly takeProducerId: () => number;
}

/** What becomes of the transactional id, and the answer. */
export interface InitDecision {
  /** Null: it stays as it is. */
  readonly next: Transaction | null;
  readonly reply: ProducerIdentity | LogError;
}

/**
 * Checks what can be checked without knowing the state.
 * @throws INVALID_REQUEST, INVALID_TRANSACTION_TIMEOUT
 */
export function checkInitRequest(request: InitProducerIdRequest, timeoutMsMax: number): void {
  const { transactionalId, transactionTimeoutMs, producerId, producerEpoch } = request;
  if (producerId < 0 !== producerEpoch < 0) {
    throw new LogError("INVALID_REQUEST", "producer id and epoch are given both or neither");
  }
  if (transactionalId === null) return;
  if (transactionalId === "" || transactionalId.length > idLengthMax) {
    throw new LogError("INVALID_REQUEST", `a transactional id has 1 to ${idLengthMax} characters`);
  }
  const isInRange = transactionTimeoutMs > 0 && transactionTimeoutMs <= timeoutMsMax;
  if (!isInRange || !Number.isSafeInteger(transactionTimeoutMs)) {
    throw new LogError(
      "INVALID_TRANSACTION_TIMEOUT",
      `a transaction timeout is 1 to ${timeoutMsMax} ms, not ${transactionTimeoutMs}`,
    );
  }
}

/**
 * Decides for a transactional id. A producer that starts fences whoever used the id before. One that names the pair it
 * has goes on with a new one (KIP-360) and gets the same again if it asks again before it uses that.
 *
 * @throws PRODUCER_FENCED, CONCURRENT_TRANSACTIONS
 */
export function decideInit(request: InitProducerIdRequest, context: InitContext): InitDecision {
  const { known, nowMs } = context;
  const named = request.producerId < 0 ? null : request;
  if (known === null) return granted(newTransaction(request, context));
  const isRetry =
    named !== null && known.previous !== null && isSameProducer(known.previous, named);
  if (named !== null && !isRetry && !isSameProducer(known, named)) throw fencedProducer(known);
  if (isPrepared(known)) throw concurrent();
  if (known.state === "Ongoing") {
    // The transaction is aborted first, at an epoch of its own, which its owner may have afterwards.
    return { next: fence(known, nowMs, named !== null), reply: concurrent() };
  }
  const isExhausted = known.producerEpoch >= producerEpochMax;
  if (isRetry && known.producerEpoch <= producerEpochMax)
    return { next: null, reply: pairOf(known) };
  const fresh: Transaction = {
    ...known,
    producerId: isExhausted ? context.takeProducerId() : known.producerId,
    producerEpoch: isExhausted ? 0 : known.producerEpoch + 1,
    previous: named === null ? null : pairOf(named),
    timeoutMs: request.transactionTimeoutMs,
    state: "Empty",
    updatedAtMs: nowMs,
  };
  return granted(fresh);
}

function newTransaction(
  request: InitProducerIdRequest,
  { takeProducerId, nowMs }: InitContext,
): Transaction {
  return {
    producerId: takeProducerId(),
    producerEpoch: 0,
    // A producer whose transactional id has expired names a pair that nobody knows any more.
    previous: request.producerId < 0 ? null : pairOf(request),
    timeoutMs: request.transactionTimeoutMs,
    state: "Empty",
    startedAtMs: -1,
    updatedAtMs: nowMs,
    partitions: new Map(),
    groups: new Set(),
  };
}

function granted(next: Transaction): InitDecision {
  return { next, reply: pairOf(next) };
}

function pairOf({ producerId, producerEpoch }: ProducerIdentity): ProducerIdentity {
  return { producerId, producerEpoch };
}

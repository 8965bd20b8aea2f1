// All transactional ids of one coordinator, and how many producer ids are taken, as a state that events build.

import type { EncodedEvent, StateMachine } from "../coordinator/state-machine.ts";
import { isOpen, type Transaction } from "./transaction.ts";
import {
  decodeTransactionEvent,
  encodeTransactionEvent,
  type TransactionEvent,
} from "./transaction-events.ts";

/** Hears of a transactional id that changed, or is gone (null), as it is applied. Must not throw. */
export interface TransactionObserver {
  (transactionalId: string, transaction: Transaction | null): void;
}

/** A transaction with its name. */
export interface NamedTransaction {
  readonly transactionalId: string;
  readonly transaction: Transaction;
}

/** Transactions by transactional id and by producer id. */
export class TransactionMachine implements StateMachine<TransactionEvent> {
  readonly #transactions = new Map<string, Transaction>();
  readonly #byProducerId = new Map<number, NamedTransaction>();
  #openCount = 0;
  #reservedTo = 0;
  #observer: TransactionObserver = () => undefined;

  /** From now on tells `observer` of changes, and nobody else. */
  observe(observer: TransactionObserver): void {
    this.#observer = observer;
  }

  /** How many transactional ids. */
  get count(): number {
    return this.#transactions.size;
  }

  /** How many of them have an open transaction. */
  get openCount(): number {
    return this.#openCount;
  }

  /** Producer ids from here on were never given out. */
  get reservedTo(): number {
    return this.#reservedTo;
  }

  /** What is known of a transactional id; null when it is unknown. */
  find(transactionalId: string): Transaction | null {
    return this.#transactions.get(transactionalId) ?? null;
  }

  /** Whose producer id it is now; null when no transactional id has it. */
  findProducer(producerId: number): NamedTransaction | null {
    return this.#byProducerId.get(producerId) ?? null;
  }

  /** Every transactional id, in the order they were first seen. */
  *all(): Iterable<NamedTransaction> {
    for (const [transactionalId, transaction] of this.#transactions) {
      yield { transactionalId, transaction };
    }
  }

  apply(event: TransactionEvent): void {
    if (event.kind === "producerIds") {
      this.#reservedTo = event.reservedTo;
      return;
    }
    const { transactionalId, transaction } = event;
    const before = this.find(transactionalId);
    if (before !== null) {
      this.#byProducerId.delete(before.producerId);
      if (isOpen(before)) this.#openCount--;
    }
    if (transaction === null) {
      this.#transactions.delete(transactionalId);
    } else {
      this.#transactions.set(transactionalId, transaction);
      this.#byProducerId.set(transaction.producerId, { transactionalId, transaction });
      if (isOpen(transaction)) this.#openCount++;
    }
    this.#observer(transactionalId, transaction);
  }

  encode(event: TransactionEvent): EncodedEvent {
    return encodeTransactionEvent(event);
  }

  decode(key: Uint8Array, value: Uint8Array | null): TransactionEvent | null {
    return decodeTransactionEvent(key, value);
  }

  *snapshot(): Iterable<TransactionEvent> {
    yield { kind: "producerIds", reservedTo: this.#reservedTo };
    for (const named of this.all()) yield { kind: "transaction", ...named };
  }

  clear(): void {
    this.#transactions.clear();
    this.#byProducerId.clear();
    this.#openCount = 0;
    this.#reservedTo = 0;
  }
}

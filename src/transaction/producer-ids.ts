// Gives out producer ids, each once and never again: from blocks that are reserved in the log before any of them
// counts.

import type { TransactionEvent } from "./transaction-events.ts";
import type { TransactionMachine } from "./transaction-machine.ts";

const blockSize = 1000;

/** A producer id, and what must be decided with it. */
export interface TakenProducerId {
  readonly producerId: number;
  /** Reserves a block when the last one was used up; else empty. */
  readonly events: readonly TransactionEvent[];
}

/** The producer ids of one coordinator. */
export class ProducerIds {
  readonly #machine: TransactionMachine;
  /** Null until the first is taken: then the log has been read. */
  #next: number | null = null;

  /** @param machine Knows which ids are reserved. */
  constructor(machine: TransactionMachine) {
    this.#machine = machine;
  }

  /**
   * Takes the next id; to be called from a command, whose decision includes the events and whose reply waits until they
   * are durable. Of a block that was reserved before this process started the rest is skipped; so is an id whose
   * command fails.
   */
  take(): TakenProducerId {
    const { reservedTo } = this.#machine;
    const producerId = this.#next ?? reservedTo;
    this.#next = producerId + 1;
    // A reservation that was taken back for lack of room leaves the next id beyond what is reserved.
    if (producerId < reservedTo) return { producerId, events: [] };
    return { producerId, events: [{ kind: "producerIds", reservedTo: producerId + blockSize }] };
  }
}

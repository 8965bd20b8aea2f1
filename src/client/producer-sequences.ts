// Sequences of an idempotent producer: what makes it safe to send a request again.
//
// Each partition counts for itself, one request at a time. After a request whose outcome stays unknown the partition
// goes on in a higher epoch, from sequence 0: should the old request still arrive, the server refuses it.

import { hasCode, VarveError } from "./errors.ts";
import type { ProducerIdentity, ProducerSequence } from "./produce-call.ts";

const epochMax = 2 ** 15 - 1;
const sequenceCount = 2 ** 31;

/** Gives requests their sequences. */
export class ProducerSequences {
  readonly #ask: () => Promise<ProducerIdentity>;
  #identity: Promise<ProducerIdentity> | null = null;
  /** Where the next request of each partition stands. */
  readonly #next = new Map<number, ProducerSequence>();

  /** @param ask Gets an identity of its own from the server. */
  constructor(ask: () => Promise<ProducerIdentity>) {
    this.#ask = ask;
  }

  /**
   * Sends one request for a partition; the one before it must have ended.
   *
   * @param count Its records.
   * @param send  Sends it, again and again if need be, under this sequence.
   * @throws What `send` throws, and what stands in the way of an identity.
   */
  async send<Result>(
    partition: number,
    count: number,
    send: (sequence: ProducerSequence) => Promise<Result>,
  ): Promise<Result> {
    const sequence = this.#next.get(partition) ?? { ...(await this.#identityOf()), sequence: 0 };
    try {
      const result = await send(sequence);
      const next = (sequence.sequence + count) % sequenceCount;
      this.#next.set(partition, { ...sequence, sequence: next });
      return result;
    } catch (error) {
      this.#failed(partition, sequence, error);
      throw error;
    }
  }

  async #identityOf(): Promise<ProducerIdentity> {
    const asked = (this.#identity ??= this.#ask());
    try {
      return await asked;
    } catch (error) {
      if (this.#identity === asked) this.#identity = null;
      throw error;
    }
  }

  #failed(partition: number, sequence: ProducerSequence, error: unknown): void {
    const { producerId, producerEpoch } = sequence;
    const isLost = hasCode(error, "OUT_OF_ORDER_SEQUENCE_NUMBER", "INVALID_PRODUCER_EPOCH");
    if (isLost || producerEpoch >= epochMax) {
      // The server remembers other things of this producer than happened: begin anew, as another one.
      this.#identity = null;
      this.#next.delete(partition);
    } else if (!(error instanceof VarveError) || error.mayHaveApplied) {
      this.#next.set(partition, { producerId, producerEpoch: producerEpoch + 1, sequence: 0 });
    } else {
      // Certainly not stored: its place is free.
      this.#next.set(partition, sequence);
    }
  }
}

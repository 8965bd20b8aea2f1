// Batches of producers for the tests of logs: one record each unless told otherwise.

import { batchOf } from "./batches.ts";

/** What a test says of a batch; what is absent is epoch 0, one record, no transaction. */
export interface ProducerBatchOptions {
  readonly id: number;
  readonly epoch?: number;
  readonly sequence: number;
  readonly count?: number;
  readonly isTransactional?: boolean;
  readonly timestampMs?: number;
  /** Beginning of each record's value. */
  readonly value?: string;
}

/** A batch of a producer. */
export function producerBatch(options: ProducerBatchOptions): Uint8Array {
  const { id, epoch = 0, sequence, count = 1, isTransactional = false } = options;
  const { timestampMs = 1000, value = `${id}.${epoch}.${sequence}` } = options;
  const records = Array.from({ length: count }, (_, index) => ({
    value: `${value}+${index}`,
    timestampMs,
  }));
  const producer = { producerId: id, producerEpoch: epoch, baseSequence: sequence };
  return batchOf(records, { producer, isTransactional });
}

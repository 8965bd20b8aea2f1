// What is written of transactions: one event a record, key and value as JSON text, so that a dump of the log can be
// read.
//
//   key                                           value
//   {"kind":"transaction","transactionalId":T}    a transactional id and its transaction; null: it has expired
//   {"kind":"producerIds"}                        producer ids below `reservedTo` may have been given out
//
// Each value has a `version`, now 1. A kind or version that is not known here was written by a newer program.

import { Type } from "../base/schema.ts";
import { EventReader, jsonEvent } from "../coordinator/event-json.ts";
import type { EncodedEvent } from "../coordinator/state-machine.ts";
import { type Transaction, withPartitions } from "./transaction.ts";

/** Something that happened to transactions. */
export type TransactionEvent =
  | {
      readonly kind: "transaction";
      readonly transactionalId: string;
      readonly transaction: Transaction | null;
    }
  | { readonly kind: "producerIds"; readonly reservedTo: number };

const version = 1;
const reader = new EventReader("a transaction event");

const producer = { producerId: Type.Integer(), producerEpoch: Type.Integer() };
const keySchema = Type.Object({
  kind: Type.String(),
  transactionalId: Type.Optional(Type.String()),
});
const versionSchema = Type.Object({ version: Type.Integer() });
const reservationSchema = Type.Object({ reservedTo: Type.Integer() });
const transactionSchema = Type.Object({
  ...producer,
  previous: Type.Union([Type.Null(), Type.Object(producer)]),
  timeoutMs: Type.Integer(),
  state: Type.Enum([
    "Empty",
    "Ongoing",
    "PrepareCommit",
    "PrepareAbort",
    "CompleteCommit",
    "CompleteAbort",
  ]),
  startedAtMs: Type.Integer(),
  updatedAtMs: Type.Integer(),
  partitions: Type.Array(
    Type.Object({ topic: Type.String(), partitions: Type.Array(Type.Integer()) }),
  ),
  groups: Type.Array(Type.String()),
});

/** The record of an event; the bytes are new. */
export function encodeTransactionEvent(event: TransactionEvent): EncodedEvent {
  const { kind } = event;
  if (kind === "producerIds") {
    return jsonEvent({ kind }, { version, reservedTo: event.reservedTo });
  }
  const key = { kind, transactionalId: event.transactionalId };
  if (event.transaction === null) return jsonEvent(key, null);
  const { partitions, groups, ...rest } = event.transaction;
  const topics = [...partitions].map(([topic, numbers]) => ({ topic, partitions: [...numbers] }));
  return jsonEvent(key, { version, ...rest, partitions: topics, groups: [...groups] });
}

/**
 * The event of a record; null for a kind or version that is not known here.
 * @throws KAFKA_STORAGE_ERROR when a known kind misses what it must have.
 */
export function decodeTransactionEvent(
  key: Uint8Array,
  value: Uint8Array | null,
): TransactionEvent | null {
  const { kind, transactionalId } = reader.checked(keySchema, reader.parsed(key));
  const content = value === null ? null : reader.parsed(value);
  if (content !== null && reader.checked(versionSchema, content).version > version) return null;
  switch (kind) {
    case "producerIds":
      return { kind, reservedTo: reader.checked(reservationSchema, content).reservedTo };
    case "transaction": {
      if (transactionalId === undefined) throw reader.unreadable("it names no transactional id");
      const transaction = content === null ? null : readTransaction(content);
      return { kind, transactionalId, transaction };
    }
    default:
      return null;
  }
}

function readTransaction(content: unknown): Transaction {
  const stored = reader.checked(transactionSchema, content);
  const partitions = stored.partitions.flatMap((one) => {
    return one.partitions.map((partition) => ({ topic: one.topic, partition }));
  });
  const { producerId, producerEpoch, previous, timeoutMs, state, startedAtMs, updatedAtMs } =
    stored;
  return {
    producerId,
    producerEpoch,
    previous,
    timeoutMs,
    state,
    startedAtMs,
    updatedAtMs,
    partitions: withPartitions(new Map(), partitions),
    groups: new Set(stored.groups),
  };
}

// What is written of transactions: one event a record, key and value as JSON text, so that a dump of the log can be
// read.
//
//   key                                           value
//   {"kind":"transaction","transactionalId":T}    a transactional id and its transaction; null: it has expired
//   {"kind":"producerIds"}                        producer ids below `reservedTo` may have been given out
//
// Each value has a `version`, now 1. A kind or version that is not known here was written by a newer program.

import { LogError } from "../base/error.ts";
import { faultOf, type Schema, type Static, Type } from "../base/schema.ts";
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
const decoder = new TextDecoder("utf-8", { fatal: true });

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
    return bytesOf({ kind }, { version, reservedTo: event.reservedTo });
  }
  const key = { kind, transactionalId: event.transactionalId };
  if (event.transaction === null) return bytesOf(key, null);
  const { partitions, groups, ...rest } = event.transaction;
  const topics = [...partitions].map(([topic, numbers]) => ({ topic, partitions: [...numbers] }));
  return bytesOf(key, { version, ...rest, partitions: topics, groups: [...groups] });
}

function bytesOf(key: object, value: object | null): EncodedEvent {
  return {
    key: Buffer.from(JSON.stringify(key)),
    value: value === null ? null : Buffer.from(JSON.stringify(value)),
  };
}

/**
 * The event of a record; null for a kind or version that is not known here.
 * @throws KAFKA_STORAGE_ERROR when a known kind misses what it must have.
 */
export function decodeTransactionEvent(
  key: Uint8Array,
  value: Uint8Array | null,
): TransactionEvent | null {
  const { kind, transactionalId } = checked(keySchema, parsed(key));
  const content = value === null ? null : parsed(value);
  if (content !== null && checked(versionSchema, content).version > version) return null;
  switch (kind) {
    case "producerIds":
      return { kind, reservedTo: checked(reservationSchema, content).reservedTo };
    case "transaction": {
      if (transactionalId === undefined) throw unreadable("it names no transactional id");
      const transaction = content === null ? null : readTransaction(content);
      return { kind, transactionalId, transaction };
    }
    default:
      return null;
  }
}

function readTransaction(content: unknown): Transaction {
  const stored = checked(transactionSchema, content);
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

function parsed(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(decoder.decode(bytes));
  } catch (error) {
    throw new LogError("KAFKA_STORAGE_ERROR", "a transaction event is not JSON", { cause: error });
  }
}

function checked<Of extends Schema>(schema: Of, value: unknown): Static<Of> {
  const fault = faultOf(schema, value);
  if (fault !== null) throw unreadable(`${fault.path.join(".") || "it"} ${fault.message}`);
  return value as Static<Of>;
}

function unreadable(why: string): LogError {
  return new LogError("KAFKA_STORAGE_ERROR", `a transaction event cannot be read: ${why}`);
}

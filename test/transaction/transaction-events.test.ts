import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type Transaction, withPartitions } from "../../src/transaction/transaction.ts";
import {
  decodeTransactionEvent,
  encodeTransactionEvent,
  type TransactionEvent,
} from "../../src/transaction/transaction-events.ts";
import { outcomeOf } from "../support/engines.ts";
import { places, transactionOf } from "../support/transaction-world.ts";

const text = fc.string({ unit: "grapheme", maxLength: 12 });
const integer = fc.integer({ min: -1, max: Number.MAX_SAFE_INTEGER });
const pair = fc.record({ producerId: integer, producerEpoch: integer });
const partitions = fc
  .array(fc.record({ topic: text, partition: fc.nat(99) }), { maxLength: 8 })
  .map((all) => withPartitions(new Map(), all));

const transaction: fc.Arbitrary<Transaction> = fc.record({
  producerId: integer,
  producerEpoch: integer,
  previous: fc.option(pair, { nil: null }),
  timeoutMs: integer,
  state: fc.constantFrom(
    "Empty" as const,
    "Ongoing" as const,
    "PrepareCommit" as const,
    "PrepareAbort" as const,
    "CompleteCommit" as const,
    "CompleteAbort" as const,
  ),
  startedAtMs: integer,
  updatedAtMs: integer,
  partitions,
  groups: fc.array(text).map((groups) => new Set(groups)),
});

const anyEvent: fc.Arbitrary<TransactionEvent> = fc.oneof(
  fc.record({
    kind: fc.constant("transaction" as const),
    transactionalId: text,
    transaction: fc.option(transaction, { nil: null }),
  }),
  fc.record({ kind: fc.constant("producerIds" as const), reservedTo: integer }),
);

const bytes = (value: unknown) => Buffer.from(JSON.stringify(value));

describe("transaction events", () => {
  test("every event is read back as it was written", () => {
    fc.assert(
      fc.property(anyEvent, (event) => {
        const { key, value } = encodeTransactionEvent(event);
        expect(decodeTransactionEvent(key, value)).toEqual(event);
      }),
    );
  });

  test("the text that stands in the log", () => {
    const { key, value } = encodeTransactionEvent({
      kind: "transaction",
      transactionalId: "a",
      transaction: transactionOf({
        state: "Ongoing",
        startedAtMs: 900,
        partitions: withPartitions(new Map(), places(0, 2)),
        groups: new Set(["g"]),
      }),
    });
    expect(Buffer.from(key).toString()).toBe('{"kind":"transaction","transactionalId":"a"}');
    expect(JSON.parse(Buffer.from(value ?? []).toString())).toEqual({
      version: 1,
      producerId: 5,
      producerEpoch: 3,
      previous: null,
      timeoutMs: 60_000,
      state: "Ongoing",
      startedAtMs: 900,
      updatedAtMs: 1000,
      partitions: [{ topic: "t", partitions: [0, 2] }],
      groups: ["g"],
    });
  });

  test("kinds and versions of a newer program are not known", () => {
    expect(decodeTransactionEvent(bytes({ kind: "other" }), bytes({ version: 1 }))).toBe(null);
    const key = bytes({ kind: "producerIds" });
    expect(decodeTransactionEvent(key, bytes({ version: 2 }))).toBe(null);
    expect(decodeTransactionEvent(key, bytes({ version: 1, reservedTo: 7 }))).toEqual({
      kind: "producerIds",
      reservedTo: 7,
    });
  });

  test.each([
    ["no JSON", Buffer.from("{"), null],
    ["no object", bytes([]), null],
    ["no transactional id", bytes({ kind: "transaction" }), null],
    ["no value", bytes({ kind: "producerIds" }), null],
    ["no version", bytes({ kind: "producerIds" }), bytes({ reservedTo: 1 })],
    ["no number", bytes({ kind: "producerIds" }), bytes({ version: 1, reservedTo: "1" })],
    [
      "no such state",
      bytes({ kind: "transaction", transactionalId: "a" }),
      bytes({ version: 1, ...transactionOf(), partitions: [], groups: [], state: "Dead" }),
    ],
  ])("%s: cannot be read", async (_, key, value) => {
    const reading = Promise.resolve().then(() => decodeTransactionEvent(key, value));
    expect(await outcomeOf(reading)).toBe("KAFKA_STORAGE_ERROR");
  });
});

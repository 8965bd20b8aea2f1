import { expect, test } from "vitest";
import type { ErrorName } from "../../src/base/error.ts";
import {
  checkAtGate,
  closedGate,
  isTransactionalBatch,
  type TransactionalBatch,
} from "../../src/broker/transaction-gate.ts";
import { batchOf } from "../support/batches.ts";
import { producerBatch } from "../support/producer-batches.ts";

const place = { topic: "orders", partition: 2 };
const plain = batchOf([{ value: "x" }]);
const transactional = producerBatch({ id: 5, epoch: 3, sequence: 0, isTransactional: true });

test("transaction gate: asked for transactional batches only, with what the request says", () => {
  const asked: [TransactionalBatch, unknown][] = [];
  const check = (batch: TransactionalBatch, at: unknown): ErrorName | null => {
    asked.push([batch, at]);
    return null;
  };
  checkAtGate({ check }, [plain, transactional], { transactionalId: "payments", place });
  expect(asked).toEqual([
    [{ producerId: 5, producerEpoch: 3, transactionalId: "payments" }, place],
  ]);
  expect([isTransactionalBatch(plain), isTransactionalBatch(transactional)]).toEqual([false, true]);
});

test("transaction gate: what it answers is the refusal; without transactions all are refused", () => {
  const at = { transactionalId: null, place };
  expect(() => checkAtGate({ check: () => "PRODUCER_FENCED" }, [transactional], at)).toThrow(
    expect.objectContaining({
      code: "PRODUCER_FENCED",
      facts: { topic: "orders", partition: 2, producerId: 5, producerEpoch: 3 },
    }),
  );
  expect(() => checkAtGate(closedGate, [transactional], at)).toThrow(
    expect.objectContaining({ code: "INVALID_TXN_STATE" }),
  );
  expect(() => checkAtGate(closedGate, [plain], at)).not.toThrow();
});

import { describe, expect, test } from "vitest";
import type { CoordinatorState } from "../../src/coordinator/coordinator.ts";
import { type Transaction, withPartitions } from "../../src/transaction/transaction.ts";
import { TransactionGate } from "../../src/transaction/transaction-gate.ts";
import { TransactionMachine } from "../../src/transaction/transaction-machine.ts";
import { places, transactionOf } from "../support/transaction-world.ts";

function open(differing: Partial<Transaction> = {}) {
  const machine = new TransactionMachine();
  const partitions = withPartitions(new Map(), places(0, 1));
  const transaction = transactionOf({ state: "Ongoing", partitions, ...differing });
  machine.apply({ kind: "transaction", transactionalId: "a", transaction });
  let state: CoordinatorState = "ready";
  const gate = new TransactionGate({ machine, coordinatorState: () => state });
  const check = (batch: object = {}, partition = 0) => {
    const whole = { producerId: 5, producerEpoch: 3, transactionalId: "a", ...batch };
    return gate.check(whole, { topic: "t", partition });
  };
  return { gate, check, become: (next: CoordinatorState) => (state = next) };
}

describe("transaction gate", () => {
  test("a partition of the open transaction: allowed, whether it is named or not", () => {
    const { check } = open();
    expect(check()).toBe(null);
    expect(check({ transactionalId: null }, 1)).toBe(null);
  });

  test.each([
    ["an older epoch", { producerEpoch: 2 }, "INVALID_PRODUCER_EPOCH"],
    ["a newer epoch", { producerEpoch: 4 }, "INVALID_PRODUCER_EPOCH"],
    ["another producer id", { producerId: 6 }, "INVALID_PRODUCER_ID_MAPPING"],
    ["another transactional id", { transactionalId: "b" }, "INVALID_PRODUCER_ID_MAPPING"],
  ])("%s: refused", (_, batch, code) => {
    expect(open().check(batch)).toBe(code);
  });

  test("another partition: refused", () => {
    expect(open().check({}, 2)).toBe("INVALID_TXN_STATE");
  });

  test.each(["Empty", "PrepareCommit", "PrepareAbort", "CompleteCommit", "CompleteAbort"] as const)(
    "%s: refused",
    (state) => {
      expect(open({ state }).check()).toBe("INVALID_TXN_STATE");
    },
  );

  test.each(["loading", "failed", "closed"] as const)("a coordinator that is %s", (state) => {
    const { check, become } = open();
    become(state);
    expect(check()).toBe("COORDINATOR_NOT_AVAILABLE");
  });

  test("a partition whose addition is not durable: ask again; the others are open", () => {
    const { check, gate } = open();
    const release = gate.hold("a", places(1));
    expect([check({}, 0), check({}, 1)]).toEqual([null, "CONCURRENT_TRANSACTIONS"]);
    release();
    expect(check({}, 1)).toBe(null);
  });

  test("a refusal that may yet be taken back: ask again", () => {
    const { check, gate } = open({ state: "PrepareCommit" });
    const first = gate.hold("a", []);
    const second = gate.hold("a", []);
    expect(check()).toBe("CONCURRENT_TRANSACTIONS");
    first();
    first();
    expect(check({ producerEpoch: 2 })).toBe("CONCURRENT_TRANSACTIONS");
    second();
    expect(check()).toBe("INVALID_TXN_STATE");
  });
});

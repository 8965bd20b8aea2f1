import { describe, expect, test } from "vitest";
import type { TransactionEvent } from "../../src/transaction/transaction-events.ts";
import { TransactionMachine } from "../../src/transaction/transaction-machine.ts";
import type { Transaction } from "../../src/transaction/transaction.ts";
import { transactionOf } from "../support/transaction-world.ts";

function put(transactionalId: string, transaction: Transaction | null): TransactionEvent {
  return { kind: "transaction", transactionalId, transaction };
}

describe("transaction machine", () => {
  test("found by transactional id and by producer id, which may change", () => {
    const machine = new TransactionMachine();
    const before = transactionOf();
    machine.apply(put("a", before));
    expect(machine.find("a")).toBe(before);
    expect(machine.findProducer(5)).toEqual({ transactionalId: "a", transaction: before });
    const after = transactionOf({ producerId: 9, producerEpoch: 0 });
    machine.apply(put("a", after));
    expect(machine.findProducer(5)).toBe(null);
    expect(machine.findProducer(9)?.transaction).toBe(after);
    machine.apply(put("a", null));
    machine.apply(put("unknown", null));
    expect([machine.find("a"), machine.findProducer(9), machine.count]).toEqual([null, null, 0]);
  });

  test("counts what is open", () => {
    const machine = new TransactionMachine();
    const counts = (["Empty", "Ongoing", "Ongoing", "PrepareAbort", "CompleteAbort"] as const).map(
      (state) => {
        machine.apply(put("a", transactionOf({ state })));
        return machine.openCount;
      },
    );
    expect(counts).toEqual([0, 1, 1, 1, 0]);
    machine.apply(put("a", transactionOf({ state: "Ongoing" })));
    machine.apply(put("a", null));
    expect(machine.openCount).toBe(0);
  });

  test("a snapshot builds the same state", () => {
    const machine = new TransactionMachine();
    machine.apply({ kind: "producerIds", reservedTo: 2000 });
    machine.apply(put("a", transactionOf({ state: "Ongoing" })));
    machine.apply(put("b", transactionOf({ producerId: 6 })));
    const copy = new TransactionMachine();
    for (const event of machine.snapshot()) {
      const { key, value } = machine.encode(event);
      const read = copy.decode(key, value);
      if (read !== null) copy.apply(read);
    }
    expect([...copy.all()]).toEqual([...machine.all()]);
    expect([copy.reservedTo, copy.openCount, copy.count]).toEqual([2000, 1, 2]);
  });

  test("clear: knows nothing", () => {
    const machine = new TransactionMachine();
    machine.apply({ kind: "producerIds", reservedTo: 2000 });
    machine.apply(put("a", transactionOf({ state: "Ongoing" })));
    machine.clear();
    expect([...machine.all()]).toEqual([]);
    expect([machine.reservedTo, machine.openCount, machine.findProducer(5)]).toEqual([0, 0, null]);
  });

  test("tells of each change of a transactional id", () => {
    const machine = new TransactionMachine();
    const heard: unknown[] = [];
    machine.observe((transactionalId, transaction) => heard.push([transactionalId, transaction]));
    const transaction = transactionOf();
    machine.apply(put("a", transaction));
    machine.apply({ kind: "producerIds", reservedTo: 1000 });
    machine.apply(put("a", null));
    expect(heard).toEqual([
      ["a", transaction],
      ["a", null],
    ]);
  });
});

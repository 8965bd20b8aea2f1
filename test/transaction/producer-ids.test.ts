import { describe, expect, test } from "vitest";
import { ProducerIds } from "../../src/transaction/producer-ids.ts";
import { TransactionMachine } from "../../src/transaction/transaction-machine.ts";

function take(machine: TransactionMachine, ids: ProducerIds): number {
  const { producerId, events } = ids.take();
  for (const event of events) machine.apply(event);
  return producerId;
}

describe("producer ids", () => {
  test("a block is reserved with its first id", () => {
    const machine = new TransactionMachine();
    const ids = new ProducerIds(machine);
    const taken = Array.from({ length: 1001 }, () => take(machine, ids));
    expect(taken).toEqual(Array.from({ length: 1001 }, (_, index) => index));
    expect(machine.reservedTo).toBe(2000);
  });

  test("what another process had reserved is skipped", () => {
    const machine = new TransactionMachine();
    machine.apply({ kind: "producerIds", reservedTo: 3000 });
    expect(take(machine, new ProducerIds(machine))).toBe(3000);
  });

  test("a reservation that never came to be: the next id brings one of its own", () => {
    const machine = new TransactionMachine();
    const ids = new ProducerIds(machine);
    expect(ids.take().events).toEqual([{ kind: "producerIds", reservedTo: 1000 }]);
    expect(ids.take()).toEqual({
      producerId: 1,
      events: [{ kind: "producerIds", reservedTo: 1001 }],
    });
  });
});

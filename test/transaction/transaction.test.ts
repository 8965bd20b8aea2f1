import { describe, expect, test } from "vitest";
import {
  isOpen,
  isPrepared,
  isSameProducer,
  partitionCount,
  partitionList,
  type StoredState,
  withPartitions,
} from "../../src/transaction/transaction.ts";
import { places, transactionOf } from "../support/transaction-world.ts";

describe("transaction", () => {
  test.each<[StoredState, boolean, boolean]>([
    ["Empty", false, false],
    ["Ongoing", true, false],
    ["PrepareCommit", true, true],
    ["PrepareAbort", true, true],
    ["CompleteCommit", false, false],
    ["CompleteAbort", false, false],
  ])("%s: open %s, prepared %s", (state, open, prepared) => {
    const transaction = transactionOf({ state });
    expect([isOpen(transaction), isPrepared(transaction)]).toEqual([open, prepared]);
  });

  test("the same producer has the same id and the same epoch", () => {
    const one = { producerId: 1, producerEpoch: 2 };
    expect(isSameProducer(one, { ...one })).toBe(true);
    expect(isSameProducer(one, { ...one, producerId: 2 })).toBe(false);
    expect(isSameProducer(one, { ...one, producerEpoch: 3 })).toBe(false);
  });

  test("partitions: each once, and the ones before are left alone", () => {
    const before = withPartitions(new Map(), places(2, 0));
    const after = withPartitions(before, [...places(0, 1), { topic: "u", partition: 0 }]);
    expect(partitionList(before)).toEqual(places(2, 0));
    expect(partitionList(after)).toEqual([...places(2, 0, 1), { topic: "u", partition: 0 }]);
    expect([partitionCount(before), partitionCount(after)]).toEqual([2, 4]);
  });
});

import { expect, test } from "vitest";
import { KeyLedger, OffsetOrder } from "./ledger.ts";

test("a key: its last acknowledged number, or one that was sent after it", () => {
  const ledger = new KeyLedger();
  const first = ledger.next("k");
  ledger.acknowledged("k", first);
  ledger.next("k");
  expect(ledger.faultsOf(new Map([["k", 1]]))).toEqual([]);
  expect(ledger.faultsOf(new Map([["k", 2]]))).toEqual([]);
  expect(ledger.faultsOf(new Map())).toEqual(["key k: 1 was acknowledged, 0 is there"]);
  expect(ledger.faultsOf(new Map([["k", 3]]))).toEqual(["key k: 3 is there, 2 was sent last"]);
});

test("offsets of one partition go upwards, with gaps", () => {
  const order = new OffsetOrder();
  for (const offset of [3, 4, 9]) order.saw(0, offset);
  order.saw(1, 0);
  expect(order.faults).toEqual([]);
  order.saw(0, 9);
  expect(order.faults).toEqual(["partition 0: 9 came after 9"]);
});

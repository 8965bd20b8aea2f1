import { expect, test } from "vitest";
import { checkMessage, messageToWire } from "../../src/client/messages.ts";

test("messages: to the wire: the record's fields and the queue's, absent ones left out", () => {
  expect(
    messageToWire({ key: "k", value: "v", delayMs: 0, priority: 9, ttlMs: 5, dedupId: "d" }),
  ).toEqual({ key: "k", value: "v", delayMs: 0, priority: 9, ttlMs: 5, dedupId: "d" });
  expect(Object.keys(messageToWire({ value: null }))).toEqual([]);
  expect(messageToWire({ value: "v", deliverAtMs: 1_700_000_000_000 })).toEqual({
    value: "v",
    deliverAtMs: 1_700_000_000_000,
  });
});

test("messages: what cannot be meant: is refused", () => {
  expect(() => checkMessage({ value: "v", delayMs: 1, deliverAtMs: 2 })).toThrow(/not both/);
  expect(() => checkMessage({ value: { a: 1 } as never })).toThrow(/encode other things/);
  checkMessage({ value: "v", delayMs: 1 });
});

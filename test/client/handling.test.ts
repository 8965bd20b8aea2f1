import { expect, test } from "vitest";
import { answerToError, isDelay, Rejection, RetryLater } from "../../src/client/handling.ts";

test("handling: an error: again by the queue's backoff, with its message as the reason", () => {
  expect(answerToError(new Error("no stock"), null)).toEqual({
    kind: "nack",
    delayMs: null,
    reason: "no stock",
  });
  expect(answerToError(new Error("no stock"), 250)).toMatchObject({ delayMs: 250 });
});

test("handling: a delay that the error asks for: wins; one that is none does not", () => {
  expect(answerToError(new RetryLater(1_500.4, "busy"), 250)).toEqual({
    kind: "nack",
    delayMs: 1_500,
    reason: "busy",
  });
  expect(answerToError(Object.assign(new Error("x"), { delayMs: 0 }), 250)).toMatchObject({
    delayMs: 0,
  });
  for (const delayMs of [-1, Number.NaN, Number.POSITIVE_INFINITY, "5", null]) {
    expect(answerToError(Object.assign(new Error("x"), { delayMs }), 250)).toMatchObject({
      delayMs: 250,
    });
  }
});

test("handling: a rejection, by class or by name: gives the message up", () => {
  expect(answerToError(new Rejection("malformed"), null)).toEqual({
    kind: "reject",
    reason: "malformed",
  });
  const foreign = Object.assign(new Error("malformed"), { name: "Rejection" });
  expect(answerToError(foreign, null).kind).toBe("reject");
});

test.each([
  ["a text", "a text"],
  [undefined, "undefined"],
  [null, "null"],
  [7, "7"],
  [new TypeError(), "TypeError"],
  [Object.create(null), "a value without a text was thrown"],
])("handling: whatever is thrown (%j): has a reason", (thrown, reason) => {
  expect(answerToError(thrown, null)).toEqual({ kind: "nack", delayMs: null, reason });
});

test("handling: a long message: is cut", () => {
  const answer = answerToError(new Error("x".repeat(5_000)), null);
  expect(answer).toMatchObject({ reason: `${"x".repeat(999)}…` });
});

test("handling: delays: numbers from 0", () => {
  expect([0, 1.5, -1, Number.NaN, "1", undefined].map(isDelay)).toEqual([
    true,
    true,
    false,
    false,
    false,
    false,
  ]);
});

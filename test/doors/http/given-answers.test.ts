import { expect, test } from "vitest";
import { GivenAnswers } from "../../../src/doors/http/given-answers.ts";

const receipt = (offset: number) => ({ partition: 0, offset, deliveries: 1, epoch: 1 });

test("by kind, in the order given; receipts that can be none are kept from the queue and refused", () => {
  const given = new GivenAnswers({
    reject: [{ receipt: "0-4-1-1", reason: "never" }],
    extend: [{ receipt: "0-3-1-1", leaseMs: 7 }],
    nack: [{ receipt: "0-2-1-1", delayMs: 5 }],
    ack: ["junk", "0-1-1-1"],
  });
  expect(given.answers).toEqual([
    { kind: "ack", receipt: receipt(1) },
    { kind: "nack", receipt: receipt(2), delayMs: 5, reason: "" },
    { kind: "extend", receipt: receipt(3), leaseMs: 7 },
    { kind: "reject", receipt: receipt(4), reason: "never" },
  ]);
  const code = "INVALID_RECORD_STATE";
  expect(given.results([null, null, code, null])).toEqual([
    { receipt: "junk", ok: false, code },
    { receipt: "0-1-1-1", ok: true },
    { receipt: "0-2-1-1", ok: true },
    { receipt: "0-3-1-1", ok: false, code },
    { receipt: "0-4-1-1", ok: true },
  ]);
});

test("nothing said: no answers, no results", () => {
  const given = new GivenAnswers({});
  expect([given.answers, given.results([])]).toEqual([[], []]);
});

test("a long reason is cut, not through a pair", () => {
  const reason = `x${"\u{1F600}".repeat(600)}`;
  const { answers } = new GivenAnswers({ reject: [{ receipt: "0-1-1-1", reason }] });
  expect(answers).toMatchObject([{ reason: `x${"\u{1F600}".repeat(499)}` }]);
});

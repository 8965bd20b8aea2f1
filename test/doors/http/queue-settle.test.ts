import { afterEach, beforeEach, expect, test } from "vitest";
import type { ErrorName } from "../../../src/base/error.ts";
import type { SettleAnswer } from "../../../src/services.ts";
import type { HttpFixture } from "../../support/http-fixture.ts";
import { queueDoor } from "../../support/queue-door.ts";

let http: HttpFixture;
let calls: (readonly SettleAnswer[])[];
let errors: readonly (ErrorName | null)[];
beforeEach(async () => {
  calls = [];
  http = await queueDoor({
    settle: async (_queue, answers) => {
      calls.push(answers);
      return errors;
    },
  });
});
afterEach(() => http.close());

const settle = (json: object) => http.json("POST", "/v1/queues/q/settle", json);
const receipt = (offset: number) => ({ partition: 0, offset, deliveries: 1, epoch: 1 });

test("answers by kind, in the order given, without those that can be none; results for all", async () => {
  errors = [null, "INVALID_RECORD_STATE", null, null, null];
  const answer = await settle({
    extend: [{ receipt: "0-3-1-1", leaseMs: 7 }],
    reject: [{ receipt: "0-4-1-1" }],
    ack: ["0-1-1-1", "junk", "0-0-1-1"],
    nack: [{ receipt: "0-2-1-1" }],
  });
  expect(calls).toEqual([
    [
      { kind: "ack", receipt: receipt(1) },
      { kind: "ack", receipt: receipt(0) },
      { kind: "nack", receipt: receipt(2), delayMs: null, reason: "" },
      { kind: "extend", receipt: receipt(3), leaseMs: 7 },
      { kind: "reject", receipt: receipt(4), reason: "" },
    ],
  ]);
  const code = "INVALID_RECORD_STATE";
  expect(answer.body.results).toEqual([
    { receipt: "0-1-1-1", ok: true },
    { receipt: "junk", ok: false, code },
    { receipt: "0-0-1-1", ok: false, code },
    { receipt: "0-2-1-1", ok: true },
    { receipt: "0-3-1-1", ok: true },
    { receipt: "0-4-1-1", ok: true },
  ]);
});

test("receipts that are all none: the queue is not asked", async () => {
  const answer = await settle({ ack: ["", "x"] });
  expect(answer.status).toBe(200);
  expect(answer.body.results).toHaveLength(2);
  expect(calls).toEqual([]);
});

test("a long reason is cut, not through a pair", async () => {
  errors = [null, null];
  const pairs = `x${"\u{1F600}".repeat(600)}`;
  await settle({ nack: [{ receipt: "0-1-1-1", reason: pairs }], reject: [] });
  const [answer] = calls[0] ?? [];
  expect(answer).toMatchObject({ reason: `x${"\u{1F600}".repeat(499)}` });
});

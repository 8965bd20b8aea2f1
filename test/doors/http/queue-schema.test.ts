import { expect, test } from "vitest";
import { faultOf } from "../../../src/base/schema.ts";
import {
  messagesInput,
  queueInput,
  queueOutput,
  receiveInput,
  redriveInput,
  settleInput,
} from "../../../src/doors/http/queue-schema.ts";
import { settingsOfQ } from "../../support/queue-door.ts";

test("the shapes of the contract are admitted", () => {
  const backoff = { type: "exponential", baseMs: 1, maxMs: 2, jitter: 0.5 };
  expect(faultOf(queueInput, { ...settingsOfQ, backoff })).toBeNull();
  expect(faultOf(queueInput, {})).toBeNull();
  const wishes = { delayMs: 1, deliverAtMs: 1, priority: 9, ttlMs: 1, dedupId: "x" };
  expect(faultOf(messagesInput, { records: [{ value: 1, ...wishes }] })).toBeNull();
  expect(faultOf(receiveInput, { max: 10, waitMs: 20_000, leaseMs: 1 })).toBeNull();
  expect(
    faultOf(settleInput, {
      ack: ["r"],
      nack: [{ receipt: "r", delayMs: 0, reason: "x" }, { receipt: "r" }],
      extend: [{ receipt: "r", leaseMs: 1 }],
      reject: [{ receipt: "r", reason: "x" }],
    }),
  ).toBeNull();
  expect(faultOf(redriveInput, { max: 1, offsets: [0, { partition: 1, offset: 2 }] })).toBeNull();
});

test("a queue as it is shown has every setting and count", () => {
  const { required = [] } = queueOutput;
  expect(required).toEqual(expect.arrayContaining(Object.keys(settingsOfQ)));
  const counts = ["depth", "inFlight", "delayed", "dead", "oldestAgeMs", "delivered", "acked"];
  expect(required).toEqual(expect.arrayContaining([...counts, "nacked", "lapsed"]));
});

import { expect, test } from "vitest";
import { errorTable, LogError } from "../../../src/base/error.ts";
import {
  codeOf,
  errorNameOf,
  kafkaErrorCode,
  nameError,
} from "../../../src/doors/kafka/error-code.ts";

test("codes: nothing wrong is 0, and no error is", () => {
  expect(codeOf(null)).toBe(0);
  expect(Object.values(kafkaErrorCode)).not.toContain(0);
});

// Retried by Kafka's own client, as far as the table uses them; 113 after the next heartbeat.
const retriedByClients = new Set([
  2, 3, 5, 6, 7, 14, 15, 16, 51, 56, 70, 74, 75, 78, 88, 89, 100, 113, 122, 123, 133,
]);

test("codes: what may succeed later has a code that clients retry", () => {
  const names = Object.keys(errorTable) as (keyof typeof errorTable)[];
  const lost = names.filter(
    (name) => errorTable[name].retriable && !retriedByClients.has(kafkaErrorCode[name]),
  );
  expect(lost).toEqual([]);
});

test.each([
  [3, "UNKNOWN_TOPIC_OR_PARTITION"],
  [7, "REQUEST_TIMED_OUT"],
  [56, "KAFKA_STORAGE_ERROR"],
  [42, "INVALID_REQUEST"],
  [87, "INVALID_RECORD"],
  [16, "16"],
])("names: code %i is %s", (code, name) => {
  expect(errorNameOf(code)).toBe(name);
});

test("names: an error of the house keeps its name, a stranger becomes the cause of an unknown one", () => {
  const own = new LogError("DISK_FULL", "no room");
  expect(nameError(own)).toBe(own);
  const stranger = new TypeError("secret");
  const named = nameError(stranger);
  expect(named.code).toBe("UNKNOWN_SERVER_ERROR");
  expect(named.message).not.toContain("secret");
  expect(named.cause).toBe(stranger);
});

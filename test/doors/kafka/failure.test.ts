import { expect, test } from "vitest";
import { LogError } from "../../../src/base/error.ts";
import { silentLogger } from "../../../src/base/logger.ts";
import { coordinatorCode, failureOf } from "../../../src/doors/kafka/failure.ts";

test("failures: those on purpose keep their name, others are logged and hidden", () => {
  const logged: object[] = [];
  const logger = { ...silentLogger, error: (facts: object) => void logged.push(facts) };
  const known = new LogError("NON_EMPTY_GROUP", "it has members");
  expect(failureOf(known, { logger })).toBe(known);
  expect(logged).toEqual([]);
  const bug = new TypeError("secret");
  const hidden = failureOf(bug, { logger });
  expect(hidden.code).toBe("UNKNOWN_SERVER_ERROR");
  expect(hidden.message).not.toContain("secret");
  expect(logged).toEqual([{ err: bug }]);
});

test("coordinators: what passes sends clients to look for them again", () => {
  expect(coordinatorCode(null)).toBe(0);
  for (const name of ["SERVER_STOPPING", "COORDINATOR_NOT_AVAILABLE", "DISK_FULL"] as const) {
    expect(coordinatorCode(name), name).toBe(16);
  }
  expect(coordinatorCode("COORDINATOR_LOAD_IN_PROGRESS")).toBe(14);
  expect(coordinatorCode("UNKNOWN_MEMBER_ID")).toBe(25);
});

import { expect, test } from "vitest";
import { authorizedOperations } from "../../../src/doors/kafka/authorized-operations.ts";

test("operations: a bit each, the least number for those who do not ask", () => {
  for (const kind of ["cluster", "topic", "group"] as const) {
    expect(authorizedOperations(kind, { isAsked: false })).toBe(-(2 ** 31));
  }
  // Read, delete, describe, and both of configs are operations 3, 6, 8, 10 and 11.
  expect(authorizedOperations("group", { isAsked: true })).toBe(8 + 64 + 256 + 1024 + 2048);
  expect(authorizedOperations("topic", { isAsked: true })).toBe(3576);
  expect(authorizedOperations("cluster", { isAsked: true })).toBe(8096);
});

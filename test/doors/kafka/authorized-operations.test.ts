import { expect, test } from "vitest";
import { authorizedOperations } from "../../../src/doors/kafka/authorized-operations.ts";

// The masks that Apache Kafka answers without an authorizer.
test.each([
  ["topic", 3576],
  ["group", 3400],
  ["cluster", 8096],
] as const)("operations of a %s: all there are, when asked for", (kind, mask) => {
  expect(authorizedOperations(kind, { isAsked: true })).toBe(mask);
  expect(authorizedOperations(kind, { isAsked: false })).toBe(-2147483648);
});

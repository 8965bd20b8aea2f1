import { expect, test } from "vitest";
import { AssertionFailure, assert, unreachable } from "../../src/base/assert.ts";

test("assert: what holds: passes; what does not: stops with its sentence", () => {
  assert(true, "fine");
  expect(() => assert(false, "offset went back")).toThrow(new AssertionFailure("offset went back"));
});

test("unreachable: when reached after all: says with what", () => {
  expect(() => unreachable("surprise" as never)).toThrow(/surprise/);
});

import { expect, test } from "vitest";
import { repeatedIn } from "../../../src/doors/kafka/repeated.ts";

test("names given more than once, each once", () => {
  expect([...repeatedIn(["a", "b", "a", "c", "b", "a"])]).toEqual(["a", "b"]);
  expect([...repeatedIn(["a", "b"])]).toEqual([]);
  expect([...repeatedIn([])]).toEqual([]);
});

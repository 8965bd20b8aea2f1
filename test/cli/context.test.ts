import { expect, test } from "vitest";
import { integer, pair, repeated } from "../../src/cli/context.ts";

test("integer: whole numbers within the bounds, nothing else", () => {
  const parse = integer(0, 10);
  expect([parse("0"), parse("10")]).toEqual([0, 10]);
  for (const text of ["-1", "11", "1.5", "", " 1", "1e1", "0x1", "ten"]) {
    expect(() => parse(text)).toThrow(/whole number from 0 to 10/);
  }
});

test("pair: collects, splits at the first equals sign, takes an empty value, needs a name", () => {
  expect(pair("b=2=3", pair("a="))).toEqual({ a: "", b: "2=3" });
  expect(() => pair("=x")).toThrow(/name=value/);
  expect(() => pair("x")).toThrow(/name=value/);
});

test("repeated: keeps the order", () => {
  expect(repeated("b", repeated("a"))).toEqual(["a", "b"]);
});

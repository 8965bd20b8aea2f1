import type { FastifyRequest } from "fastify";
import { expect, test } from "vitest";
import {
  booleanIn,
  integerIn,
  integerText,
  queryOf,
  wordIn,
} from "../../../src/doors/http/query.ts";

const request = (query: object): FastifyRequest => ({ query }) as FastifyRequest;

test("query: unknown names and repeated ones are refused by name", () => {
  expect(() => queryOf(request({ acks: "1", limit: "2" }), ["acks"])).toThrow(/'limit' is not/);
  expect(() => queryOf(request({ acks: ["1", "2"] }), ["acks"])).toThrow(/'acks' is given more/);
  expect(queryOf(request({ acks: "1" }), ["acks"])).toEqual({ acks: "1" });
});

test.each(["", "-1", "1.0", "1e2", " 1", "9007199254740992", "12345678901234567890"])(
  "integer %j: refused",
  (text) => {
    expect(integerText(text)).toBeNull();
  },
);

test("integers, booleans and words: in range or refused, null when absent", () => {
  const range = { min: 1, max: 5 };
  expect(integerIn({ n: "5" }, "n", range)).toBe(5);
  expect(integerIn({}, "n", range)).toBeNull();
  expect(() => integerIn({ n: "6" }, "n", range)).toThrow(/from 1 to 5/);
  expect(() => integerIn({ n: "0" }, "n", range)).toThrow(/from 1 to 5/);
  expect([booleanIn({ b: "true" }, "b"), booleanIn({ b: "false" }, "b")]).toEqual([true, false]);
  expect(() => booleanIn({ b: "1" }, "b")).toThrow(/true or false/);
  expect(wordIn({ as: "text" }, "as", ["json", "text"])).toBe("text");
  expect(() => wordIn({ as: "xml" }, "as", ["json", "text"])).toThrow(/one of json, text/);
});

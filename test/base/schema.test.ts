import fc from "fast-check";
import { describe, expect, expectTypeOf, test } from "vitest";
import { faultOf, type Schema, type Static, Type } from "../../src/base/schema.ts";

const closed = { additionalProperties: false } as const;
const person = Type.Object(
  {
    name: Type.String({ minLength: 1 }),
    age: Type.Optional(Type.Integer({ minimum: 0, maximum: 150 })),
    tags: Type.Optional(Type.Array(Type.Union([Type.String(), Type.Null()]), { maxItems: 2 })),
    level: Type.Optional(Type.Enum(["low", "high"])),
    labels: Type.Optional(Type.Record(Type.Number())),
  },
  closed,
);

function refusal(schema: Schema, value: unknown): string | null {
  const fault = faultOf(schema, value);
  return fault === null ? null : `/${fault.path.join("/")} ${fault.message}`;
}

test("schema: printed: is JSON Schema, and optional members are only left out of `required`", () => {
  const schema = Type.Object({ a: Type.String(), b: Type.Optional(Type.Literal("x")) }, closed);
  expect(JSON.parse(JSON.stringify(schema))).toEqual({
    type: "object",
    properties: { a: { type: "string" }, b: { const: "x" } },
    required: ["a"],
    additionalProperties: false,
  });
});

test("schema: its type: members are required or optional as the schema says", () => {
  expectTypeOf<Static<typeof person>>().toEqualTypeOf<{
    name: string;
    age?: number;
    tags?: (string | null)[];
    level?: "low" | "high";
    labels?: Record<string, number>;
  }>();
});

const refused: readonly [string, unknown, string][] = [
  ["not an object", [], "/ must be an object"],
  ["null for an object", null, "/ must be an object"],
  ["a member missing", { age: 1 }, "/ must have name"],
  ["a member only inherited", Object.create({ name: "x" }), "/ must have name"],
  ["a text too short", { name: "" }, "/name must have at least 1 characters"],
  ["a fraction", { name: "x", age: 1.5 }, "/age must be an integer"],
  ["a number as text", { name: "x", age: "1" }, "/age must be an integer"],
  ["too small", { name: "x", age: -1 }, "/age must be at least 0"],
  ["too large", { name: "x", age: 151 }, "/age must be at most 150"],
  ["too many", { name: "x", tags: ["", "", ""] }, "/tags must have at most 2 items"],
  ["none of a union", { name: "x", tags: [null, 1] }, "/tags/1 must be a string or null"],
  ["none of the words", { name: "x", level: "mid" }, "/level must be one of low, high"],
  ["a value in a record", { name: "x", labels: { a: Infinity } }, "/labels/a must be a number"],
  ["an unknown member", { name: "x", b: 1 }, "/ must not have additional properties: b"],
  ["an unknown member named like one that objects inherit", { name: "x", toString: 1 }, "toString"],
  ["an unknown member __proto__", JSON.parse('{"name":"x","__proto__":{}}'), "__proto__"],
  ["undefined for a member", { name: undefined }, "/name must be a string"],
];

test.each(refused)("schema: %s: is refused, with the place", (_situation, value, sentence) => {
  expect(refusal(person, value)).toContain(sentence);
});

test("schema: unknown members: few are named, and briefly", () => {
  const value = Object.fromEntries(Array.from({ length: 9 }, (_, at) => [`${at}`.repeat(99), 1]));
  const sentence = refusal(person, { name: "x", ...value }) ?? "";
  expect(sentence.length).toBeLessThan(300);
});

describe("schema: unions", () => {
  const position = Type.Object({ offset: Type.Integer() }, closed);
  const either = Type.Union([Type.Literal("end"), position]);

  test("the branch that came furthest is named", () => {
    expect(refusal(either, { offset: "x" })).toBe("/offset must be an integer");
  });

  test("none came anywhere: all are named", () => {
    expect(refusal(either, 1)).toBe('/ must be "end" or an object');
  });
});

test("schema: whatever is asked: only what JSON Schema's own words say is admitted", () => {
  fc.assert(
    fc.property(fc.jsonValue(), fc.integer(), (value, minimum) => {
      const numbers = Type.Array(Type.Integer({ minimum }));
      const isAdmitted =
        Array.isArray(value) &&
        value.every((each) => Number.isInteger(each) && (each as number) >= minimum);
      expect(faultOf(numbers, value) === null).toBe(isAdmitted);
      expect(faultOf(Type.Any(), value)).toBeNull();
    }),
    { examples: [[[3, 2 ** 60], 3]] },
  );
});

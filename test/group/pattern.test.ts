import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { LogError } from "../../src/base/error.ts";
import { Pattern } from "../../src/group/pattern.ts";

function matches(pattern: string, name: string): boolean {
  return new Pattern(pattern).matches(name);
}

function isRefused(pattern: string): boolean {
  try {
    return new Pattern(pattern).matches("") && false;
  } catch (error) {
    return error instanceof LogError && error.code === "INVALID_REGULAR_EXPRESSION";
  }
}

describe("pattern", () => {
  test("the whole name has to match", () => {
    expect(matches("orders", "orders")).toBe(true);
    expect(matches("order", "orders")).toBe(false);
    expect(matches("^order", "orders")).toBe(false);
    expect(matches("^orders$", "orders")).toBe(true);
    expect(matches(".*", "")).toBe(true);
    expect(matches("a||b", "")).toBe(true);
  });

  test("places: word boundaries, beginning and end", () => {
    expect(matches(String.raw`a\b-\Bb`, "a-b")).toBe(false);
    expect(matches(String.raw`\ba\b-\bb\B`, "a-b")).toBe(false);
    expect(matches(String.raw`\Aa\b-\bb\z`, "a-b")).toBe(true);
    expect(matches(String.raw`a\Bb`, "ab")).toBe(true);
    expect(matches("a^b", "ab")).toBe(false);
  });

  test("too large when written out: refused", () => {
    expect(isRefused("(a{100}){100}")).toBe(true);
    expect(isRefused("a{1000}")).toBe(true);
    expect(isRefused("(a{30}){30}")).toBe(false);
  });

  test("what takes for ever elsewhere is done at once here", () => {
    const name = "a".repeat(249);
    for (const evil of ["(a+)+b", "(a|a)*b", "(a*)*b", ".*.*.*.*.*.*.*.*.*b", "(.+)*(.+)*(.+)*b"]) {
      expect(matches(evil, name), evil).toBe(false);
      expect(matches(evil, `${name.slice(1)}b`), evil).toBe(true);
    }
  });

  test("any pattern of both syntaxes: matches what RegExp matches", () => {
    const { node: anyPattern } = fc.letrec<{ node: string; atom: string }>((self) => ({
      atom: fc.oneof(
        { maxDepth: 3, withCrossShrink: true },
        fc.constantFrom(
          "a",
          "b",
          ".",
          String.raw`\.`,
          "[ab]",
          "[^a]",
          String.raw`\d`,
          "^",
          "$",
          "",
        ),
        self("node").map((inner) => `(${inner})`),
        self("node").map((inner) => `(?:${inner})`),
      ),
      node: fc.oneof(
        { maxDepth: 3, withCrossShrink: true },
        self("atom"),
        fc.tuple(self("atom"), self("atom")).map((both) => both.join("")),
        fc.tuple(self("atom"), self("atom")).map((both) => both.join("|")),
        fc
          .tuple(self("node"), fc.constantFrom("*", "+", "?", "{2}", "{1,}", "{0,3}", "*?", "+?"))
          .map(([inner, times]) => `(?:${inner})${times}`),
      ),
    }));
    const name = fc.string({ unit: fc.constantFrom("a", "b", ".", "1", "-"), maxLength: 6 });
    fc.assert(
      fc.property(anyPattern, fc.array(name, { minLength: 1 }), (source, names) => {
        const pattern = new Pattern(source);
        const reference = new RegExp(`^(?:${source})$`);
        for (const one of names) expect(pattern.matches(one), one).toBe(reference.test(one));
      }),
      { numRuns: 500 },
    );
  });
});

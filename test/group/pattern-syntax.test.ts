import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { LogError } from "../../src/base/error.ts";
import { parsePattern } from "../../src/group/pattern-syntax.ts";
import { Pattern } from "../../src/group/pattern.ts";

function isRead(pattern: string): boolean {
  try {
    parsePattern(pattern);
    return true;
  } catch (error) {
    if (error instanceof LogError && error.code === "INVALID_REGULAR_EXPRESSION") return false;
    throw error;
  }
}

describe("pattern syntax", () => {
  test("what RE2 reads", () => {
    const cases: [pattern: string, yes: string, no: string][] = [
      ["(?i)orders", "ORders", "order"],
      ["(?i:o)rders", "Orders", "ORDERS"],
      ["((?i)o)r", "Or", "OR"],
      ["(?i)o(?-i)r", "Or", "OR"],
      ["(?sUm)a.", "ab", "a"],
      ["(?P<name>a)+", "aa", "b"],
      ["(?<name>a)", "a", "b"],
      [String.raw`\Qa.b\E+`, "a.bb", "axb"],
      [String.raw`\Qa.b`, "a.b", "axb"],
      ["a{2,3}?", "aaa", "a"],
      ["a{2", "a{2", "aa"],
      ["a{,2}", "a{,2}", "aa"],
      ["a{}", "a{}", "a"],
      ["]", "]", "["],
    ];
    for (const [pattern, yes, no] of cases) {
      expect(new Pattern(pattern).matches(yes), `${pattern} ${yes}`).toBe(true);
      expect(new Pattern(pattern).matches(no), `${pattern} ${no}`).toBe(false);
    }
  });

  test("what RE2 does not have, or nobody can read", () => {
    const bad = [
      "(?=a)",
      "(?!a)",
      "(?<=a)",
      "(?<!a)",
      "(?>a)",
      String.raw`(a)\1`,
      "(?P=n)",
      "(?x)a",
      "(a",
      "a)",
      "[a",
      "*a",
      "a**",
      "a+{2}",
      "|*",
      "(?",
      "(?P<a-b>a)",
      "(?<a",
      "a{2,1}",
      "a{1001}",
      "[b-a]",
      "\\",
      String.raw`\y`,
      String.raw`\8`,
      "(?-i-i)a",
    ];
    for (const pattern of bad) expect(isRead(pattern), pattern).toBe(false);
  });

  test("bounded: length and depth", () => {
    expect(isRead("a".repeat(1000))).toBe(true);
    expect(isRead("a".repeat(1001))).toBe(false);
    expect(isRead("(".repeat(100) + ")".repeat(100))).toBe(true);
    expect(isRead("(".repeat(101) + ")".repeat(101))).toBe(false);
  });

  test("any text: read, or refused by name", () => {
    const piece = fc.constantFrom(...String.raw`ab09.*+?{},|()[]^$-\QEpPdDwx:=<>!i`.split(""));
    fc.assert(
      fc.property(fc.string({ unit: piece, maxLength: 30 }), (pattern) => {
        isRead(pattern);
      }),
      { numRuns: 2000 },
    );
  });
});

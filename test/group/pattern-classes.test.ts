import { describe, expect, test } from "vitest";
import { readBracket, readEscape } from "../../src/group/pattern-classes.ts";
import { PatternText } from "../../src/group/pattern-text.ts";

const printable = Array.from({ length: 95 }, (_, index) => String.fromCharCode(32 + index));

/** The printable characters of a set as text. */
function escape(text: string): string {
  const set = readEscape(new PatternText(text));
  return printable.filter((char) => set[char.charCodeAt(0)] === 1).join("");
}

function bracket(text: string): string {
  const set = readBracket(new PatternText(text));
  return printable.filter((char) => set[char.charCodeAt(0)] === 1).join("");
}

describe("pattern classes", () => {
  test("escapes: characters by name, number and as themselves", () => {
    expect([".", "_", "-", "/"].map(escape)).toEqual([".", "_", "-", "/"]);
    expect(["x41", "x{41}", "101", "041"].map(escape)).toEqual(["A", "A", "A", "!"]);
    expect(["n", "t", "v", "a", "f", "r"].map(escape).join("")).toBe("");
    expect(readEscape(new PatternText("n"))[10]).toBe(1);
    expect(escape("x{1F600}")).toBe("");
  });

  test("escapes: sets by name", () => {
    expect(escape("d")).toBe("0123456789");
    expect(escape("D").length).toBe(85);
    expect(escape("w").length).toBe(63);
    expect(escape("pL").length).toBe(52);
    expect(escape("p{Lu}")).toBe("ABCDEFGHIJKLMNOPQRSTUVWXYZ");
    expect(escape("p{^Lu}")).toBe(escape("P{Lu}"));
    expect(escape("P{^Lu}")).toBe(escape("p{Lu}"));
    expect(escape("p{Greek}")).toBe("");
  });

  test("escapes that there are not", () => {
    for (const bad of ["1", "9", "y", "x4", "x{}", "x{110000}", "x{41", "p{Nope}", "p", "é", ""]) {
      expect(() => readEscape(new PatternText(bad)), bad).toThrow("cannot be read");
    }
  });

  test("brackets: characters, ranges, sets, and their opposite", () => {
    expect(bracket("abc]")).toBe("abc");
    expect(bracket("a-ex]")).toBe("abcdex");
    expect(bracket("]a]")).toBe("]a");
    expect(bracket("-a]")).toBe("-a");
    expect(bracket("a-]")).toBe("-a");
    expect(bracket(String.raw`\d\.]`)).toBe(".0123456789");
    expect(bracket(String.raw`\x41-C\]]`)).toBe("ABC]");
    expect(bracket("[:digit:]x]")).toBe("0123456789x");
    expect(bracket("[:^print:]]")).toBe("");
    expect(bracket("^ -~]")).toBe("");
    expect(bracket(String.raw`^\D5]`)).toBe("012346789");
  });

  test("brackets that cannot be read", () => {
    for (const bad of ["", "a", "b-a]", "[:nope:]]", String.raw`a-\d]`, String.raw`\1]`]) {
      expect(() => readBracket(new PatternText(bad)), bad).toThrow("cannot be read");
    }
  });
});

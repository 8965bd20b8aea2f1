import fc from "fast-check";
import { expect, test } from "vitest";
import { linesOf, lineText } from "../../../src/doors/http/ndjson-lines.ts";

test("property: the lines that say something, without what ends them", () => {
  const text = fc.string({ unit: fc.constantFrom("a", "é", " ", "\t", "\r", "\n") });
  fc.assert(
    fc.property(text, (body) => {
      const lines = [...linesOf(Buffer.from(body))].map((line) => line.toString());
      const expected = body
        .split("\n")
        .map((line) => line.replace(/\r$/, ""))
        .filter((line) => /[^ \t]/.test(line));
      expect(lines).toEqual(expected);
    }),
  );
});

test("a line: null when it is blank", () => {
  expect(lineText(Buffer.from(" \t\r"))).toBeNull();
  expect(lineText(Buffer.from(""))).toBeNull();
  expect(lineText(Buffer.from("x\r"))?.toString()).toBe("x");
});

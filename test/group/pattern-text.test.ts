import { expect, test } from "vitest";
import { PatternText } from "../../src/group/pattern-text.ts";

test("pattern text: looks, takes, and goes back", () => {
  const text = new PatternText("ab12😀z");
  expect([text.sees("ab"), text.take("b"), text.take("a")]).toEqual([true, false, true]);
  expect(text.next()).toBe("b");
  expect(text.takeWhile((char) => /\d/.test(char), 1)).toBe("1");
  expect(text.attempt(() => (text.take("2") ? null : "no"))).toBe(null);
  expect(text.takeWhile((char) => /\d/.test(char), 9)).toBe("2");
  expect(text.next()).toBe("😀");
  expect(text.isDone).toBe(false);
  expect(text.upTo("!")).toBe("z");
  expect(text.isDone).toBe(true);
  expect(() => text.next()).toThrow("at character 8: it ends too soon");
});

test("pattern text: up to a mark, and past it", () => {
  const text = new PatternText("name>rest");
  expect([text.upTo(">"), text.upTo(">")]).toEqual(["name", "rest"]);
});

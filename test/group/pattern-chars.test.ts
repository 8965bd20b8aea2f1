import { expect, test } from "vitest";
import {
  caseless,
  charRange,
  type CharSet,
  negated,
  perlClass,
  posixClass,
  unicodeClass,
  unionOf,
} from "../../src/group/pattern-chars.ts";

function count(set: CharSet | null): number | null {
  return set === null ? null : set.reduce((sum, bit) => sum + bit, 0);
}

test("pattern chars: ranges and their algebra, within ASCII", () => {
  const letters = charRange(97, 99);
  expect(count(letters)).toBe(3);
  expect(count(negated(letters))).toBe(125);
  expect(count(unionOf([letters, charRange(99, 100)]))).toBe(4);
  expect(count(caseless(letters))).toBe(6);
  expect(count(charRange(127, 5000))).toBe(1);
  expect(count(charRange(300, 5000))).toBe(0);
});

test("pattern chars: sets by name", () => {
  expect(["d", "W", "s", "q"].map((name) => count(perlClass(name)))).toEqual([10, 65, 5, null]);
  const posix = ["alnum", "ascii", "cntrl", "graph", "print", "punct", "space", "xdigit", "no"];
  expect(posix.map((name) => count(posixClass(name)))).toEqual([
    62,
    128,
    33,
    94,
    95,
    32,
    6,
    22,
    null,
  ]);
  const unicode = ["L", "Nd", "Latin", "Any", "no", "L}|\\p{N"];
  expect(unicode.map((name) => count(unicodeClass(name)))).toEqual([52, 10, 52, 128, null, null]);
});

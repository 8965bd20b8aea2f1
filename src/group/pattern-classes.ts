// Reads the parts of a regular expression that stand for one character: escapes and [bracket] classes.

import {
  charRange,
  type CharSet,
  negated,
  perlClass,
  posixClass,
  unicodeClass,
  unionOf,
} from "./pattern-chars.ts";
import type { PatternText } from "./pattern-text.ts";

const controls = new Map([
  ["a", 7],
  ["f", 12],
  ["t", 9],
  ["n", 10],
  ["r", 13],
  ["v", 11],
]);

/**
 * What an escape stands for, its backslash read already.
 * @throws INVALID_REGULAR_EXPRESSION
 */
export function readEscape(text: PatternText): CharSet {
  const set = readSetName(text);
  if (set !== null) return set;
  const code = readCode(text);
  return charRange(code, code);
}

/**
 * What a bracket class stands for, its [ read already.
 * @throws INVALID_REGULAR_EXPRESSION
 */
export function readBracket(text: PatternText): CharSet {
  const isNegated = text.take("^");
  const sets: CharSet[] = [];
  for (let isFirst = true; isFirst || !text.take("]"); isFirst = false) {
    if (text.isDone) throw text.wrong("a [ without its ]");
    sets.push(readPosix(text) ?? readNamed(text) ?? readRange(text));
  }
  const set = unionOf(sets);
  return isNegated ? negated(set) : set;
}

function readPosix(text: PatternText): CharSet | null {
  if (!text.take("[:")) return null;
  const isNegated = text.take("^");
  const set = posixClass(text.upTo(":]"));
  if (set === null) throw text.wrong("a class that there is not");
  return isNegated ? negated(set) : set;
}

function readNamed(text: PatternText): CharSet | null {
  return text.attempt(() => (text.take("\\") ? readSetName(text) : null));
}

function readRange(text: PatternText): CharSet {
  const first = readBracketCode(text);
  const isRange = text.sees("-") && !text.sees("-]");
  if (!isRange) return charRange(first, first);
  text.take("-");
  const last = readBracketCode(text);
  if (last < first) throw text.wrong("a range that ends before it begins");
  return charRange(first, last);
}

function readBracketCode(text: PatternText): number {
  return text.take("\\") ? readCode(text) : codeOf(text.next());
}

/** `d`, `pL`, `p{Greek}` and their like; null when no such name follows. */
function readSetName(text: PatternText): CharSet | null {
  return text.attempt(() => {
    const name = text.next();
    if (name !== "p" && name !== "P") return perlClass(name);
    const isBraced = text.take("{");
    const isNegated = (name === "P") !== (isBraced && text.take("^"));
    const set = unicodeClass(isBraced ? text.upTo("}") : text.next());
    if (set === null) throw text.wrong("a Unicode class that there is not");
    return isNegated ? negated(set) : set;
  });
}

function readCode(text: PatternText): number {
  const char = text.next();
  const control = controls.get(char);
  if (control !== undefined) return control;
  if (char === "x") return readHex(text);
  if (/[0-7]/.test(char)) return readOctal(text, char);
  if (/[^0-9A-Za-z]/.test(char) && codeOf(char) < 128) return codeOf(char);
  throw text.wrong("an escape that RE2 does not have");
}

/** `\1` to `\7` would refer back to a group; with more digits it is a number. */
function readOctal(text: PatternText, first: string): number {
  const digits = first + text.takeWhile((char) => /[0-7]/.test(char), 2);
  if (first !== "0" && digits.length === 1) throw text.wrong("RE2 does not refer back to groups");
  return Number.parseInt(digits, 8);
}

function readHex(text: PatternText): number {
  const isHex = (char: string): boolean => /[0-9A-Fa-f]/.test(char);
  const isBraced = text.take("{");
  const digits = text.takeWhile(isHex, isBraced ? 6 : 2);
  const isWhole = isBraced ? text.take("}") && digits.length > 0 : digits.length === 2;
  const code = Number.parseInt(digits, 16);
  if (!isWhole || code > 0x10ffff) throw text.wrong("a character's number");
  return code;
}

function codeOf(char: string): number {
  return char.codePointAt(0) ?? 0;
}

// Reads regular expressions in the syntax of RE2: what Kafka's members subscribe to topics with.
//
// Everything of RE2 is read that can matter for a topic name. Backreferences and assertions about what stands before
// or after are no part of it: without them a match takes time in proportion to the name.
//
// See https://github.com/google/re2/wiki/Syntax.

import { LogError } from "../base/error.ts";
import { caseless, charRange, type CharSet, charSet } from "./pattern-chars.ts";
import { readBracket, readEscape } from "./pattern-classes.ts";
import { PatternText } from "./pattern-text.ts";

/** Beginning and end of the text; between a word's character and another, or not. */
export type PatternPlace = "start" | "end" | "boundary" | "inside";

/** Something again and again; a `max` of null is without bound. */
export interface PatternRepeat {
  readonly kind: "repeat";
  readonly node: PatternNode;
  readonly min: number;
  readonly max: number | null;
}

/** What a pattern says: one character of a set; parts in sequence; any one of them; a repetition; a place. */
export type PatternNode =
  | { readonly kind: "char"; readonly set: CharSet }
  | { readonly kind: "sequence"; readonly nodes: readonly PatternNode[] }
  | { readonly kind: "choice"; readonly nodes: readonly PatternNode[] }
  | PatternRepeat
  | { readonly kind: "place"; readonly place: PatternPlace };

const lengthMax = 1_000;
const depthMax = 100;
const repeatMax = 1_000;

/** Flags in force; `(?i)` changes them to the end of its group. */
interface Scope {
  readonly depth: number;
  ignoresCase: boolean;
}

/**
 * Reads a pattern.
 * @throws INVALID_REGULAR_EXPRESSION
 */
export function parsePattern(pattern: string): PatternNode {
  if (pattern.length > lengthMax) {
    const detail = `a regular expression has ${lengthMax} characters at most`;
    throw new LogError("INVALID_REGULAR_EXPRESSION", detail);
  }
  const text = new PatternText(pattern);
  const node = readChoice(text, { depth: 0, ignoresCase: false });
  if (!text.isDone) throw text.wrong("a ) without its (");
  return node;
}

function readChoice(text: PatternText, scope: Scope): PatternNode {
  if (scope.depth > depthMax) throw text.wrong("groups within groups too deep");
  const nodes: PatternNode[] = [];
  do nodes.push(readSequence(text, scope));
  while (text.take("|"));
  return { kind: "choice", nodes };
}

function readSequence(text: PatternText, scope: Scope): PatternNode {
  const nodes: PatternNode[] = [];
  while (!text.isDone && !text.sees("|") && !text.sees(")")) {
    if (text.take("\\Q")) {
      for (const char of text.upTo("\\E")) nodes.push(literal(char, scope));
      const last = nodes.pop();
      if (last !== undefined) nodes.push(readRepeats(text, last));
      continue;
    }
    const node = readAtom(text, scope);
    if (node !== null) nodes.push(readRepeats(text, node));
  }
  return { kind: "sequence", nodes };
}

function readAtom(text: PatternText, scope: Scope): PatternNode | null {
  if (text.take("(")) return readGroup(text, scope);
  if (text.take("[")) return charOf(readBracket(text), scope);
  if (text.take(".")) return { kind: "char", set: charSet((char) => char !== "\n") };
  if (text.take("^") || text.take("\\A")) return { kind: "place", place: "start" };
  if (text.take("$") || text.take("\\z")) return { kind: "place", place: "end" };
  if (text.take("\\b")) return { kind: "place", place: "boundary" };
  if (text.take("\\B")) return { kind: "place", place: "inside" };
  if (text.take("\\C")) return { kind: "char", set: charSet(() => true) };
  if (text.take("\\")) return charOf(readEscape(text), scope);
  if (text.sees("*") || text.sees("+") || text.sees("?")) throw text.wrong("nothing to repeat");
  return literal(text.next(), scope);
}

function readGroup(text: PatternText, scope: Scope): PatternNode | null {
  const inner = { depth: scope.depth + 1, ignoresCase: scope.ignoresCase };
  const isLookBehind = text.sees("?<=") || text.sees("?<!");
  if (!isLookBehind && (text.take("?P<") || text.take("?<"))) {
    if (!/^\w+$/.test(text.upTo(">"))) throw text.wrong("a group's name");
  } else if (text.take("?")) {
    readFlags(text, inner);
    if (text.take(")")) {
      scope.ignoresCase = inner.ignoresCase;
      return null;
    }
    if (!text.take(":")) throw text.wrong("a kind of group that RE2 does not have");
  }
  const node = readChoice(text, inner);
  if (!text.take(")")) throw text.wrong("a ( without its )");
  return node;
}

/** `m`, `s` and `U` make no difference to whether a whole name matches. */
function readFlags(text: PatternText, scope: Scope): void {
  let isOn = true;
  for (;;) {
    if (text.take("i")) scope.ignoresCase = isOn;
    else if (isOn && text.take("-")) isOn = false;
    else if (!text.take("m") && !text.take("s") && !text.take("U")) return;
  }
}

/** The node as often as what follows says; being greedy or not makes no difference to a whole match. */
function readRepeats(text: PatternText, node: PatternNode): PatternNode {
  const bounds = readBounds(text);
  if (bounds === null) return node;
  text.take("?");
  if (readBounds(text) !== null) throw text.wrong("a repetition of a repetition");
  return { kind: "repeat", node, ...bounds };
}

function readBounds(text: PatternText): Pick<PatternRepeat, "min" | "max"> | null {
  if (text.take("*")) return { min: 0, max: null };
  if (text.take("+")) return { min: 1, max: null };
  if (text.take("?")) return { min: 0, max: 1 };
  // A brace that begins no repetition stands for itself.
  const bounds = text.attempt(() => readBraces(text));
  if (bounds === null) return null;
  const { min, max } = bounds;
  if (min > repeatMax || (max ?? 0) > repeatMax || (max ?? min) < min) {
    throw text.wrong(`a repetition is 0 to ${repeatMax} times`);
  }
  return bounds;
}

function readBraces(text: PatternText): Pick<PatternRepeat, "min" | "max"> | null {
  const digits = (): string => text.takeWhile((char) => /[0-9]/.test(char), 9);
  if (!text.take("{")) return null;
  const least = digits();
  if (least === "") return null;
  const most = text.take(",") ? digits() : least;
  if (!text.take("}")) return null;
  return { min: Number(least), max: most === "" ? null : Number(most) };
}

function literal(char: string, scope: Scope): PatternNode {
  const code = char.codePointAt(0) ?? 0;
  return charOf(charRange(code, code), scope);
}

function charOf(set: CharSet, { ignoresCase }: Scope): PatternNode {
  return { kind: "char", set: ignoresCase ? caseless(set) : set };
}

// Matches names against a regular expression in time proportional to the name, whatever the expression: all ways to
// match are followed at once, a character at a time, and none is followed twice.
//
// See Ken Thompson, "Regular Expression Search Algorithm", CACM 11(6), 1968.

import { LogError } from "../base/error.ts";
import type { CharSet } from "./pattern-chars.ts";
import {
  parsePattern,
  type PatternNode,
  type PatternPlace,
  type PatternRepeat,
} from "./pattern-syntax.ts";

// With names of at most 249 characters this bounds a match to a fraction of a millisecond or so.
const stepsMax = 1_000;
const matched = 0;

/** Step 0 is the match. */
type Step =
  | { readonly kind: "match" }
  | { readonly kind: "char"; readonly set: CharSet; readonly next: number }
  | { readonly kind: "place"; readonly place: PatternPlace; readonly next: number }
  | { readonly kind: "fork"; nexts: readonly number[] };

/** A regular expression of RE2, ready to match whole names. */
export class Pattern {
  readonly #steps: Step[] = [{ kind: "match" }];
  readonly #start: number;

  /**
   * @param pattern In the syntax of RE2; of 1,000 characters at most.
   * @throws INVALID_REGULAR_EXPRESSION
   */
  constructor(pattern: string) {
    this.#start = this.#compile(parsePattern(pattern), matched);
  }

  /** True when the whole name matches. */
  matches(name: string): boolean {
    let present = this.#follow([this.#start], name, 0);
    for (let at = 0; at < name.length && present.size > 0; at++) {
      const code = name.charCodeAt(at);
      const nexts: number[] = [];
      for (const index of present) {
        const step = this.#steps[index];
        if (step?.kind === "char" && step.set[code] === 1) nexts.push(step.next);
      }
      present = this.#follow(nexts, name, at + 1);
    }
    return present.has(matched);
  }

  /** The steps that can be reached from these without reading a character. */
  #follow(from: readonly number[], name: string, at: number): ReadonlySet<number> {
    const reached = new Set<number>();
    const open = [...from];
    for (let index = open.pop(); index !== undefined; index = open.pop()) {
      if (reached.has(index)) continue;
      reached.add(index);
      const step = this.#steps[index];
      if (step?.kind === "fork") open.push(...step.nexts);
      else if (step?.kind === "place" && isAt(step.place, name, at)) open.push(step.next);
    }
    return reached;
  }

  /** Adds the steps of a node that leads on to `next`; gives the first. */
  #compile(node: PatternNode, next: number): number {
    switch (node.kind) {
      case "char":
        return this.#add({ kind: "char", set: node.set, next });
      case "place":
        return this.#add({ kind: "place", place: node.place, next });
      case "sequence":
        return node.nodes.reduceRight((after, part) => this.#compile(part, after), next);
      case "choice": {
        const nexts = node.nodes.map((part) => this.#compile(part, next));
        return this.#add({ kind: "fork", nexts });
      }
      case "repeat":
        return this.#compileRepeat(node, next);
    }
  }

  #compileRepeat({ node, min, max }: PatternRepeat, next: number): number {
    let first = next;
    if (max === null) {
      const fork: Step = { kind: "fork", nexts: [] };
      first = this.#add(fork);
      fork.nexts = [this.#compile(node, first), next];
    } else {
      for (let count = min; count < max; count++) {
        first = this.#add({ kind: "fork", nexts: [this.#compile(node, first), next] });
      }
    }
    for (let count = 0; count < min; count++) first = this.#compile(node, first);
    return first;
  }

  #add(step: Step): number {
    if (this.#steps.length < stepsMax) return this.#steps.push(step) - 1;
    throw new LogError("INVALID_REGULAR_EXPRESSION", "the regular expression is too large");
  }
}

function isAt(place: PatternPlace, name: string, at: number): boolean {
  if (place === "start") return at === 0;
  if (place === "end") return at === name.length;
  const isBoundary = isWord(name[at - 1]) !== isWord(name[at]);
  return isBoundary === (place === "boundary");
}

function isWord(char: string | undefined): boolean {
  return char !== undefined && /\w/.test(char);
}

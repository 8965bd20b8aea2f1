// Which topics the regular expressions of members match: kept until topics come or go.

import { LogError } from "../base/error.ts";
import { Pattern } from "./pattern.ts";

// Members of a group mostly share one expression.
const keptMax = 1_000;

interface Kept {
  readonly pattern: Pattern;
  /** Null: not looked up since one of them came or went. */
  topics: readonly string[] | null;
}

/** Regular expressions over the names of topics. */
export class TopicPatterns {
  readonly #topicNames: () => Iterable<string>;
  readonly #kept = new Map<string, Kept>();

  /** @param topicNames The topics that an expression may match, now. */
  constructor(topicNames: () => Iterable<string>) {
    this.#topicNames = topicNames;
  }

  /**
   * Checks that an expression can be used.
   * @throws INVALID_REGULAR_EXPRESSION
   */
  check(regex: string): void {
    this.#keep(regex);
  }

  /** The topics that an expression matches, by name. */
  topicsOf(regex: string): readonly string[] {
    const kept = this.#known(regex);
    if (kept === null) return [];
    kept.topics ??= [...this.#topicNames()].filter((name) => kept.pattern.matches(name)).sort();
    return kept.topics;
  }

  /** True when an expression matches a topic of that name, whether there is one or not. */
  matches(regex: string, topic: string): boolean {
    return this.#known(regex)?.pattern.matches(topic) ?? false;
  }

  /** To be called when a topic has come or gone. */
  topicChanged(topic: string): void {
    for (const kept of this.#kept.values()) if (kept.pattern.matches(topic)) kept.topics = null;
  }

  /** Null for one that cannot be read: it was stored by a program that could. */
  #known(regex: string): Kept | null {
    try {
      return this.#keep(regex);
    } catch (error) {
      if (error instanceof LogError) return null;
      throw error;
    }
  }

  #keep(regex: string): Kept {
    const known = this.#kept.get(regex);
    if (known !== undefined) return known;
    const kept = { pattern: new Pattern(regex), topics: null };
    if (this.#kept.size >= keptMax) this.#kept.clear();
    this.#kept.set(regex, kept);
    return kept;
  }
}

// What is promised of a compacted log: of each key the latest record is there, deletions for a while, and where a
// deletion has gone nothing that it deleted comes back.

import { contentOf } from "../history.ts";

/** What the rest of the history tells of a record. */
export interface RecordFacts {
  /** Null: its transaction is not decided. */
  readonly outcomeOf: (content: string) => string | null;
  /** How long ago it was sent at the time `ms`, as long as any clock may have thought; 0 when nobody knows. */
  readonly ageOf: (content: string, ms: number) => number;
  /** Records that were sent, perhaps in vain, and that nobody ever saw. */
  readonly unseen: () => Iterable<string>;
}

/** Tells of a broken promise. */
export type Complaint = (rule: string, detail: string) => void;

/** One of them. */
export class CompactedLog {
  readonly #keepDeletionsMs: number;
  /** What a reader was not given, and when the first of them came by. */
  readonly #missed = new Map<number, { readonly content: string; readonly ms: number }>();
  /** Records that were read, with a later deletion of their key that was not. */
  readonly #undeleted = new Map<string, { readonly content: string; readonly deletion: string }>();

  constructor(keepDeletionsMs: number) {
    this.#keepDeletionsMs = keepDeletionsMs;
  }

  /** A reader was given these and not those. */
  read(seen: ReadonlyMap<number, string>, missing: ReadonlyMap<number, string>, ms: number): void {
    for (const [offset, content] of missing) {
      if (!this.#missed.has(offset)) this.#missed.set(offset, { content, ms });
      const { key, value } = contentOf(content);
      if (value !== null) continue;
      for (const [before, record] of seen) {
        if (before >= offset || contentOf(record).key !== key) continue;
        this.#undeleted.set(`${before} ${offset}`, { content: record, deletion: content });
      }
    }
  }

  /** The history is over; `known` has all records that were ever seen. */
  end(known: ReadonlyMap<number, string | null>, facts: RecordFacts, complain: Complaint): void {
    for (const [offset, { content, ms }] of this.#missed) {
      if (this.#mayBeGone(content, ms, facts) || isReplaced(offset, known, facts)) continue;
      const detail = `at ${offset}: ${content.slice(0, 60)} is missing, the last of its key`;
      complain("the latest record of a key stays", detail);
    }
    for (const [offsets, { content, deletion }] of this.#undeleted) {
      if (![content, deletion].every((each) => facts.outcomeOf(each) === "commit")) continue;
      complain("a deleted key stays deleted", `${content.slice(0, 60)}, offsets ${offsets}`);
    }
  }

  // It may have gone by its own age, or by a deletion that came and went before anybody looked.
  #mayBeGone(content: string, ms: number, { outcomeOf, ageOf, unseen }: RecordFacts): boolean {
    if (outcomeOf(content) !== "commit") return true;
    const { key } = contentOf(content);
    const isOldDeletion = (of: string): boolean => {
      const { key: deleted, value } = contentOf(of);
      return deleted === key && value === null && ageOf(of, ms) >= this.#keepDeletionsMs;
    };
    return isOldDeletion(content) || [...unseen()].some(isOldDeletion);
  }
}

function isReplaced(
  offset: number,
  known: ReadonlyMap<number, string | null>,
  { outcomeOf }: RecordFacts,
): boolean {
  const content = known.get(offset);
  if (typeof content !== "string") return true;
  const { key } = contentOf(content);
  for (const [later, record] of known) {
    if (later <= offset || record === null || contentOf(record).key !== key) continue;
    if (outcomeOf(record) !== "abort") return true;
  }
  return false;
}

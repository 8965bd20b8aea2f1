// Each transaction is committed or aborted, once and for all, whoever looks and wherever.

import type { Outcome, SimEvent } from "../history.ts";
import type { Report } from "./report.ts";

interface Fate {
  isCommitAsked: boolean;
  outcome: Outcome | null;
  why: string;
}

/** What became of the transactions. */
export class TransactionRule {
  readonly #report: Report;
  readonly #fates = new Map<string, Fate>();
  readonly #ends = new Map<number, { readonly transaction: string; readonly outcome: Outcome }>();
  readonly #listeners: ((transaction: string, outcome: Outcome) => void)[] = [];

  constructor(report: Report) {
    this.#report = report;
  }

  /** Calls `listener` when the outcome of a transaction becomes known. */
  onDecided(listener: (transaction: string, outcome: Outcome) => void): void {
    this.#listeners.push(listener);
  }

  take(event: SimEvent): void {
    if (event.type === "begin") this.#fateOf(event.transaction);
    else if (event.type === "end") {
      this.#ends.set(event.op, event);
      if (event.outcome === "commit") this.#fateOf(event.transaction).isCommitAsked = true;
    } else if (event.type === "ended") {
      const end = this.#ends.get(event.op);
      if (end !== undefined) this.decide(end.transaction, end.outcome, "was answered");
    }
  }

  /** What is known to have become of it; null when nothing is. */
  outcomeOf(transaction: string): Outcome | null {
    return this.#fateOf(transaction).outcome;
  }

  /** Somebody has seen what became of it. */
  decide(transaction: string, outcome: Outcome, why: string): void {
    const fate = this.#fateOf(transaction);
    const told = `transaction ${transaction}: ${outcome}, for ${why}`;
    if (fate.outcome === outcome) return;
    if (fate.outcome !== null) {
      this.#report("a transaction has one outcome", `${told}; ${fate.outcome}, for ${fate.why}`);
      return;
    }
    if (outcome === "commit" && !fate.isCommitAsked) {
      this.#report("a transaction is committed when asked", told);
    }
    fate.outcome = outcome;
    fate.why = why;
    for (const listener of this.#listeners) listener(transaction, outcome);
  }

  #fateOf(transaction: string): Fate {
    let fate = this.#fates.get(transaction);
    if (fate === undefined) {
      fate = { isCommitAsked: false, outcome: null, why: "" };
      this.#fates.set(transaction, fate);
    }
    return fate;
  }
}

// Holds a history to what the server promises. Pure: the same history, the same verdict.

import type { SimEvent, Violation } from "../history.ts";
import { RecordRule } from "./records.ts";
import { TransactionRule } from "./transactions.ts";

/** The broken promises of a history, in the order of the events that told them. */
export function check(history: readonly SimEvent[]): readonly Violation[] {
  const violations: Violation[] = [];
  let at = 0;
  const report = (rule: string, detail: string): void => {
    violations.push({ rule, detail, at });
  };
  const transactions = new TransactionRule(report);
  const records = new RecordRule(report, transactions);
  for (const event of history) {
    if (event.type === "broken") report("the server works", event.what);
    transactions.take(event);
    records.take(event);
    at++;
  }
  records.end();
  return violations;
}

// Holds a history to what the server promises. Pure: the same history, the same verdict.

import type { SimEvent, Violation } from "../history.ts";
import { GroupRule } from "./groups.ts";
import { QueueRule } from "./queues.ts";
import { RecordRule } from "./records.ts";
import { RegisterRule } from "./registers.ts";
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
  const rules = [
    transactions,
    records,
    new RegisterRule(report, transactions),
    new GroupRule(report),
    new QueueRule(report, records),
  ];
  for (const event of history) {
    if (event.type === "broken") report("the server works", event.what);
    if (event.type === "queue") records.foreign(event.deadTopic);
    for (const rule of rules) rule.take(event);
    at++;
  }
  records.end();
  return violations;
}

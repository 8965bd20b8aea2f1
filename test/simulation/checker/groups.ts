// No partition is read by two members of a group at once.

import type { SimEvent } from "../history.ts";
import type { Report } from "./report.ts";

interface Holding {
  readonly partitions: ReadonlySet<string>;
  readonly untilMs: number;
}

/** Who has what. */
export class GroupRule {
  readonly #report: Report;
  readonly #groups = new Map<string, Map<string, Holding>>();

  constructor(report: Report) {
    this.#report = report;
  }

  take(event: SimEvent): void {
    if (event.type === "let-go") {
      const members = this.#membersOf(event.group);
      const held = members.get(event.member);
      if (held === undefined) return;
      const partitions = new Set(event.kept.filter((name) => held.partitions.has(name)));
      members.set(event.member, { partitions, untilMs: held.untilMs });
    } else if (event.type === "assigned") {
      const members = this.#membersOf(event.group);
      for (const [member, { partitions, untilMs }] of members) {
        if (member === event.member || untilMs <= event.ms) continue;
        const both = event.partitions.filter((name) => partitions.has(name));
        if (both.length === 0) continue;
        const detail = `${both.join()} of ${event.group}: ${member} and ${event.member}`;
        this.#report("a partition has one reader in a group", detail);
      }
      const before = members.get(event.member)?.partitions ?? [];
      const partitions = new Set([...before, ...event.partitions]);
      members.set(event.member, { partitions, untilMs: event.untilMs });
    }
  }

  #membersOf(group: string): Map<string, Holding> {
    let members = this.#groups.get(group);
    if (members === undefined) {
      members = new Map();
      this.#groups.set(group, members);
    }
    return members;
  }
}

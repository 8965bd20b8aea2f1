// What becomes of records that will not be delivered any more: dead letters, or nothing where there are none.

import type { PartitionChanges } from "./changes.ts";
import { lengthOf, type FatedRange } from "./record-run.ts";
import type { ShareGroup } from "./share-machine.ts";

/** Why records are given up. Anything else is a receiver's own word. */
export const givingUpReasons = {
  expired: "expired",
  lapsed: "lease lapsed",
  overflow: "overflow",
} as const;

/** Gives records up: they leave for the dead-letter topic, if there is one. */
export function givenUp(
  changes: PartitionChanges,
  run: FatedRange,
  { group, reason }: { readonly group: ShareGroup; readonly reason: string },
): void {
  changes.count("dead", lengthOf(run));
  if (group.settings.deadLetterTopic === null) changes.assign(run, null);
  else leave(changes, run, reason);
}

/** Gives records up whose time is over: dropped where the group says so, else given up like others. */
export function givenUpExpired(
  changes: PartitionChanges,
  run: FatedRange,
  group: ShareGroup,
): void {
  const { deadLetterTopic, expired } = group.settings;
  changes.count("expired", lengthOf(run));
  if (deadLetterTopic === null || expired === "drop") {
    changes.assign(run, null);
    return;
  }
  changes.count("dead", lengthOf(run));
  leave(changes, run, givingUpReasons.expired);
}

function leave(changes: PartitionChanges, run: FatedRange, reason: string): void {
  changes.assign(run, { ...run.fate, phase: "leaving", dueMs: 0, owner: "", reason });
}

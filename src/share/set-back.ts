// A wall clock that is set back: what was to last for a while from now would last until the clock has come there again.
// Times that were reckoned from the time of day as it was then go back with it; those that somebody named stay.

import type { Clock } from "../base/clock.ts";
import type { Decision } from "../coordinator/state-machine.ts";
import { PartitionChanges } from "./changes.ts";
import type { RecordFate, RecordRun } from "./record-run.ts";
import type { ShareEvent } from "./share-events.ts";
import type { ShareGroup } from "./share-machine.ts";
import type { SharePartition } from "./share-partition.ts";

/** Less than this is what clocks do every day. */
const toleranceMs = 1000;
const runsMax = 1000;

/** Notices that a clock has gone back. */
export class SetBackWatch {
  readonly #clock: Clock;
  #wallMs: number;
  #atMs: number;

  /** @param seenMs What time it last was for an earlier process by this clock; null when that is not known. */
  constructor(clock: Clock, seenMs: number | null) {
    this.#clock = clock;
    this.#wallMs = seenMs ?? clock.nowMs();
    this.#atMs = clock.monotonicMs();
  }

  /** By how much it was set back since the last look, in milliseconds; 0 when it was not. */
  look(): number {
    const [wallMs, atMs] = [this.#clock.nowMs(), this.#clock.monotonicMs()];
    const backMs = Math.floor(this.#wallMs + atMs - this.#atMs) - wallMs;
    this.#wallMs = wallMs;
    this.#atMs = atMs;
    return backMs > toleranceMs ? backMs : 0;
  }
}

/**
 * Gives what lasts for a while the time that is left to it by a clock that was set back by `backMs`: one decision for
 * some runs at a time, each to be carried out before the next one is asked for.
 */
export function* decideSetBack(
  group: ShareGroup,
  partition: SharePartition,
  { nowMs, backMs }: { readonly nowMs: number; readonly backMs: number },
): Iterable<Decision<ShareEvent, void>> {
  // Else what is to wait for longer would be due by the partition's own time.
  partition.tick(nowMs);
  const all: RecordRun[] = [];
  for (const run of partition.stored()) if (isSetBack(run.fate, nowMs)) all.push(run);
  for (let from = 0; from < all.length; from += runsMax) {
    const changes = new PartitionChanges(group.name, partition);
    for (const run of all.slice(from, from + runsMax)) {
      changes.assign(run, { ...run.fate, dueMs: Math.max(1, run.fate.dueMs - backMs) });
    }
    yield { events: changes.events(), reply: undefined };
  }
}

// What waits and was never handed out has its time from its sender, who may have meant the time of day.
function isSetBack({ phase, deliveries, dueMs }: RecordFate, nowMs: number): boolean {
  return phase === "leased" || (phase === "waiting" && deliveries > 0 && dueMs > nowMs);
}

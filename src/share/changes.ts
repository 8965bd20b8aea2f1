// The changes that one command makes to one share partition, gathered until they become events.

import type { Change } from "./packed-runs.ts";
import {
  areAlike,
  fatedLength,
  fateOffsetsMax,
  type OffsetRange,
  type RecordFate,
} from "./record-run.ts";
import type { ShareEvent, SharePlace } from "./share-events.ts";
import type { ShareCounts, SharePartition } from "./share-partition.ts";

/** So many runs are one event at most: about 20 kB. */
export const runsPerEvent = 500;
// An event ends with the run by which it is half as long as it may be: with no longer runs, none is too long.
const runOffsetsMax = fateOffsetsMax / 2;

/** Changes of one partition. */
export class PartitionChanges {
  readonly partition: SharePartition;
  readonly #group: string;
  readonly #changes: Change[] = [];
  readonly #counts: { -readonly [Name in keyof ShareCounts]: number };

  constructor(group: string, partition: SharePartition) {
    this.#group = group;
    this.partition = partition;
    this.#counts = { ...partition.header.counts };
  }

  /** Gives records a fate; null settles them. No two calls for one record. */
  assign({ first, last }: OffsetRange, fate: RecordFate | null): void {
    this.#changes.push({ first, last, fate });
  }

  /** Counts. */
  count(name: keyof ShareCounts, records: number): void {
    this.#counts[name] += records;
  }

  /**
   * The events. What was only found by a scan and lies below a record that changes becomes part of the state, and the
   * frontier moves behind it.
   */
  events(): readonly ShareEvent[] {
    const { topic, partition, header } = this.partition;
    if (this.#changes.length === 0 && isEqual(this.#counts, header.counts)) return [];
    const changes = merged(this.#changes);
    const frontier = Math.max(header.frontier, ...changes.slice(-1).map(({ last }) => last + 1));
    const place = { group: this.#group, topic, partition };
    const all = frontier > header.frontier ? [...changes, ...this.#passedOver(changes)] : changes;
    return [
      ...runEvents(place, all),
      { kind: "partition", ...place, header: { ...header, frontier, counts: this.#counts } },
    ];
  }

  // What lies between the frontier and the last change, without the changes.
  #passedOver(changes: readonly Change[]): readonly Change[] {
    const { header } = this.partition;
    const last = changes.at(-1)?.last ?? header.frontier - 1;
    const passed: Change[] = [];
    let at = 0;
    for (const run of this.partition.within({ first: header.frontier, last })) {
      let from = run.first;
      const to = Math.min(run.last, last);
      while ((changes[at]?.last ?? Number.POSITIVE_INFINITY) < from) at++;
      for (let next = at; from <= to; next++) {
        const change = changes[next];
        const end = Math.min(to, (change?.first ?? Number.POSITIVE_INFINITY) - 1);
        if (end >= from) passed.push({ first: from, last: end, fate: run.fate });
        if (change === undefined || change.first > to) break;
        from = Math.max(from, change.last + 1);
      }
    }
    return passed;
  }
}

/** The events of runs: of so many each at most, and of no more offsets than an event may give a fate. */
export function* runEvents(
  place: SharePlace,
  changes: Iterable<Change>,
  most: number = runsPerEvent,
): Iterable<ShareEvent> {
  let runs: Change[] = [];
  let fated = 0;
  for (const change of changes) {
    runs.push(change);
    fated += fatedLength(change);
    // Ends with the last run that was read: the one behind it may change before the event that follows is asked for.
    if (runs.length < most && fated < runOffsetsMax) continue;
    yield eventOf(place, runs);
    runs = [];
    fated = 0;
  }
  if (runs.length > 0) yield eventOf(place, runs);
}

function eventOf(place: SharePlace, runs: readonly Change[]): ShareEvent {
  const [only] = runs;
  const isOne = runs.length === 1 && only !== undefined;
  return isOne ? { kind: "run", ...place, ...only } : { kind: "runs", ...place, runs };
}

function isEqual(one: ShareCounts, other: ShareCounts): boolean {
  return Object.entries(one).every(([name, count]) => other[name as keyof ShareCounts] === count);
}

/** In order of offset; neighbours with one fate are one. */
function merged(changes: readonly Change[]): readonly Change[] {
  const sorted = [...changes].sort((one, other) => one.first - other.first);
  const result: Change[] = [];
  for (const change of sorted) {
    const before = result.at(-1);
    if (before === undefined || !mayJoin(before, change)) {
      result.push(change);
    } else {
      result[result.length - 1] = { ...before, last: change.last };
    }
  }
  return result;
}

function mayJoin(before: Change, change: Change): boolean {
  const isTooLong = change.fate !== null && change.last - before.first >= runOffsetsMax;
  return before.last + 1 === change.first && !isTooLong && isOne(before, change);
}

function isOne({ fate: one }: Change, { fate: other }: Change): boolean {
  if (one === null || other === null) return one === other;
  return one.bytes === other.bytes && areAlike(one, other);
}

// All share groups of one coordinator as a state that events build.

import type { EncodedEvent, StateMachine } from "../coordinator/state-machine.ts";
import { runEvents, runsPerEvent } from "./changes.ts";
import type { Change } from "./packed-runs.ts";
import {
  decodeShareEvent,
  encodeShareEvent,
  type ShareEvent,
  type SharePlace,
} from "./share-events.ts";
import { SharePartition } from "./share-partition.ts";
import { type GivenSettings, settingsInForce, type ShareSettings } from "./share-settings.ts";

/** One share group. */
export class ShareGroup {
  readonly name: string;
  readonly #partitions = new Map<string, SharePartition>();
  #given: GivenSettings = {};
  #settings: ShareSettings = settingsInForce({});

  constructor(name: string) {
    this.name = name;
  }

  /** What was set. */
  get given(): GivenSettings {
    return this.#given;
  }

  /** What is in force. */
  get settings(): ShareSettings {
    return this.#settings;
  }

  /** True for one made as a queue. */
  get isQueue(): boolean {
    return this.#settings.topic !== null;
  }

  /** New settings. */
  configure(given: GivenSettings): void {
    this.#given = given;
    this.#settings = settingsInForce(given);
  }

  /** A partition of it; null when the group has not begun with it. */
  find(topic: string, partition: number): SharePartition | null {
    return this.#partitions.get(`${topic} ${partition}`) ?? null;
  }

  /** All partitions it has begun with. */
  partitions(): Iterable<SharePartition> {
    return this.#partitions.values();
  }

  /** Puts a partition in the place of what was there. */
  put(partition: SharePartition): void {
    this.#partitions.set(`${partition.topic} ${partition.partition}`, partition);
  }

  /** Forgets a partition. */
  remove(topic: string, partition: number): void {
    this.#partitions.delete(`${topic} ${partition}`);
  }

  /** Forgets all partitions, so that whoever still has the group in hand finds nothing to change. */
  clear(): void {
    this.#partitions.clear();
  }
}

/** Groups by name. */
export class ShareMachine implements StateMachine<ShareEvent> {
  readonly #groups = new Map<string, ShareGroup>();
  readonly #snapshotRuns: number;
  #decidedMs: number | null = null;

  /** @param snapshotRuns How many runs an event of a snapshot holds at most. */
  constructor(snapshotRuns: number = runsPerEvent) {
    this.#snapshotRuns = snapshotRuns;
  }

  /** When the last event was decided, by the clock of its time, Unix milliseconds; null when there was none. */
  get decidedMs(): number | null {
    return this.#decidedMs;
  }

  /** Every group, in the order they were made. */
  groups(): Iterable<ShareGroup> {
    return this.#groups.values();
  }

  /** A group; null when there is none. */
  find(group: string): ShareGroup | null {
    return this.#groups.get(group) ?? null;
  }

  apply(event: ShareEvent, timestampMs: number): void {
    this.#decidedMs = timestampMs;
    switch (event.kind) {
      case "group":
        if (event.settings === null) this.#remove(event.group);
        else this.#ensure(event.group).configure(event.settings);
        return;
      case "partition":
        return this.#applyPartition(event);
      case "run":
        // A part whose partition comes with a later snapshot event has nothing to add: its fate comes again as well.
        this.#partitionOf(event)?.assign(event, event.fate);
        return;
      case "runs": {
        const partition = this.#partitionOf(event);
        if (partition !== null) for (const run of event.runs) partition.assign(run, run.fate);
        return;
      }
      case "move": {
        const partition = this.#partitionOf(event);
        if (partition !== null) partition.move = event.move;
        return;
      }
    }
  }

  encode(event: ShareEvent): EncodedEvent {
    return encodeShareEvent(event);
  }

  decode(key: Uint8Array, value: Uint8Array | null): ShareEvent | null {
    return decodeShareEvent(key, value);
  }

  *snapshot(): Iterable<ShareEvent> {
    for (const group of this.groups()) {
      yield { kind: "group", group: group.name, settings: group.given };
      for (const partition of group.partitions()) {
        yield* snapshotOf(partition, {
          group: group.name,
          runs: this.#snapshotRuns,
          isThere: () => this.#has(group, partition),
        });
      }
    }
  }

  clear(): void {
    for (const name of this.#groups.keys()) this.#remove(name);
  }

  #remove(name: string): void {
    this.find(name)?.clear();
    this.#groups.delete(name);
  }

  #applyPartition(event: ShareEvent & { readonly kind: "partition" }): void {
    const { group: name, topic, partition: number, header } = event;
    if (header === null) {
      this.find(name)?.remove(topic, number);
      return;
    }
    const group = this.#ensure(name);
    const known = group.find(topic, number);
    const isSame = known?.header.topicId === header.topicId && known.header.epoch === header.epoch;
    if (known !== null && isSame) {
      known.header = header;
      known.scannedTo = Math.max(known.scannedTo, header.frontier);
    } else {
      group.put(new SharePartition({ topic, partition: number }, header));
    }
  }

  #has(group: ShareGroup, partition: SharePartition): boolean {
    const isKnown = this.#groups.get(group.name) === group;
    return isKnown && group.find(partition.topic, partition.partition) === partition;
  }

  #partitionOf({ group, topic, partition }: SharePlace): SharePartition | null {
    return this.find(group)?.find(topic, partition) ?? null;
  }

  #ensure(name: string): ShareGroup {
    const known = this.#groups.get(name);
    if (known !== undefined) return known;
    const group = new ShareGroup(name);
    this.#groups.set(name, group);
    return group;
  }
}

// What goes away or begins anew between two events has told so in the log itself: an event of the old would undo it.
function* snapshotOf(
  partition: SharePartition,
  how: { readonly group: string; readonly runs: number; readonly isThere: () => boolean },
): Iterable<ShareEvent> {
  const { group, runs, isThere } = how;
  const { topic, partition: number } = partition;
  const place = { group, topic, partition: number };
  if (!isThere()) return;
  yield { kind: "partition", ...place, header: partition.header };
  if (!isThere()) return;
  if (partition.move !== null) yield { kind: "move", ...place, move: partition.move };
  yield* runEvents(place, keptRunsOf(partition, isThere), runs);
}

function* keptRunsOf(partition: SharePartition, isThere: () => boolean): Iterable<Change> {
  for (const { first, last, fate } of partition.stored()) {
    if (!isThere()) return;
    yield { first, last, fate };
  }
}

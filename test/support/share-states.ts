// Share groups as plain states, for tests that need neither a log nor a clock.

import type { Decision } from "../../src/coordinator/state-machine.ts";
import type { PartitionChanges } from "../../src/share/changes.ts";
import { freshFate, type RecordFate, type RecordRun } from "../../src/share/record-run.ts";
import type { ShareEvent } from "../../src/share/share-events.ts";
import { type ShareGroup, ShareMachine } from "../../src/share/share-machine.ts";
import { noCounts, type SharePartition } from "../../src/share/share-partition.ts";
import type { GivenSettings } from "../../src/share/share-settings.ts";
import { runOn } from "./machine-run.ts";

/** A fate; what is absent is that of a fresh record of ten bytes. */
export function fateOf(differing: Partial<RecordFate> = {}): RecordFate {
  return { ...freshFate(10), ...differing };
}

/** Offset to fate, of all offsets below `end` that have one. */
export function fatesOf(
  partition: { find(offset: number): RecordRun | null },
  end: number,
): ReadonlyMap<number, RecordFate> {
  const fates = new Map<number, RecordFate>();
  for (let offset = 0; offset < end; offset++) {
    const run = partition.find(offset);
    if (run !== null) fates.set(offset, run.fate);
  }
  return fates;
}

/** The group `g` with partition `t-0` begun at an offset. */
export class ShareState {
  readonly machine = new ShareMachine();
  nowMs = 1_000_000;
  #begun = 0;

  constructor(settings: GivenSettings = {}, frontier = 0) {
    this.machine.apply({ kind: "group", group: "g", settings }, 0);
    this.begin("t", 0, frontier);
  }

  /** The group. */
  get group(): ShareGroup {
    const group = this.machine.find("g");
    if (group === null) throw new Error("the group is gone");
    return group;
  }

  /** Partition `t-0`. */
  get partition(): SharePartition {
    return this.of("t", 0);
  }

  /** A partition. */
  of(topic: string, partition: number): SharePartition {
    const found = this.group.find(topic, partition);
    if (found === null) throw new Error("the partition is gone");
    return found;
  }

  /** Begins a partition, or begins it anew; each time with the next epoch, the first is 1. */
  begin(topic: string, partition: number, frontier: number): void {
    const epoch = ++this.#begun;
    const header = { topicId: `id-${topic}`, epoch, frontier, counts: noCounts };
    this.machine.apply({ kind: "partition", group: "g", topic, partition, header }, 0);
  }

  /** A scan has found these records, one run each. */
  found(first: number, count: number, fate: Partial<RecordFate> = {}): void {
    for (let offset = first; offset < first + count; offset++) {
      this.partition.assign({ first: offset, last: offset }, fateOf(fate));
    }
    this.partition.scannedTo = Math.max(this.partition.scannedTo, first + count);
  }

  /** Decides, and applies what was decided by way of its bytes. */
  run<Reply>(decide: (nowMs: number) => Decision<ShareEvent, Reply>): Reply {
    this.partition.tick(this.nowMs);
    const { reply } = runOn(this.machine, () => decide(this.nowMs), this.nowMs);
    return reply;
  }

  /** Applies gathered changes; answers their events. */
  apply(changes: PartitionChanges): readonly ShareEvent[] {
    const events = changes.events();
    runOn(this.machine, () => ({ events, reply: undefined }));
    return events;
  }
}

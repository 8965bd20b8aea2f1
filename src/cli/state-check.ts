// Replays the server's own logs as the states they keep, and holds these to each other and to the partitions: that the
// catalog and the directories agree, and that nobody has gone further in a topic than the topic goes.

import { join } from "node:path";
import { CatalogMachine } from "../broker/catalog-machine.ts";
import {
  metadataTopicName,
  offsetsTopicName,
  shareStateTopicName,
  transactionsTopicName,
} from "../broker/topic-name.ts";
import type { StateMachine } from "../coordinator/state-machine.ts";
import { defaultGroupLimits } from "../group/group-context.ts";
import { GroupMachine } from "../group/group-machine.ts";
import { ShareMachine } from "../share/share-machine.ts";
import type { CheckpointEntry } from "../storage/checkpoint-file.ts";
import { partitionNameOf } from "../storage/partition-name.ts";
import { TransactionMachine } from "../transaction/transaction-machine.ts";
import type { PartitionReport } from "./partition-check.ts";
import type { Problem } from "./segment-check.ts";
import { replayFiles } from "./state-replay.ts";

/** What is known of a data directory by now. */
export interface StatesToCheck {
  readonly path: string;
  /** By directory name. */
  readonly reports: ReadonlyMap<string, PartitionReport>;
  readonly entries: ReadonlyMap<string, CheckpointEntry>;
  /** False while a server may be running, or was killed: then what does not agree may only be unfinished. */
  readonly isClean: boolean;
}

/** What was found. */
export interface StatesReport {
  readonly problems: readonly Problem[];
  readonly notes: readonly Problem[];
  /** Events replayed, by topic. */
  readonly events: Readonly<Record<string, number>>;
}

/** Replays every state there is. Throws what the file system throws. */
export async function checkStates(states: StatesToCheck): Promise<StatesReport> {
  const check = new StateCheck(states);
  const catalog = new CatalogMachine();
  const groups = new GroupMachine({
    topics: () => null,
    topicNames: () => [],
    limits: defaultGroupLimits,
  });
  const shares = new ShareMachine();
  if (await check.replay(metadataTopicName, catalog)) check.catalog(catalog);
  if (await check.replay(offsetsTopicName, groups)) check.groups(groups, catalog);
  await check.replay(transactionsTopicName, new TransactionMachine());
  if (await check.replay(shareStateTopicName, shares)) check.shares(shares, catalog);
  return check;
}

class StateCheck implements StatesReport {
  readonly #states: StatesToCheck;
  readonly problems: Problem[] = [];
  readonly notes: Problem[] = [];
  readonly events: Record<string, number> = {};

  constructor(states: StatesToCheck) {
    this.#states = states;
  }

  // False when there is no such state, or not all of it could be read.
  async replay<Event>(topic: string, machine: StateMachine<Event>): Promise<boolean> {
    const { path, reports, entries } = this.#states;
    const name = partitionNameOf({ topic, partition: 0 });
    if (!reports.has(name)) return false;
    const start = entries.get(name)?.logStartOffset ?? 0;
    const { events, unknown, problems } = await replayFiles(join(path, name), start, machine);
    this.events[topic] = events;
    this.problems.push(...problems);
    if (unknown > 0) {
      const detail = `has ${unknown} events of a newer version, which are skipped`;
      this.notes.push({ file: join(path, name), position: null, detail });
    }
    return problems.length === 0;
  }

  catalog(catalog: CatalogMachine): void {
    const known = new Set([partitionNameOf({ topic: metadataTopicName, partition: 0 })]);
    for (const [, { name: topic, partitionCount, state }] of catalog.entries()) {
      for (let partition = 0; partition < partitionCount; partition++) {
        const name = partitionNameOf({ topic, partition });
        known.add(name);
        if (state === "deleting" || this.#states.reports.has(name)) continue;
        this.#disagree(name, "is in the catalog of topics and not here");
      }
    }
    for (const [name, { records }] of this.#states.reports) {
      if (known.has(name)) continue;
      if (records > 0) this.#disagree(name, "belongs to no topic of the catalog");
      else this.#note(name, "is of a topic that was never made; the next start sets it aside");
    }
  }

  groups(groups: GroupMachine, catalog: CatalogMachine): void {
    for (const { name, offsets } of groups.groups()) {
      for (const { topic, partition, committed } of offsets.entries()) {
        if (catalog.topicOf(committed.topicId) === null) continue;
        const what = `group ${name} has committed offset ${committed.offset}`;
        this.#holdTo({ topic, partition }, committed.offset, what);
      }
    }
  }

  shares(shares: ShareMachine, catalog: CatalogMachine): void {
    for (const group of shares.groups()) {
      for (const { topic, partition, header } of group.partitions()) {
        if (catalog.topicOf(header.topicId) === null) continue;
        const what = `share group ${group.name} has settled up to offset ${header.frontier}`;
        this.#holdTo({ topic, partition }, header.frontier, what);
      }
    }
  }

  #holdTo(place: { topic: string; partition: number }, offset: number, what: string): void {
    const name = partitionNameOf(place);
    const report = this.#states.reports.get(name);
    if (report === undefined || offset <= report.nextOffset) return;
    this.#disagree(name, `${what}, but the log ends at ${report.nextOffset}`);
  }

  #disagree(name: string, detail: string): void {
    const found = { file: join(this.#states.path, name), position: null, detail };
    if (this.#states.isClean) this.problems.push(found);
    else this.#note(name, `${detail} (as far as can be told without a stop)`);
  }

  #note(name: string, detail: string): void {
    this.notes.push({ file: join(this.#states.path, name), position: null, detail });
  }
}

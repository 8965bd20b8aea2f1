// Decisions that end a delivery: ack, nack, reject, extend, and the lapse of a lease.

import type { ErrorName } from "../base/error.ts";
import type { Random } from "../base/random.ts";
import type { Decision } from "../coordinator/state-machine.ts";
import type {
  AcknowledgementBatch,
  AcknowledgeType,
  Backoff,
  Receipt,
  SettleAnswer,
} from "../services.ts";
import { PartitionChanges } from "./changes.ts";
import { givenUp, givenUpExpired, givingUpReasons } from "./giving-up.ts";
import { lengthOf, type OffsetRange, type RecordRun } from "./record-run.ts";
import type { ShareEvent } from "./share-events.ts";
import type { ShareGroup } from "./share-machine.ts";
import type { SharePartition } from "./share-partition.ts";

/** What decisions depend on beside the state. */
export interface SettleContext {
  readonly nowMs: number;
  readonly random: Random;
}

type Verdict =
  | { readonly kind: "ack" }
  | { readonly kind: "nack"; readonly delayMs: number | null; readonly reason: string }
  | { readonly kind: "reject"; readonly reason: string }
  | { readonly kind: "extend"; readonly leaseMs: number };

/** Settles what receivers answer; one result an answer, null when it holds. */
export function decideSettle(
  group: ShareGroup,
  answers: readonly SettleAnswer[],
  context: SettleContext,
): Decision<ShareEvent, readonly (ErrorName | null)[]> {
  const changes = new Map<number, PartitionChanges>();
  const done = new Set<string>();
  const results = answers.map((answer): ErrorName | null => {
    const { receipt } = answer;
    const { topic } = group.settings;
    const partition = topic === null ? null : group.find(topic, receipt.partition);
    const name = `${receipt.partition} ${receipt.offset}`;
    if (partition === null || done.has(name)) return "INVALID_RECORD_STATE";
    const run = leasedRun(partition, receipt, context.nowMs);
    if (run === null) return "INVALID_RECORD_STATE";
    done.add(name);
    const change = changes.get(receipt.partition) ?? new PartitionChanges(group.name, partition);
    changes.set(receipt.partition, change);
    const { offset } = receipt;
    apply(change, { ...run, first: offset, last: offset }, { verdict: answer, group, context });
    return null;
  });
  return { events: [...changes.values()].flatMap((change) => change.events()), reply: results };
}

/** Settles what one of Kafka's members acknowledges in one partition: all of it, or nothing (null). */
export function decideAcknowledge(
  group: ShareGroup,
  asked: {
    readonly partition: SharePartition;
    readonly owner: string;
    readonly batches: readonly AcknowledgementBatch[];
  },
  context: SettleContext,
): readonly ShareEvent[] | null {
  const { partition, owner, batches } = asked;
  const change = new PartitionChanges(group.name, partition);
  for (const range of typedRanges(batches)) {
    let at = range.first;
    for (const run of partition.within(range)) {
      const isHeld = run.fate.phase === "leased" && run.fate.owner === owner;
      if (!isHeld || run.fate.dueMs <= context.nowMs || run.first > at) return null;
      const part = { ...run, first: at, last: Math.min(run.last, range.last) };
      apply(change, part, { verdict: verdictOf(range.type, group), group, context });
      at = part.last + 1;
    }
    if (at <= range.last) return null;
  }
  return change.events();
}

/** Makes everything a member holds available again, as far as it may be delivered again. */
export function decideRelease(
  group: ShareGroup,
  owner: string,
  context: SettleContext,
): Decision<ShareEvent, void> {
  const verdict = { kind: "nack", delayMs: 0, reason: "" } as const;
  const events = [...group.partitions()].flatMap((partition) => {
    const change = new PartitionChanges(group.name, partition);
    for (const run of partition.heldBy(owner)) apply(change, run, { verdict, group, context });
    return change.events();
  });
  return { events, reply: undefined };
}

/** What time has done: leases that lapsed, records that expired. At most so many runs of one partition at once. */
export function decideSweep(
  group: ShareGroup,
  partition: SharePartition,
  runsMax: number,
): Decision<ShareEvent, void> {
  const change = new PartitionChanges(group.name, partition);
  let runs = 0;
  for (const run of partition.lapsed) {
    if (runs++ >= runsMax) break;
    change.count("lapsed", lengthOf(run));
    again(change, run, { group, dueMs: 0, reason: givingUpReasons.lapsed });
  }
  for (const run of partition.expired) {
    if (runs++ >= runsMax) break;
    givenUpExpired(change, run, group);
  }
  return { events: change.events(), reply: undefined };
}

/** The wait before the next delivery of a record that was delivered so often. */
export function backoffMs(backoff: Backoff, deliveries: number, random: Random): number {
  const { type, baseMs, maxMs, jitter } = backoff;
  const doubled = type === "fixed" ? baseMs : baseMs * 2 ** Math.min(deliveries - 1, 52);
  const waitMs = Math.min(doubled, maxMs);
  const jitterMs = Math.min(Math.floor(waitMs * jitter), 2 ** 31 - 2);
  return Math.round(waitMs) - (jitterMs > 0 ? random.below(jitterMs + 1) : 0);
}

function leasedRun(partition: SharePartition, receipt: Receipt, nowMs: number): RecordRun | null {
  const run = partition.find(receipt.offset);
  if (run === null || run.fate.phase !== "leased" || run.fate.dueMs <= nowMs) return null;
  const isSame =
    receipt.epoch === partition.header.epoch && receipt.deliveries === run.fate.deliveries;
  return isSame ? run : null;
}

function apply(
  change: PartitionChanges,
  run: RecordRun,
  how: { readonly verdict: Verdict; readonly group: ShareGroup; readonly context: SettleContext },
): void {
  const { verdict, group, context } = how;
  const { nowMs, random } = context;
  switch (verdict.kind) {
    case "ack":
      change.count("acked", lengthOf(run));
      change.assign(run, null);
      return;
    case "extend":
      change.assign(run, { ...run.fate, dueMs: nowMs + verdict.leaseMs });
      return;
    case "reject":
      change.count("nacked", lengthOf(run));
      givenUp(change, run, { group, reason: verdict.reason === "" ? "rejected" : verdict.reason });
      return;
    case "nack": {
      const { deliveries } = run.fate;
      const waitMs = verdict.delayMs ?? backoffMs(group.settings.backoff, deliveries, random);
      change.count("nacked", lengthOf(run));
      const dueMs = waitMs > 0 ? nowMs + waitMs : 0;
      again(change, run, { group, dueMs, reason: verdict.reason });
    }
  }
}

// Once more, unless it was the last time.
function again(
  change: PartitionChanges,
  run: RecordRun,
  how: { readonly group: ShareGroup; readonly dueMs: number; readonly reason: string },
): void {
  const { group, dueMs, reason } = how;
  if (run.fate.deliveries >= group.settings.maxDeliveries) {
    givenUp(change, run, { group, reason: reason === "" ? "not acknowledged" : reason });
    return;
  }
  change.assign(run, { ...run.fate, phase: "waiting", dueMs, owner: "", reason });
}

function verdictOf(type: AcknowledgeType, group: ShareGroup): Verdict {
  switch (type) {
    case "accept":
    // There is no such record, so there is nothing to give up.
    case "gap":
      return { kind: "ack" };
    case "release":
      return { kind: "nack", delayMs: null, reason: "" };
    case "reject":
      return { kind: "reject", reason: "" };
    case "renew":
      return { kind: "extend", leaseMs: group.settings.leaseMs };
  }
}

// Ranges with one type each, in order.
function typedRanges(
  batches: readonly AcknowledgementBatch[],
): readonly (OffsetRange & { readonly type: AcknowledgeType })[] {
  const ranges: { first: number; last: number; type: AcknowledgeType }[] = [];
  for (const { firstOffset, lastOffset, types } of batches) {
    const [only] = types;
    if (types.length === 1 && only !== undefined) {
      ranges.push({ first: firstOffset, last: lastOffset, type: only });
      continue;
    }
    for (const [index, type] of types.entries()) {
      const before = ranges.at(-1);
      const offset = firstOffset + index;
      if (before?.type === type && before.last + 1 === offset) before.last = offset;
      else ranges.push({ first: offset, last: offset, type });
    }
  }
  return ranges;
}

// Decisions that hand records out: which of the records that can be delivered are leased, to whom and for how long.

import type { Decision } from "../coordinator/state-machine.ts";
import { PartitionChanges } from "./changes.ts";
import { givenUpExpired } from "./giving-up.ts";
import { lengthOf, type OffsetRange, type RecordRun } from "./record-run.ts";
import type { ShareEvent } from "./share-events.ts";
import type { ShareGroup } from "./share-machine.ts";
import type { SharePartition } from "./share-partition.ts";

/** Records that somebody wants: a run as it was found ready, and the part of it. */
export interface Wish extends OffsetRange {
  readonly partition: SharePartition;
  readonly run: RecordRun;
}

/** How records are leased. */
export interface LeaseTerms {
  readonly leaseMs: number;
  /** Kafka's member; empty for a receiver that has only its receipt. */
  readonly owner: string;
}

/** Leased records with one delivery count. */
export interface Lease extends OffsetRange {
  readonly topic: string;
  readonly partition: number;
  readonly deliveries: number;
  readonly epoch: number;
}

/** Leases what is still as it was found; what has expired goes instead. */
export function decideLease(
  group: ShareGroup,
  wishes: readonly Wish[],
  { leaseMs, owner, nowMs }: LeaseTerms & { readonly nowMs: number },
): Decision<ShareEvent, readonly Lease[]> {
  const leases: Lease[] = [];
  const changes = new Map<SharePartition, PartitionChanges>();
  for (const { partition, run, first, last } of wishes) {
    if (group.find(partition.topic, partition.partition) !== partition) continue;
    if (partition.find(run.first) !== run) continue;
    const change = changes.get(partition) ?? new PartitionChanges(group.name, partition);
    changes.set(partition, change);
    const { fate } = run;
    const records = lengthOf({ first, last });
    if (fate.expiresAtMs <= nowMs) {
      givenUpExpired(change, { first, last, fate }, group);
      continue;
    }
    const deliveries = fate.deliveries + 1;
    change.assign(
      { first, last },
      { ...fate, phase: "leased", deliveries, dueMs: nowMs + leaseMs, owner },
    );
    change.count("delivered", records);
    const { topic, partition: number, header } = partition;
    leases.push({ topic, partition: number, first, last, deliveries, epoch: header.epoch });
  }
  return { events: [...changes.values()].flatMap((change) => change.events()), reply: leases };
}

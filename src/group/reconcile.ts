// Brings one member from what it has to what it should have, so that a partition never has two owners.
//
//   has ∩ should     stays
//   has − should     is revoked: first the member is told, and it is gone once a heartbeat no longer reports it owned
//   should − has     is given as far as nobody else has it or is still giving it up; the rest later
//
// While a member gives up partitions its epoch stands still, so that it can commit what it has read; then it takes the
// epoch of the target.
//
// See KIP-848, "Reconciliation".

import {
  type Assignment,
  difference,
  emptyAssignment,
  filter,
  intersection,
  isEqual,
  union,
} from "./assignment.ts";

/** How far a member has come. */
export interface Progress {
  readonly memberEpoch: number;
  /** What it may read. */
  readonly assigned: Assignment;
  /** What it was told to give up and may still be reading. */
  readonly revoking: Assignment;
}

/** Where a member should come to, and what is known of it. */
export interface Goal {
  readonly target: Assignment;
  /** The group epoch the target was computed for. */
  readonly targetEpoch: number;
  /** What the member says it owns; null when it says nothing. */
  readonly owned: Assignment | null;
  /** True when nobody but this member has the partition or is still giving it up. */
  readonly isFree: (topic: string, partition: number) => boolean;
}

/** The next step of a member; the same objects where nothing changes. */
export function reconcile(progress: Progress, goal: Goal): Progress {
  const { assigned, revoking, memberEpoch } = progress;
  if (mayStillOwn(revoking, goal.owned)) return progress;
  const kept = intersection(assigned, goal.target);
  const excess = difference(assigned, goal.target);
  if (mayStillOwn(excess, goal.owned)) return { memberEpoch, assigned: kept, revoking: excess };
  const added = filter(difference(goal.target, kept), goal.isFree);
  const next = union(kept, added);
  const isDone = revoking.size === 0 && memberEpoch === goal.targetEpoch && isEqual(next, assigned);
  if (isDone) return progress;
  return {
    memberEpoch: goal.targetEpoch,
    assigned: isEqual(next, assigned) ? assigned : next,
    revoking: emptyAssignment,
  };
}

/** True when the partitions are not empty and the member has not said that it owns none of them. */
function mayStillOwn(partitions: Assignment, owned: Assignment | null): boolean {
  if (partitions.size === 0) return false;
  return owned === null || intersection(partitions, owned).size > 0;
}

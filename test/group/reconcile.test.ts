import { describe, expect, test } from "vitest";
import { type Assignment, assignmentOf, emptyAssignment } from "../../src/group/assignment.ts";
import { type Goal, type Progress, reconcile } from "../../src/group/reconcile.ts";

function t(...partitions: number[]): Assignment {
  return assignmentOf([{ topic: "t", partitions }]);
}

function at(memberEpoch: number, fields: Partial<Progress> = {}): Progress {
  return { memberEpoch, assigned: emptyAssignment, revoking: emptyAssignment, ...fields };
}

function goal(target: Assignment, fields: Partial<Goal> = {}): Goal {
  return { target, targetEpoch: 2, owned: null, isFree: () => true, ...fields };
}

describe("reconcile", () => {
  test("nothing to do: the same object", () => {
    const progress = at(2, { assigned: t(0, 1) });
    expect(reconcile(progress, goal(t(0, 1)))).toBe(progress);
  });

  test("only the epoch is behind: takes it, keeps the assignment", () => {
    const progress = at(1, { assigned: t(0) });
    const next = reconcile(progress, goal(t(0)));
    expect(next).toEqual(at(2, { assigned: t(0) }));
    expect(next.assigned).toBe(progress.assigned);
  });

  test("too much: told to give up, epoch stands still, nothing is added meanwhile", () => {
    const next = reconcile(at(1, { assigned: t(0, 1) }), goal(t(1, 2)));
    expect(next).toEqual(at(1, { assigned: t(1), revoking: t(0) }));
  });

  test("too much, but the member says that it has none of it: given up at once", () => {
    const next = reconcile(at(1, { assigned: t(0, 1) }), goal(t(1), { owned: t(1) }));
    expect(next).toEqual(at(2, { assigned: t(1) }));
  });

  test("giving up: waits while the member says nothing or still has one of them", () => {
    const progress = at(1, { assigned: t(2), revoking: t(0, 1) });
    expect(reconcile(progress, goal(t(2, 3)))).toBe(progress);
    expect(reconcile(progress, goal(t(2, 3), { owned: t(1, 2) }))).toBe(progress);
  });

  test("given up: takes the epoch and what is free", () => {
    const progress = at(1, { assigned: t(2), revoking: t(0, 1) });
    const next = reconcile(progress, goal(t(2, 3), { owned: t(2) }));
    expect(next).toEqual(at(2, { assigned: t(2, 3) }));
  });

  test("given up, but there is more to give up by now: tells that first", () => {
    const progress = at(1, { assigned: t(2, 3), revoking: t(0) });
    const next = reconcile(progress, goal(t(3), { owned: t(2, 3) }));
    expect(next).toEqual(at(1, { assigned: t(3), revoking: t(2) }));
  });

  test("not free yet: takes the epoch without it; later, when it is free, takes it", () => {
    const isFree = (_: string, partition: number): boolean => partition !== 1;
    const first = reconcile(at(1), goal(t(0, 1), { isFree }));
    expect(first).toEqual(at(2, { assigned: t(0) }));
    expect(reconcile(first, goal(t(0, 1), { isFree }))).toBe(first);
    expect(reconcile(first, goal(t(0, 1)))).toEqual(at(2, { assigned: t(0, 1) }));
  });
});

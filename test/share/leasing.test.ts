import { describe, expect, test } from "vitest";
import { decideLease, type Lease, type Wish } from "../../src/share/leasing.ts";
import { fateOf, ShareState } from "../support/share-states.ts";

function wishOf(state: ShareState, first: number, last = first): Wish {
  const run = state.partition.find(first);
  if (run === null) throw new Error("there is no run");
  return { partition: state.partition, run, first, last };
}

function lease(state: ShareState, wishes: readonly Wish[], owner = ""): readonly Lease[] {
  const { group } = state;
  return state.run((nowMs) => decideLease(group, wishes, { leaseMs: 500, owner, nowMs }));
}

describe("leasing", () => {
  test("a wish: is leased to its owner for the time, and counted", () => {
    const state = new ShareState();
    state.found(0, 4);
    const leases = lease(state, [wishOf(state, 1), wishOf(state, 2)], "m");
    const common = { topic: "t", partition: 0, deliveries: 1, epoch: 1 };
    expect(leases).toEqual([
      { ...common, first: 1, last: 1 },
      { ...common, first: 2, last: 2 },
    ]);
    expect(state.partition.find(1)?.fate).toMatchObject({
      phase: "leased",
      deliveries: 1,
      owner: "m",
      dueMs: state.nowMs + 500,
    });
    expect(state.partition.counts).toMatchObject({ waiting: 2, leased: 2 });
    expect(state.partition.header).toMatchObject({ frontier: 3, counts: { delivered: 2 } });
  });

  test("part of a run: the rest waits on; delivered again, it is one more delivery", () => {
    const state = new ShareState();
    state.partition.assign({ first: 0, last: 9 }, fateOf({ deliveries: 2 }));
    expect(lease(state, [wishOf(state, 0, 3)])).toMatchObject([{ last: 3, deliveries: 3 }]);
    expect(state.partition.find(4)?.fate).toMatchObject({ phase: "waiting", deliveries: 2 });
  });

  test("what is not as it was found any more: is left out", () => {
    const state = new ShareState();
    state.found(0, 3);
    const wishes = [wishOf(state, 0), wishOf(state, 1)];
    state.partition.assign({ first: 0, last: 0 }, null);
    expect(lease(state, wishes)).toMatchObject([{ first: 1 }]);
    const old = [wishOf(state, 2)];
    state.begin("t", 0, 0);
    expect(lease(state, old)).toEqual([]);
  });

  test("what has expired: is given up instead", () => {
    const state = new ShareState();
    state.found(0, 1, { expiresAtMs: state.nowMs });
    state.found(1, 1, { expiresAtMs: state.nowMs + 1 });
    expect(lease(state, [wishOf(state, 0), wishOf(state, 1)])).toMatchObject([{ first: 1 }]);
    expect(state.partition.find(0)).toBeNull();
    expect(state.partition.header.counts).toMatchObject({ delivered: 1, expired: 1 });
  });
});

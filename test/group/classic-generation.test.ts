import { describe, expect, test } from "vitest";
import { LogError } from "../../src/base/error.ts";
import {
  assigned,
  joinResult,
  memberOf,
  nextGeneration,
  syncResult,
} from "../../src/group/classic-generation.ts";
import { ClassicGroup, type ClassicMember, newGeneration } from "../../src/group/classic-group.ts";
import { joinOf, protocol } from "../support/classic-world.ts";

const again = new LogError("REBALANCE_IN_PROGRESS", "again");

function groupOf(members: readonly ClassicMember[], leaderId: string | null): ClassicGroup {
  const group = new ClassicGroup({ ...newGeneration, generationId: 4 });
  const byId = new Map(members.map((member) => [member.memberId, member]));
  group.rebalance = { members: byId, protocolType: "consumer", leaderId, initial: null };
  return group;
}

const a = memberOf(joinOf({ protocols: [protocol("x"), protocol("y", ["a"])] }), "a", null);
const b = memberOf(joinOf({ groupInstanceId: "i", protocols: [protocol("y", ["b"])] }), "b", null);

describe("classic generation", () => {
  test("a member: one timeout serves for both, and what a join does not say is kept", () => {
    const old = memberOf(joinOf({ sessionTimeoutMs: 7_000, rebalanceTimeoutMs: -1 }), "a", null);
    expect(old.rebalanceTimeoutMs).toBe(7_000);
    const assignment = Buffer.from("work");
    const known = memberOf(joinOf(), "b", { ...b, assignment });
    expect(known).toMatchObject({ instanceId: "i", assignment, memberId: "b" });
  });

  test.each([
    ["a", ["a", "b"], "a"],
    ["b", ["a", "b"], "b"],
    ["a", ["b"], "b"],
    [null, ["b", "a"], "a"],
    ["gone", ["b"], "b"],
  ])("led by %s before, joined by %j: led by %s", (before, joined, leaderId) => {
    const group = groupOf([a, b], before);
    for (const memberId of joined) group.joins.park(memberId, again);
    const next = nextGeneration(group, 77);
    expect(next).toMatchObject({ generationId: 5, protocolName: "y", isAssigned: false, leaderId });
    expect([...next.members.keys()]).toEqual(["a", "b"]);
    expect(next.emptySinceMs).toBe(null);
  });

  test("without members: empty since now", () => {
    expect(nextGeneration(groupOf([], "a"), 77)).toMatchObject({
      generationId: 5,
      protocolType: "consumer",
      protocolName: "",
      leaderId: null,
      emptySinceMs: 77,
    });
  });

  test("answers: the leader is told everybody, members what they were given", () => {
    const group = groupOf([{ ...a, assignment: Buffer.from("old") }, b], "b");
    for (const memberId of ["a", "b"]) group.joins.park(memberId, again);
    const next = nextGeneration(group, 0);
    expect(syncResult(next, "a").assignment.length).toBe(0);
    expect(joinResult(next, "a").members).toEqual([]);
    expect(joinResult(next, "b")).toEqual({
      memberId: "b",
      generationId: 5,
      protocolType: "consumer",
      protocolName: "y",
      leader: "b",
      skipAssignment: false,
      members: [
        { memberId: "a", groupInstanceId: null, metadata: a.protocols[1]?.metadata },
        { memberId: "b", groupInstanceId: "i", metadata: b.protocols[0]?.metadata },
      ],
    });
    const work = Buffer.from("work");
    const stable = assigned(
      next,
      new Map([
        ["a", work],
        ["x", work],
      ]),
    );
    expect(stable.isAssigned).toBe(true);
    expect(syncResult(stable, "a")).toEqual({
      protocolType: "consumer",
      protocolName: "y",
      assignment: work,
    });
    expect(syncResult(stable, "b").assignment.length).toBe(0);
    expect(stable.members.has("x")).toBe(false);
  });
});

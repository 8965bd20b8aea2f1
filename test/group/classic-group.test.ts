import { describe, expect, test } from "vitest";
import { ClassicGroup, newGeneration, rebuilt } from "../../src/group/classic-group.ts";
import { memberOf } from "../../src/group/classic-generation.ts";
import { joinOf, protocol } from "../support/classic-world.ts";
import { codeOf } from "../support/group-world.ts";

const member = memberOf(
  joinOf({ groupInstanceId: "i", protocols: [protocol("range", ["u", "t"])] }),
  "a",
  null,
);
const generation = {
  ...newGeneration,
  generationId: 1,
  protocolType: "consumer",
  protocolName: "range",
  leaderId: "a",
  members: new Map([["a", member]]),
};
const rebalance = { members: new Map(), protocolType: "connect", leaderId: null, initial: null };

describe("classic group", () => {
  test("states: of the generation, and of the rebalance before it", () => {
    const group = new ClassicGroup(newGeneration);
    expect([group.state, group.stateName, group.isVacant]).toEqual(["Empty", "EMPTY", true]);
    group.putGeneration(generation);
    expect([group.state, group.stateName]).toEqual(["CompletingRebalance", "COMPLETING_REBALANCE"]);
    group.putGeneration({ ...generation, isAssigned: true });
    expect([group.state, group.stateName, group.isVacant]).toEqual(["Stable", "STABLE", false]);
    group.rebalance = rebalance;
    expect([group.state, group.stateName]).toEqual(["PreparingRebalance", "PREPARING_REBALANCE"]);
    expect([group.members.size, group.protocolType, group.isVacant]).toEqual([0, "connect", false]);
    group.putGeneration(generation);
    expect([group.members.size, group.protocolType]).toEqual([1, "consumer"]);
  });

  test("somebody is on the way: not vacant", () => {
    const group = new ClassicGroup(newGeneration);
    group.pendingIds.add("a");
    expect(group.isVacant).toBe(false);
  });

  test("instances and timeouts of the members", () => {
    const group = new ClassicGroup(generation);
    expect([group.memberIdOf("i"), group.memberIdOf("j")]).toEqual(["a", null]);
    expect(group.rebalanceTimeoutMs()).toBe(30_000);
    expect(new ClassicGroup(newGeneration).rebalanceTimeoutMs()).toBe(0);
  });

  test("topics: of consumers whose metadata can be read; known only at rest", () => {
    const stable = { ...generation, isAssigned: true };
    const group = new ClassicGroup(stable);
    expect([...group.subscribedTopics()]).toEqual(["t", "u"]);
    expect(group.hasKnownTopics()).toBe(true);
    expect(new ClassicGroup(generation).hasKnownTopics()).toBe(false);
    expect(new ClassicGroup(newGeneration).hasKnownTopics()).toBe(true);
    const connect = new ClassicGroup({ ...stable, protocolType: "connect" });
    expect([connect.subscribedTopics().size, connect.hasKnownTopics()]).toEqual([0, false]);
    const odd = { ...member, protocols: [{ name: "range", metadata: Buffer.from("?") }] };
    const unreadable = new ClassicGroup({ ...stable, members: new Map([["a", odd]]) });
    expect([unreadable.subscribedTopics().size, unreadable.hasKnownTopics()]).toEqual([0, false]);
  });

  test("released: parked calls are refused, what was in memory is gone", async () => {
    const group = new ClassicGroup(generation);
    group.rebalance = rebalance;
    const join = group.joins.park("a", rebuilt("g"));
    const sync = group.syncs.park("a", rebuilt("g"));
    group.pendingIds.add("b");
    group.unsyncedIds.add("a");
    group.release(rebuilt("g"));
    const codes = [await codeOf(join.answer), await codeOf(sync.answer)];
    expect(codes).toEqual(["COORDINATOR_LOAD_IN_PROGRESS", "COORDINATOR_LOAD_IN_PROGRESS"]);
    expect([group.state, group.pendingIds.size, group.unsyncedIds.size]).toEqual([
      "CompletingRebalance",
      0,
      0,
    ]);
  });
});

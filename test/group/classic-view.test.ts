import { describe, expect, test } from "vitest";
import { memberOf } from "../../src/group/classic-generation.ts";
import { newGeneration } from "../../src/group/classic-group.ts";
import { classicMembers, describeClassic, isSimple } from "../../src/group/classic-view.ts";
import { Group, newGroupHeader } from "../../src/group/group.ts";
import { LogError } from "../../src/base/error.ts";
import { assignmentOf, joinOf, protocol } from "../support/classic-world.ts";

function groupOf(fields: object = {}): Group {
  const joined = memberOf(joinOf({ protocols: [protocol("range", ["u", "t"])] }), "a", null);
  const member = { ...joined, assignment: assignmentOf("t", [2, 1]) };
  const group = new Group("g");
  group.putGeneration({
    ...newGeneration,
    generationId: 3,
    protocolType: "consumer",
    protocolName: "range",
    leaderId: "a",
    members: new Map([["a", member]]),
    isAssigned: true,
    ...fields,
  });
  return group;
}

describe("classic view", () => {
  test("DescribeGroups: protocol and bytes only at rest", () => {
    const stable = describeClassic("g", groupOf());
    expect(stable).toMatchObject({
      state: "Stable",
      protocolType: "consumer",
      protocolName: "range",
    });
    expect(stable.members[0]?.metadata).toEqual(protocol("range", ["u", "t"]).metadata);
    expect(stable.members[0]?.assignment).toEqual(assignmentOf("t", [2, 1]));
    const moving = describeClassic("g", groupOf({ isAssigned: false }));
    expect(moving).toMatchObject({ state: "CompletingRebalance", protocolName: "" });
    expect(moving.members[0]?.metadata.length).toBe(0);
    expect(moving.members[0]?.assignment.length).toBe(0);
  });

  test("DescribeGroups: of groups with offsets only, but not of the new protocol", () => {
    const group = new Group("g");
    expect(isSimple(group)).toBe(true);
    expect(describeClassic("g", group)).toEqual({
      group: "g",
      state: "Empty",
      protocolType: "",
      protocolName: "",
      members: [],
    });
    group.header = { ...newGroupHeader, epoch: 1 };
    for (const other of [group, null]) {
      expect(() => describeClassic("g", other)).toThrow(LogError);
    }
    expect(isSimple(groupOf())).toBe(false);
  });

  test("beside groups of the new protocol: topics and partitions as far as they can be read", () => {
    const { classic } = groupOf();
    if (classic === null) throw new Error("a classic group");
    const [member] = classicMembers(classic, () => 5);
    expect(member).toMatchObject({
      memberEpoch: 3,
      subscribedTopics: ["t", "u"],
      assignment: [{ topic: "t", partitions: [2, 1] }],
      targetAssignment: [{ topic: "t", partitions: [2, 1] }],
      lastSeenMs: 5,
    });
    const connect = groupOf({ protocolType: "connect" }).classic;
    if (connect === null) throw new Error("a classic group");
    expect(classicMembers(connect, () => 5)[0]).toMatchObject({
      subscribedTopics: [],
      assignment: [],
    });
  });
});

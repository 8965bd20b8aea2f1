import { describe, expect, test } from "vitest";
import { AssertionFailure } from "../../src/base/assert.ts";
import { type Assignment, assignmentOf, emptyAssignment } from "../../src/group/assignment.ts";
import { checkEpoch, checkName, Group, type Member, topicsOf } from "../../src/group/group.ts";
import { LogError } from "../../src/base/error.ts";
import { TopicPatterns } from "../../src/group/topic-patterns.ts";

function t(...partitions: number[]): Assignment {
  return assignmentOf([{ topic: "t", partitions }]);
}

function member(memberId: string, fields: Partial<Member> = {}): Member {
  return {
    memberId,
    instanceId: null,
    memberEpoch: 1,
    previousEpoch: 0,
    clientId: "",
    clientHost: "",
    subscribedTopics: ["t"],
    subscribedTopicRegex: null,
    assignor: null,
    sessionTimeoutMs: 1000,
    rebalanceTimeoutMs: 1000,
    assigned: emptyAssignment,
    revoking: emptyAssignment,
    ...fields,
  };
}

function groupAt(epoch: number): Group {
  const group = new Group("g");
  group.header = { ...group.header, epoch, assignmentEpoch: epoch };
  return group;
}

const patterns = new TopicPatterns(() => ["t", "u1", "u2"]);

describe("group: topics", () => {
  test("by name and by what they match, none twice", () => {
    const group = groupAt(1);
    const both = { subscribedTopics: ["t", "u2"], subscribedTopicRegex: "u.*" };
    expect(topicsOf(member("a", both), patterns)).toEqual(["t", "u1", "u2"]);
    expect(topicsOf(member("a"), patterns)).toEqual(["t"]);
    group.putMember(member("a", both));
    group.putMember(member("b", { subscribedTopics: ["x"] }));
    expect([...group.subscribedTopics(patterns)].sort()).toEqual(["t", "u1", "u2", "x"]);
    const wanted = ["t", "u9", "x", "y"].filter((topic) => group.wants(topic, patterns));
    expect(wanted).toEqual(["t", "u9", "x"]);
  });
});

describe("group: owners", () => {
  test("a member has what it is assigned and what it is giving up, until neither names it", () => {
    const group = groupAt(1);
    group.putMember(member("a", { assigned: t(0), revoking: t(1) }));
    expect([0, 1, 2].map((partition) => group.ownerOf("t", partition))).toEqual(["a", "a", null]);
    expect(group.isFreeFor("b", "t", 1)).toBe(false);
    expect(group.isFreeFor("a", "t", 1)).toBe(true);
    group.putMember(member("a", { assigned: t(0) }));
    expect(group.isFreeFor("b", "t", 1)).toBe(true);
    group.removeMember("a");
    expect(group.ownerOf("t", 0)).toBe(null);
  });

  test("two owners: cannot be, and stops the program", () => {
    const group = groupAt(1);
    group.putMember(member("a", { revoking: t(0) }));
    expect(() => group.putMember(member("b", { assigned: t(0) }))).toThrow(AssertionFailure);
  });
});

describe("group: state", () => {
  test("from empty over reconciling to stable", () => {
    const group = groupAt(2);
    expect(group.state).toBe("EMPTY");
    group.putTarget("a", t(0));
    group.putMember(member("a", { memberEpoch: 1, assigned: t(0) }));
    expect(group.state).toBe("RECONCILING");
    group.putMember(member("a", { memberEpoch: 2 }));
    expect(group.state).toBe("RECONCILING");
    group.putMember(member("a", { memberEpoch: 2, assigned: t(0), revoking: t(1) }));
    expect(group.state).toBe("RECONCILING");
    group.putMember(member("a", { memberEpoch: 2, assigned: t(0) }));
    expect(group.state).toBe("STABLE");
    group.header = { ...group.header, epoch: 3 };
    expect(group.state).toBe("ASSIGNING");
  });
});

describe("group: news for a member", () => {
  test("something to give up; not again once it was told", () => {
    const group = groupAt(2);
    group.putMember(member("a", { assigned: t(0, 1) }));
    group.putTarget("a", t(0));
    expect(group.hasNewsFor("a")).toBe(true);
    group.putMember(member("a", { assigned: t(0), revoking: t(1) }));
    expect(group.hasNewsFor("a")).toBe(false);
  });

  test("something to take, as soon as it is free", () => {
    const group = groupAt(2);
    group.putMember(member("a", { revoking: t(0) }));
    group.putMember(member("b"));
    group.putTarget("b", t(0));
    expect(group.hasNewsFor("b")).toBe(false);
    group.putMember(member("a"));
    expect(group.hasNewsFor("b")).toBe(true);
  });

  test("only the epoch has changed: none; the member is gone: that is news", () => {
    const group = groupAt(9);
    group.putMember(member("a", { assigned: t(0) }));
    group.putTarget("a", t(0));
    expect(group.hasNewsFor("a")).toBe(false);
    expect(group.hasNewsFor("b")).toBe(true);
  });
});

test("names: 1 to 255 characters that can be printed, counted as people count", () => {
  for (const name of ["a", "Übergröße 1", "😀".repeat(255), " "]) checkName("group", name);
  for (const name of ["", "a".repeat(256), "a\tb", "\u007f", "\u2028", "\udc00"]) {
    expect(() => checkName("member", name)).toThrow(LogError);
  }
});

test("epochs: the present one, 0, and the one before with nothing foreign in hand", () => {
  const known = member("a", { memberEpoch: 5, previousEpoch: 3, assigned: t(0, 1) });
  for (const epoch of [5, 0]) checkEpoch(known, epoch, null);
  checkEpoch(known, 3, t(1));
  for (const [epoch, owned] of [
    [3, null],
    [3, t(2)],
    [4, t(1)],
    [6, t(1)],
  ] as const) {
    expect(() => checkEpoch(known, epoch, owned), `${epoch}`).toThrow(LogError);
  }
});

import { beforeEach, describe, expect, test } from "vitest";
import { defaultGroupLimits, type GroupContext } from "../../src/group/group-context.ts";
import { Group, type Member } from "../../src/group/group.ts";
import { newMember } from "../../src/group/member-terms.ts";
import { haveTopicsChanged, planEvents, planTargets } from "../../src/group/target-plan.ts";
import { TopicPatterns } from "../../src/group/topic-patterns.ts";
import { beat, TopicTable } from "../support/group-world.ts";

let topics: TopicTable;
let context: GroupContext;
let group: Group;

beforeEach(() => {
  topics = new TopicTable();
  topics.set("a1", 2);
  topics.set("b1", 1);
  const patterns = new TopicPatterns(topics.names);
  context = { topics: topics.lookup, patterns, limits: defaultGroupLimits, nowMs: 7 };
  group = new Group("g");
});

function memberOf(memberId: string, subscribedTopicRegex: string): Member {
  return newMember(group, beat({ memberId, subscribedTopicRegex }), context);
}

function sizes(plan: ReturnType<typeof planTargets>): readonly (readonly [string, string])[] {
  return [...plan.targets].map(([memberId, target]) => [memberId, [...target.keys()].join()]);
}

function apply(plan: ReturnType<typeof planTargets>): void {
  group.header = plan.header;
  for (const [memberId, target] of plan.targets) group.putTarget(memberId, target);
}

describe("target plan", () => {
  test("members have of the topics that match", () => {
    const members = new Map([
      ["x", memberOf("x", "a.*")],
      ["y", memberOf("y", "b.*")],
    ]);
    const plan = planTargets(group, members, context);
    expect(sizes(plan)).toEqual([
      ["x", "a1"],
      ["y", "b1"],
    ]);
    expect(plan.header).toMatchObject({ epoch: 1, assignmentEpoch: 1, emptySinceMs: null });
    expect(planEvents(group, plan).map(({ kind }) => kind)).toEqual(["group", "target", "target"]);
    apply(plan);
    const again = planTargets(group, members, context);
    expect(planEvents(group, again).map(({ kind }) => kind)).toEqual(["group"]);
  });

  test("topics that match come, grow and go: the target is out of date; others do not matter", () => {
    const x = memberOf("x", "a.*");
    group.putMember(x);
    const changed = (): boolean => {
      for (const name of ["a1", "a2", "b2"]) context.patterns.topicChanged(name);
      const isChanged = haveTopicsChanged(group, context);
      apply(planTargets(group, group.members, context));
      return isChanged;
    };
    expect([changed(), changed()]).toEqual([true, false]);
    topics.set("b2", 1);
    expect(changed()).toBe(false);
    topics.set("a2", 1);
    expect(changed()).toBe(true);
    topics.set("a2", 2);
    expect(changed()).toBe(true);
    topics.topics.delete("a2");
    expect([changed(), changed()]).toEqual([true, false]);
    topics.topics.delete("a1");
    topics.set("a1", 2);
    expect(changed(), "made anew").toBe(true);
  });

  test("nobody left: an epoch without targets, and since when", () => {
    const plan = planTargets(group, new Map(), context);
    expect([...plan.targets]).toEqual([]);
    expect(plan.header.emptySinceMs).toBe(7);
  });
});

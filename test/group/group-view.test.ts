import { expect, test } from "vitest";
import { emptyAssignment } from "../../src/group/assignment.ts";
import { Group, type Member } from "../../src/group/group.ts";
import { groupDescription, groupListing } from "../../src/group/group-view.ts";
import { TopicPatterns } from "../../src/group/topic-patterns.ts";

const patterns = new TopicPatterns(() => ["a1", "a2"]);

const member: Member = {
  memberId: "m",
  instanceId: "i",
  memberEpoch: 3,
  previousEpoch: 2,
  clientId: "c",
  clientHost: "/h",
  subscribedTopics: ["t"],
  subscribedTopicRegex: "a.*",
  assignor: "range",
  sessionTimeoutMs: 1,
  rebalanceTimeoutMs: 1,
  assigned: emptyAssignment,
  revoking: emptyAssignment,
};

test("group view: a member with its instance and regular expression, the assignor in use", () => {
  const group = new Group("g");
  group.header = { ...group.header, epoch: 4, assignmentEpoch: 3 };
  group.putMember(member);
  const lastSeen = (name: string, memberId: string): number => name.length + memberId.length;
  const described = groupDescription(group, { patterns, lastSeen });
  expect(described).toMatchObject({
    kind: "consumer",
    state: "ASSIGNING",
    groupEpoch: 4,
    assignmentEpoch: 3,
    assignor: "range",
    topics: ["a1", "a2", "t"],
  });
  expect(described.members).toEqual([
    {
      memberId: "m",
      instanceId: "i",
      memberEpoch: 3,
      clientId: "c",
      clientHost: "/h",
      subscribedTopics: ["t"],
      subscribedTopicRegex: "a.*",
      assignment: [],
      targetAssignment: [],
      lastSeenMs: 2,
    },
  ]);
});

test("group view: without members there is no assignor; with offsets only it is a simple group", () => {
  const group = new Group("g");
  const fields = { offset: 1, metadata: "", committedAtMs: 1, topicId: "id", leaderEpoch: -1 };
  group.offsets.put("t", 0, fields);
  expect(groupListing(group, patterns)).toEqual({
    group: "g",
    kind: "classic",
    protocolType: "",
    state: "EMPTY",
    memberCount: 0,
    topics: ["t"],
  });
  expect(groupDescription(group, { patterns, lastSeen: () => 0 }).assignor).toBe("");
});

import { beforeEach, describe, expect, test } from "vitest";
import { LogError } from "../../src/base/error.ts";
import { defaultGroupLimits, type GroupContext } from "../../src/group/group-context.ts";
import { Group, type Member } from "../../src/group/group.ts";
import { newMember, updatedMember } from "../../src/group/member-terms.ts";
import { TopicPatterns } from "../../src/group/topic-patterns.ts";
import type { GroupHeartbeatRequest } from "../../src/services.ts";
import { beat } from "../support/group-world.ts";

const context: GroupContext = {
  topics: () => null,
  patterns: new TopicPatterns(() => []),
  limits: defaultGroupLimits,
  nowMs: 0,
};

let member: Member;

beforeEach(() => {
  member = newMember(new Group("g"), beat({ memberId: "a", subscribedTopics: ["t"] }), context);
});

function update(fields: Partial<GroupHeartbeatRequest>): Member {
  const request = beat({ memberId: "a", memberEpoch: 1, rebalanceTimeoutMs: -1, ...fields });
  return updatedMember(member, request, context);
}

function refusal(run: () => unknown): string {
  try {
    run();
    return "ok";
  } catch (error) {
    return error instanceof LogError ? error.code : "?";
  }
}

describe("member terms", () => {
  test("what is not said stays, to the same object; what is said again too", () => {
    expect(update({})).toBe(member);
    expect(update({ subscribedTopics: ["t"], rebalanceTimeoutMs: 60_000 })).toBe(member);
    expect(update({ clientId: "other", clientHost: "elsewhere" })).toBe(member);
  });

  test("a regular expression: kept, changed, and taken back by the empty text", () => {
    member = update({ subscribedTopicRegex: "a.*" });
    expect(member.subscribedTopicRegex).toBe("a.*");
    expect(update({ subscribedTopicRegex: null })).toBe(member);
    expect(update({})).toBe(member);
    expect(update({ subscribedTopicRegex: "b" }).subscribedTopicRegex).toBe("b");
    expect(update({ subscribedTopicRegex: "" }).subscribedTopicRegex).toBe(null);
    expect(refusal(() => update({ subscribedTopicRegex: "(" }))).toBe("INVALID_REGULAR_EXPRESSION");
  });

  test("who joins says what it wants, by name or by a regular expression", () => {
    const join = (fields: Partial<GroupHeartbeatRequest>): string => {
      return refusal(() => newMember(new Group("g"), beat({ memberId: "a", ...fields }), context));
    };
    expect(join({})).toBe("INVALID_REQUEST");
    expect(join({ subscribedTopicRegex: "a.*" })).toBe("ok");
    expect(join({ subscribedTopicRegex: "" })).toBe("ok");
    expect(join({ subscribedTopics: [] })).toBe("ok");
    expect(join({ subscribedTopics: [], serverAssignor: "sticky" })).toBe("UNSUPPORTED_ASSIGNOR");
  });
});

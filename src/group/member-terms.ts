// What a member asks for in its heartbeats: checked, and kept until it asks for something else.

import { LogError } from "../base/error.ts";
import type { GroupHeartbeatRequest } from "../services.ts";
import { emptyAssignment } from "./assignment.ts";
import type { AssignorName } from "./assignors.ts";
import type { GroupContext, GroupLimits } from "./group-context.ts";
import type { Group, Member } from "./group.ts";
import type { TopicPatterns } from "./topic-patterns.ts";

/** A member that has just come, as its first heartbeat wants it. Throws what refuses it. */
export function newMember(
  group: Group,
  request: GroupHeartbeatRequest,
  context: GroupContext,
): Member {
  const { membersPerGroupMax, sessionTimeoutMsDefault } = context.limits;
  if (group.members.size >= membersPerGroupMax) {
    const detail = `group ${group.name} has ${membersPerGroupMax} members, as many as it may have`;
    throw new LogError("GROUP_MAX_SIZE_REACHED", detail);
  }
  if (request.subscribedTopics === null && (request.subscribedTopicRegex ?? null) === null) {
    throw new LogError("INVALID_REQUEST", "a member that joins names the topics it wants");
  }
  const blank: Member = {
    memberId: request.memberId,
    instanceId: request.instanceId ?? null,
    memberEpoch: 0,
    previousEpoch: 0,
    clientId: request.clientId,
    clientHost: request.clientHost,
    subscribedTopics: [],
    subscribedTopicRegex: null,
    assignor: null,
    sessionTimeoutMs: sessionTimeoutMsDefault,
    rebalanceTimeoutMs: 0,
    assigned: emptyAssignment,
    revoking: emptyAssignment,
  };
  return updatedMember(blank, request, context);
}

/** The member with what the request changes; the same object when that is nothing. Throws what refuses it. */
export function updatedMember(
  member: Member,
  request: GroupHeartbeatRequest,
  { limits, patterns }: GroupContext,
): Member {
  checkHeartbeat(request, limits);
  const isJoin = request.memberEpoch === 0;
  const next: Member = {
    ...member,
    // Polls of one member may come over any connection: who it is counts from when it joined.
    instanceId: (isJoin ? request.instanceId : null) ?? member.instanceId,
    clientId: isJoin ? request.clientId : member.clientId,
    clientHost: isJoin ? request.clientHost : member.clientHost,
    subscribedTopics: sameOr(member.subscribedTopics, request.subscribedTopics),
    subscribedTopicRegex: checkedRegex(member, request, patterns),
    assignor: checkedAssignor(request.serverAssignor) ?? member.assignor,
    sessionTimeoutMs: request.sessionTimeoutMs ?? member.sessionTimeoutMs,
    rebalanceTimeoutMs:
      request.rebalanceTimeoutMs === -1 ? member.rebalanceTimeoutMs : request.rebalanceTimeoutMs,
  };
  const isSame =
    next.instanceId === member.instanceId &&
    next.clientId === member.clientId &&
    next.clientHost === member.clientHost &&
    next.subscribedTopics === member.subscribedTopics &&
    next.subscribedTopicRegex === member.subscribedTopicRegex &&
    next.assignor === member.assignor &&
    next.sessionTimeoutMs === member.sessionTimeoutMs &&
    next.rebalanceTimeoutMs === member.rebalanceTimeoutMs;
  return isSame ? member : next;
}

function checkedAssignor(name: string | null): AssignorName | null {
  if (name === null || name === "uniform" || name === "range") return name;
  throw new LogError("UNSUPPORTED_ASSIGNOR", `the assignors are uniform and range, not ${name}`);
}

/** Null leaves it as it was, the empty text is none. */
function checkedRegex(
  member: Member,
  { subscribedTopicRegex: asked = null }: GroupHeartbeatRequest,
  patterns: TopicPatterns,
): string | null {
  if (asked === null) return member.subscribedTopicRegex;
  if (asked === "") return null;
  patterns.check(asked);
  return asked;
}

function sameOr(topics: readonly string[], asked: readonly string[] | null): readonly string[] {
  if (asked === null) return topics;
  const sorted = [...new Set(asked)].sort();
  const isSame =
    sorted.length === topics.length && sorted.every((topic, index) => topic === topics[index]);
  return isSame ? topics : sorted;
}

function checkHeartbeat(request: GroupHeartbeatRequest, limits: GroupLimits): void {
  const { sessionTimeoutMs, rebalanceTimeoutMs, subscribedTopics, ownedPartitions } = request;
  const { sessionTimeoutMsMin, sessionTimeoutMsMax, rebalanceTimeoutMsMax } = limits;
  const isJoin = request.memberEpoch === 0;
  if (sessionTimeoutMs !== null) {
    const range = { least: sessionTimeoutMsMin, most: sessionTimeoutMsMax };
    if (!isWithin(sessionTimeoutMs, range)) {
      const detail = `a session timeout is ${range.least} to ${range.most} ms`;
      throw new LogError("INVALID_SESSION_TIMEOUT", detail, { facts: { sessionTimeoutMs } });
    }
  }
  if (isJoin || rebalanceTimeoutMs !== -1) {
    if (!isWithin(rebalanceTimeoutMs, { least: 1, most: rebalanceTimeoutMsMax })) {
      const detail = `a rebalance timeout is 1 to ${rebalanceTimeoutMsMax} ms`;
      throw new LogError("INVALID_REQUEST", detail, { facts: { rebalanceTimeoutMs } });
    }
  }
  if ((subscribedTopics?.length ?? 0) > limits.topicsPerMemberMax) {
    const detail = `a member subscribes to ${limits.topicsPerMemberMax} topics at most`;
    throw new LogError("INVALID_REQUEST", detail);
  }
  if (isJoin && (ownedPartitions?.length ?? 0) > 0) {
    throw new LogError("INVALID_REQUEST", "a member that joins owns no partitions");
  }
}

function isWithin(value: number, range: { least: number; most: number }): boolean {
  return Number.isSafeInteger(value) && value >= range.least && value <= range.most;
}

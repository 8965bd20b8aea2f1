// Decisions about members: join, heartbeat, leave, expire, and topics that change under them.
//
// Each is a pure function of one group and a request. A change of members, subscriptions, votes or topics raises the
// group epoch and computes a new target in the same decision; what a member has moves only on its own heartbeats.

import { createHash } from "node:crypto";
import { LogError } from "../base/error.ts";
import type { Decision } from "../coordinator/state-machine.ts";
import type { GroupHeartbeatRequest, GroupHeartbeatResult } from "../services.ts";
import { type Assignment, assignmentOf, emptyAssignment, isEqual, listOf } from "./assignment.ts";
import { assign, type AssignorName, electAssignor } from "./assignors.ts";
import type { GroupEvent } from "./group-events.ts";
import { checkEpoch, type Group, type GroupHeader, type Member } from "./group.ts";
import type { GroupContext, GroupLimits, TopicLookup } from "./group-context.ts";
import { reconcile } from "./reconcile.ts";

/** A heartbeat that joins, stays or rejoins (epoch 0 or more). Throws what refuses it. */
export function decideHeartbeat(
  group: Group,
  request: GroupHeartbeatRequest,
  context: GroupContext,
): Decision<GroupEvent, GroupHeartbeatResult> {
  const { memberId, memberEpoch } = request;
  const known = group.members.get(memberId) ?? null;
  const owned = request.ownedPartitions === null ? null : assignmentOf(request.ownedPartitions);
  if (known !== null) checkEpoch(known, memberEpoch, owned);
  else if (memberEpoch !== 0) throw unknownMember(group, memberId);
  const asked =
    known === null ? newMember(group, request, context) : updated(known, request, context);
  const isRebalance =
    known === null ||
    asked.subscribedTopics !== known.subscribedTopics ||
    asked.assignor !== known.assignor;
  const members = isRebalance ? new Map(group.members).set(memberId, asked) : group.members;
  const plan = isRebalance ? planTargets(group, members, context) : null;
  const progress = reconcile(asked, {
    target: plan?.targets.get(memberId) ?? group.targetOf(memberId),
    targetEpoch: plan?.header.assignmentEpoch ?? group.header.assignmentEpoch,
    owned,
    isFree: (topic, partition) => group.isFreeFor(memberId, topic, partition),
  });
  const previousEpoch =
    progress.memberEpoch === asked.memberEpoch ? asked.previousEpoch : asked.memberEpoch;
  const member = progress === asked ? asked : { ...asked, ...progress, previousEpoch };
  const events = plan === null ? [] : eventsOf(group, plan);
  if (member !== known) events.push({ kind: "member", group: group.name, memberId, member });
  const isNews =
    memberEpoch !== member.memberEpoch ||
    !isEqual(known?.assigned ?? emptyAssignment, member.assigned) ||
    (owned !== null && !isEqual(owned, member.assigned));
  return {
    events,
    reply: {
      memberId,
      memberEpoch: member.memberEpoch,
      heartbeatIntervalMs: heartbeatIntervalMs(member, context.limits),
      assignment: isNews ? listOf(member.assigned) : null,
    },
  };
}

/** A member goes: it left, its session timed out, or it did not let go in time. Throws UNKNOWN_MEMBER_ID. */
export function decideRemoval(
  group: Group,
  memberId: string,
  context: GroupContext,
): Decision<GroupEvent, GroupHeartbeatResult> {
  if (!group.members.has(memberId)) throw unknownMember(group, memberId);
  const members = new Map(group.members);
  members.delete(memberId);
  const events = eventsOf(group, planTargets(group, members, context));
  events.push({ kind: "member", group: group.name, memberId, member: null });
  const reply = { memberId, memberEpoch: -1, heartbeatIntervalMs: 0, assignment: null };
  return { events, reply };
}

/** Computes the target anew when subscribed topics are not what they were when it was computed. */
export function decideTopicChange(group: Group, context: GroupContext): readonly GroupEvent[] {
  if (group.members.size === 0) return [];
  const counts = partitionCountsOf(group.members, context.topics);
  if (digestOf(counts, context.topics) === group.header.topicsDigest) return [];
  return eventsOf(group, planTargets(group, group.members, context));
}

/** A new target and the header that goes with it. */
interface Plan {
  readonly header: GroupHeader;
  readonly targets: ReadonlyMap<string, Assignment>;
}

function planTargets(
  group: Group,
  members: ReadonlyMap<string, Member>,
  { topics, nowMs }: GroupContext,
): Plan {
  const partitionCounts = partitionCountsOf(members, topics);
  const assignor = electAssignor([...members.values()].map((member) => member.assignor));
  const candidates = [...members.values()].map(({ memberId, subscribedTopics }) => {
    return { memberId, subscribedTopics, current: group.targetOf(memberId) };
  });
  const epoch = group.header.epoch + 1;
  return {
    header: {
      epoch,
      assignmentEpoch: epoch,
      topicsDigest: digestOf(partitionCounts, topics),
      emptySinceMs: members.size === 0 ? nowMs : null,
    },
    targets: assign(assignor, { members: candidates, partitionCounts }),
  };
}

function eventsOf(group: Group, plan: Plan): GroupEvent[] {
  const events: GroupEvent[] = [{ kind: "group", group: group.name, header: plan.header }];
  for (const [memberId, target] of plan.targets) {
    if (isEqual(target, group.targetOf(memberId))) continue;
    events.push({ kind: "target", group: group.name, memberId, target });
  }
  return events;
}

function partitionCountsOf(
  members: ReadonlyMap<string, Member>,
  topics: TopicLookup,
): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  const missing = new Set<string>();
  for (const { subscribedTopics } of members.values()) {
    for (const name of subscribedTopics) {
      if (counts.has(name) || missing.has(name)) continue;
      const topic = topics(name);
      if (topic === null) missing.add(name);
      else counts.set(name, topic.partitionCount);
    }
  }
  return counts;
}

/** Tells apart any two states of the topics; 64 bits of SHA-256 as hexadecimal digits. */
function digestOf(counts: ReadonlyMap<string, number>, topics: TopicLookup): string {
  const hash = createHash("sha256");
  for (const name of [...counts.keys()].sort()) {
    hash.update(`${name}\n${topics(name)?.topicId ?? ""}\n${counts.get(name)}\n`);
  }
  return hash.digest("hex").slice(0, 16);
}

function newMember(group: Group, request: GroupHeartbeatRequest, context: GroupContext): Member {
  const { membersPerGroupMax, sessionTimeoutMsDefault } = context.limits;
  if (group.members.size >= membersPerGroupMax) {
    const detail = `group ${group.name} has ${membersPerGroupMax} members, as many as it may have`;
    throw new LogError("GROUP_MAX_SIZE_REACHED", detail);
  }
  if (request.subscribedTopics === null) {
    throw new LogError("INVALID_REQUEST", "a member that joins names the topics it wants");
  }
  const blank: Member = {
    memberId: request.memberId,
    memberEpoch: 0,
    previousEpoch: 0,
    clientId: request.clientId,
    clientHost: request.clientHost,
    subscribedTopics: [],
    assignor: null,
    sessionTimeoutMs: sessionTimeoutMsDefault,
    rebalanceTimeoutMs: 0,
    assigned: emptyAssignment,
    revoking: emptyAssignment,
  };
  return updated(blank, request, context);
}

/** The member with what the request changes; the same object when that is nothing. */
function updated(member: Member, request: GroupHeartbeatRequest, { limits }: GroupContext): Member {
  checkHeartbeat(request, limits);
  const isJoin = request.memberEpoch === 0;
  const next: Member = {
    ...member,
    // Polls of one member may come over any connection: who it is counts from when it joined.
    clientId: isJoin ? request.clientId : member.clientId,
    clientHost: isJoin ? request.clientHost : member.clientHost,
    subscribedTopics: sameOr(member.subscribedTopics, request.subscribedTopics),
    assignor: checkedAssignor(request.serverAssignor) ?? member.assignor,
    sessionTimeoutMs: request.sessionTimeoutMs ?? member.sessionTimeoutMs,
    rebalanceTimeoutMs:
      request.rebalanceTimeoutMs === -1 ? member.rebalanceTimeoutMs : request.rebalanceTimeoutMs,
  };
  const isSame =
    next.clientId === member.clientId &&
    next.clientHost === member.clientHost &&
    next.subscribedTopics === member.subscribedTopics &&
    next.assignor === member.assignor &&
    next.sessionTimeoutMs === member.sessionTimeoutMs &&
    next.rebalanceTimeoutMs === member.rebalanceTimeoutMs;
  return isSame ? member : next;
}

function checkedAssignor(name: string | null): AssignorName | null {
  if (name === null || name === "uniform" || name === "range") return name;
  throw new LogError("UNSUPPORTED_ASSIGNOR", `the assignors are uniform and range, not ${name}`);
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

function heartbeatIntervalMs(member: Member, limits: GroupLimits): number {
  return Math.min(limits.heartbeatIntervalMsMax, Math.floor(member.sessionTimeoutMs / 3));
}

function unknownMember(group: Group, memberId: string): LogError {
  const detail = `group ${group.name} has no member ${memberId}; its session may have timed out`;
  return new LogError("UNKNOWN_MEMBER_ID", detail);
}

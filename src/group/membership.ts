// Decisions about members: join, heartbeat, leave, expire, and topics that change under them.
//
// Each is a pure function of one group and a request. A change of members, subscriptions, votes or topics raises the
// group epoch and computes a new target in the same decision; what a member has moves only on its own heartbeats.

import { LogError } from "../base/error.ts";
import type { Decision } from "../coordinator/state-machine.ts";
import type { GroupHeartbeatRequest, GroupHeartbeatResult } from "../services.ts";
import { type Assignment, assignmentOf, emptyAssignment, isEqual, listOf } from "./assignment.ts";
import type { GroupContext, GroupLimits } from "./group-context.ts";
import type { GroupEvent } from "./group-events.ts";
import { checkEpoch, type Group, type Member } from "./group.ts";
import { newMember, updatedMember } from "./member-terms.ts";
import { reconcile } from "./reconcile.ts";
import { awayEpoch, awayMember, checkInstance, isAway, memberToReplace } from "./static-members.ts";
import { haveTopicsChanged, planEvents, planTargets, type TargetPlan } from "./target-plan.ts";

/** A member that heartbeats: as it was, and whose place it takes. */
interface Speaker {
  /** As it was before, under its own id or the one whose place it takes; null when it has just come. */
  readonly known: Member | null;
  readonly replaced: Member | null;
  /** What it says it owns; null when it says nothing. */
  readonly owned: Assignment | null;
}

/** A heartbeat that joins, stays or rejoins (epoch 0 or more). Throws what refuses it. */
export function decideHeartbeat(
  group: Group,
  request: GroupHeartbeatRequest,
  context: GroupContext,
): Decision<GroupEvent, GroupHeartbeatResult> {
  const { memberId } = request;
  const speaker = speakerOf(group, request);
  const { known, replaced, owned } = speaker;
  const asked =
    known === null ? newMember(group, request, context) : updatedMember(known, request, context);
  const plan = needsPlan(known, asked) ? planWith(group, { asked, replaced }, context) : null;
  const targetBefore = group.targetOf(replaced?.memberId ?? memberId);
  const progress = reconcile(asked, {
    target: plan?.targets.get(memberId) ?? targetBefore,
    targetEpoch: plan?.header.assignmentEpoch ?? group.header.assignmentEpoch,
    owned,
    isFree: (topic, partition) => group.isFreeFor(memberId, topic, partition),
  });
  const previousEpoch =
    progress.memberEpoch === asked.memberEpoch ? asked.previousEpoch : asked.memberEpoch;
  const member = progress === asked ? asked : { ...asked, ...progress, previousEpoch };
  const events = plan === null ? [] : planEvents(group, plan);
  if (replaced !== null) {
    const { name } = group;
    events.push({ kind: "member", group: name, memberId: replaced.memberId, member: null });
    if (plan === null) events.push({ kind: "target", group: name, memberId, target: targetBefore });
  }
  if (member !== known) events.push({ kind: "member", group: group.name, memberId, member });
  return {
    events,
    reply: {
      memberId,
      memberEpoch: member.memberEpoch,
      heartbeatIntervalMs: heartbeatIntervalMs(member, context.limits),
      assignment: isNews(request, speaker, member) ? listOf(member.assigned) : null,
    },
  };
}

function speakerOf(group: Group, request: GroupHeartbeatRequest): Speaker {
  const { memberId, memberEpoch, ownedPartitions } = request;
  const known = group.members.get(memberId) ?? null;
  if (memberEpoch === 0) {
    // Whoever joins has nothing in its hands.
    const owned = emptyAssignment;
    const replaced = memberToReplace(group, request);
    if (replaced === null) return { known, replaced, owned };
    if (known !== null) checkInstance(group, request);
    return { known: { ...replaced, memberId, memberEpoch: 0, previousEpoch: 0 }, replaced, owned };
  }
  checkInstance(group, request);
  if (known === null) throw unknownMember(group, memberId);
  const owned = ownedPartitions === null ? null : assignmentOf(ownedPartitions);
  checkEpoch(known, memberEpoch, owned);
  return { known, replaced: null, owned };
}

function needsPlan(known: Member | null, asked: Member): boolean {
  return (
    known === null ||
    asked.subscribedTopics !== known.subscribedTopics ||
    asked.subscribedTopicRegex !== known.subscribedTopicRegex ||
    asked.assignor !== known.assignor
  );
}

function planWith(
  group: Group,
  { asked, replaced }: { readonly asked: Member; readonly replaced: Member | null },
  context: GroupContext,
): TargetPlan {
  const members = new Map(group.members);
  if (replaced !== null) members.delete(replaced.memberId);
  members.set(asked.memberId, asked);
  const currentOf = (memberId: string): Assignment => {
    const isHeir = replaced !== null && memberId === asked.memberId;
    return group.targetOf(isHeir ? replaced.memberId : memberId);
  };
  return planTargets(group, members, { ...context, currentOf });
}

/** True when the member is to be told what it may read: it changed, is not what the member owns, or was asked for. */
function isNews(
  request: GroupHeartbeatRequest,
  { known, owned }: Speaker,
  member: Member,
): boolean {
  const { memberEpoch, rebalanceTimeoutMs, subscribedTopics, subscribedTopicRegex } = request;
  const says = subscribedTopics !== null || (subscribedTopicRegex ?? null) !== null;
  return (
    memberEpoch !== member.memberEpoch ||
    // A member that says everything has lost an answer, or begins anew.
    (rebalanceTimeoutMs !== -1 && says && owned !== null) ||
    !isEqual(known?.assigned ?? emptyAssignment, member.assigned) ||
    (owned !== null && !isEqual(owned, member.assigned))
  );
}

/**
 * A heartbeat with which a member leaves: -1 for good, -2 for a moment, if it is a static one. Throws
 * UNKNOWN_MEMBER_ID, FENCED_INSTANCE_ID, INVALID_REQUEST.
 */
export function decideLeave(
  group: Group,
  request: GroupHeartbeatRequest,
  context: GroupContext,
): Decision<GroupEvent, GroupHeartbeatResult> {
  const { memberId, memberEpoch } = request;
  checkInstance(group, request);
  if (memberEpoch !== awayEpoch) return decideRemoval(group, memberId, context);
  const known = group.members.get(memberId);
  if (known === undefined) throw unknownMember(group, memberId);
  if (known.instanceId === null) {
    throw new LogError("INVALID_REQUEST", "only a member with an instance id leaves for a moment");
  }
  const reply = { memberId, memberEpoch, heartbeatIntervalMs: 0, assignment: null };
  if (isAway(known)) return { events: [], reply };
  const member = awayMember(known);
  return { events: [{ kind: "member", group: group.name, memberId, member }], reply };
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
  const events = planEvents(group, planTargets(group, members, context));
  events.push({ kind: "member", group: group.name, memberId, member: null });
  const reply = { memberId, memberEpoch: -1, heartbeatIntervalMs: 0, assignment: null };
  return { events, reply };
}

/** Computes the target anew when subscribed topics are not what they were when it was computed. */
export function decideTopicChange(group: Group, context: GroupContext): readonly GroupEvent[] {
  if (group.members.size === 0 || !haveTopicsChanged(group, context)) return [];
  return planEvents(group, planTargets(group, group.members, context));
}

function heartbeatIntervalMs(member: Member, limits: GroupLimits): number {
  return Math.min(limits.heartbeatIntervalMsMax, Math.floor(member.sessionTimeoutMs / 3));
}

function unknownMember(group: Group, memberId: string): LogError {
  const detail = `group ${group.name} has no member ${memberId}; its session may have timed out`;
  return new LogError("UNKNOWN_MEMBER_ID", detail);
}

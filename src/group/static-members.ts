// Members that are named by an instance id (KIP-345): such a member may leave for a moment, and what it has stays
// reserved until its instance comes back under a new member id, or its session is over.

import { LogError } from "../base/error.ts";
import type { GroupHeartbeatRequest } from "../services.ts";
import { emptyAssignment } from "./assignment.ts";
import type { Group, Member } from "./group.ts";

/** The member epoch of a static member that has left for a moment, and of the heartbeat that says so. */
export const awayEpoch = -2;

/** True for a static member that has left for a moment. */
export function isAway({ memberEpoch }: Member): boolean {
  return memberEpoch === awayEpoch;
}

/** A static member as it is while it is away: it has what it had, and gives up nothing, for it reads nothing. */
export function awayMember(member: Member): Member {
  return {
    ...member,
    memberEpoch: awayEpoch,
    previousEpoch: awayEpoch,
    revoking: emptyAssignment,
  };
}

/** The member of an instance; null when there is none. */
export function holderOf(group: Group, instanceId: string): Member | null {
  for (const member of group.members.values()) {
    if (member.instanceId === instanceId) return member;
  }
  return null;
}

/**
 * Checks that a member that is in the group may speak for the instance it names.
 *
 * @throws FENCED_INSTANCE_ID when the instance has another member by now, UNKNOWN_MEMBER_ID when there is no such
 *         instance, INVALID_REQUEST when it is no instance's name
 */
export function checkInstance(
  group: Group,
  { memberId, instanceId = null }: GroupHeartbeatRequest,
): void {
  if (instanceId === null) return;
  checkInstanceId(instanceId);
  if (group.members.get(memberId)?.instanceId === instanceId) return;
  if (holderOf(group, instanceId) === null) {
    throw new LogError("UNKNOWN_MEMBER_ID", `no member has the instance id ${instanceId}`);
  }
  const detail = `another member has the instance id ${instanceId} by now`;
  throw new LogError("FENCED_INSTANCE_ID", detail, { facts: { instanceId } });
}

/**
 * The member whose place one that joins takes: of the same instance, and away. Null when nobody's.
 * @throws UNRELEASED_INSTANCE_ID when a member has the instance and is not away; INVALID_REQUEST
 */
export function memberToReplace(
  group: Group,
  { memberId, instanceId = null }: GroupHeartbeatRequest,
): Member | null {
  if (instanceId === null) return null;
  checkInstanceId(instanceId);
  const holder = holderOf(group, instanceId);
  if (holder === null || holder.memberId === memberId) return null;
  if (isAway(holder)) return holder;
  const detail = `a member of group ${group.name} has the instance id ${instanceId} and has not left`;
  throw new LogError("UNRELEASED_INSTANCE_ID", detail, { facts: { instanceId } });
}

function checkInstanceId(instanceId: string): void {
  if (instanceId !== "") return;
  throw new LogError("INVALID_REQUEST", "an instance id is null or has at least one character");
}

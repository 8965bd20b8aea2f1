// Who may speak for a member of a classic group, and what a join must bring.

import { LogError } from "../base/error.ts";
import type { JoinGroupRequest } from "../services.ts";
import type { ClassicGroup, ClassicMember } from "./classic-group.ts";
import { commonProtocols, isSameProtocols } from "./classic-protocols.ts";
import type { GroupLimits } from "./group-context.ts";

/** How a caller names itself: by member id and, when it is static, by instance id as well. */
export interface MemberName {
  readonly memberId: string;
  readonly groupInstanceId: string | null;
}

/**
 * The member that speaks.
 *
 * @param group Null when there is no classic group of the name.
 * @throws UNKNOWN_MEMBER_ID; FENCED_INSTANCE_ID when its instance id belongs to another member by now
 */
export function checkMember(
  group: ClassicGroup | null,
  { memberId, groupInstanceId }: MemberName,
): ClassicMember {
  if (groupInstanceId !== null) {
    const holder = group?.memberIdOf(groupInstanceId) ?? null;
    if (holder !== null && holder !== memberId) throw fenced(groupInstanceId);
    if (holder === null) {
      throw new LogError("UNKNOWN_MEMBER_ID", `no member has the instance id ${groupInstanceId}`);
    }
  }
  const member = group?.members.get(memberId);
  if (member !== undefined) return member;
  throw unknownMember(memberId);
}

/** @throws ILLEGAL_GENERATION */
export function checkGeneration(group: ClassicGroup, generationId: number): void {
  const { generationId: present } = group.generation;
  if (generationId === present) return;
  const detail = `the group is at generation ${present}, not ${generationId}; join again`;
  throw new LogError("ILLEGAL_GENERATION", detail, { facts: { generationId: present } });
}

/** Who commits offsets of a classic group. */
export interface ClassicCommitter extends MemberName {
  /** -1 with an empty member id: nobody of the group. */
  readonly generationId: number;
  /** A transaction may commit while the group rebalances, and for a group it is no member of. */
  readonly isTransactional: boolean;
}

/**
 * Checks who commits: nobody in particular while the group is empty, else a member of the present generation, but not
 * between its join and its assignment.
 *
 * @throws UNKNOWN_MEMBER_ID, ILLEGAL_GENERATION, REBALANCE_IN_PROGRESS, FENCED_INSTANCE_ID
 */
export function checkClassicCommitter(group: ClassicGroup, committer: ClassicCommitter): void {
  const { memberId, groupInstanceId, generationId, isTransactional } = committer;
  const isNamed = generationId >= 0 || memberId !== "" || groupInstanceId !== null;
  if (generationId < 0 && group.members.size === 0) return;
  if (!isNamed) {
    if (isTransactional) return;
    const detail = "the group has members; only they commit its offsets";
    throw new LogError("UNKNOWN_MEMBER_ID", detail);
  }
  checkMember(group, committer);
  checkGeneration(group, generationId);
  if (!isTransactional && group.state === "CompletingRebalance") {
    throw new LogError("REBALANCE_IN_PROGRESS", "the group waits for its leader's assignment");
  }
}

/**
 * Checks what does not depend on the group.
 * @throws INVALID_SESSION_TIMEOUT, INCONSISTENT_GROUP_PROTOCOL
 */
export function checkJoinRequest(request: JoinGroupRequest, limits: GroupLimits): void {
  const { sessionTimeoutMs, protocolType, protocols } = request;
  const { classicSessionTimeoutMsMin: least, sessionTimeoutMsMax: most } = limits;
  if (sessionTimeoutMs < least || sessionTimeoutMs > most) {
    const detail = `a session timeout is ${least} to ${most} ms`;
    throw new LogError("INVALID_SESSION_TIMEOUT", detail, { facts: { sessionTimeoutMs } });
  }
  if (protocolType === "" || protocols.length === 0) {
    const detail = "a member that joins names a protocol type and at least one protocol";
    throw new LogError("INCONSISTENT_GROUP_PROTOCOL", detail);
  }
}

/**
 * Checks that a member can work with the others.
 *
 * @param replacedId Id of the member it comes back as; null for a new one.
 * @throws INCONSISTENT_GROUP_PROTOCOL
 */
export function checkProtocols(
  group: ClassicGroup,
  request: Pick<JoinGroupRequest, "protocolType" | "protocols">,
  replacedId: string | null,
): void {
  const others = [...group.members.values()].filter(({ memberId }) => memberId !== replacedId);
  if (others.length === 0) return;
  if (request.protocolType !== group.protocolType) {
    const detail = `the group is of the type '${group.protocolType}', not '${request.protocolType}'`;
    throw new LogError("INCONSISTENT_GROUP_PROTOCOL", detail);
  }
  const known = replacedId === null ? undefined : group.members.get(replacedId);
  // What was accepted before holds still.
  if (known !== undefined && isSameProtocols(known.protocols, request.protocols)) return;
  if (commonProtocols([...others, request]).length > 0) return;
  throw new LogError("INCONSISTENT_GROUP_PROTOCOL", "the members share none of these protocols");
}

/** What the calls of a static member hear once another has taken its place. */
export function fenced(instanceId: string): LogError {
  const detail = `another member has taken over the instance id ${instanceId}`;
  return new LogError("FENCED_INSTANCE_ID", detail, { facts: { instanceId } });
}

/** What somebody hears who is no member. */
export function unknownMember(memberId: string): LogError {
  const detail = `the group has no member '${memberId}'; its session may have timed out`;
  return new LogError("UNKNOWN_MEMBER_ID", detail);
}

/** What a member hears that has to join again. */
export function rebalancing(): LogError {
  return new LogError("REBALANCE_IN_PROGRESS", "the group is rebalancing; join again");
}

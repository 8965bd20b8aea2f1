// Decides on a JoinGroup: who joins, whether the group has to rebalance for it, and whether the answer has to wait.

import { LogError } from "../base/error.ts";
import { type Random, randomUuid } from "../base/random.ts";
import type { Decision } from "../coordinator/state-machine.ts";
import type { JoinGroupRequest, JoinGroupResult } from "../services.ts";
import {
  checkMember,
  checkProtocols,
  fenced,
  rebalancing,
  unknownMember,
} from "./classic-checks.ts";
import { joinResult, memberOf } from "./classic-generation.ts";
import type { ClassicGroup, ClassicMember } from "./classic-group.ts";
import type { ParkedCall } from "./classic-parked-calls.ts";
import { electProtocol, isSameProtocols } from "./classic-protocols.ts";
import type { ClassicRebalances } from "./classic-rebalances.ts";
import type { GroupEvent } from "./group-events.ts";

/** What a join acts on. */
export interface JoinContext {
  readonly rebalances: ClassicRebalances;
  readonly random: Random;
  /** Members of one group. */
  readonly membersMax: number;
}

/** The answer, or the call that waits for it. */
export type JoinReply = JoinGroupResult | ParkedCall<JoinGroupResult>;

type JoinDecision = Decision<GroupEvent, JoinReply>;

/**
 * Decides on a join of a group that is of the classic protocol. Only a static member that comes back to a group at
 * rest writes an event; all other changes are of the rebalance, in memory.
 *
 * @throws MEMBER_ID_REQUIRED, UNKNOWN_MEMBER_ID, FENCED_INSTANCE_ID, INCONSISTENT_GROUP_PROTOCOL,
 *         GROUP_MAX_SIZE_REACHED
 */
export function decideJoin(context: JoinContext, request: JoinGroupRequest): JoinDecision {
  const { group: name, memberId, groupInstanceId } = request;
  const group = context.rebalances.find(name);
  if (group === null) throw unknownMember(memberId);
  const isNamed = memberId !== "";
  const holder = groupInstanceId === null ? null : group.memberIdOf(groupInstanceId);
  checkProtocols(group, request, isNamed ? memberId : holder);
  const join = { ...context, group, request };
  if (isNamed) {
    if (context.rebalances.arrived(name, memberId)) return joinNew(join, memberId);
    return joinAgain(join, checkMember(group, request));
  }
  if (holder !== null)
    return replaceStatic(join, checkMember(group, { ...request, memberId: holder }));
  const newId = `${groupInstanceId ?? request.clientId}-${randomUuid(context.random)}`;
  if (groupInstanceId !== null || !request.requiresKnownMemberId) return joinNew(join, newId);
  checkRoom(join, group.pendingIds.size);
  context.rebalances.expect(name, newId, request.sessionTimeoutMs);
  const facts = { memberId: newId };
  throw new LogError("MEMBER_ID_REQUIRED", "join again with the id given here", { facts });
}

interface Join extends JoinContext {
  readonly group: ClassicGroup;
  readonly request: JoinGroupRequest;
}

function joinNew(join: Join, memberId: string): JoinDecision {
  checkRoom(join, join.group.members.size);
  return park(join, memberOf(join.request, memberId, null));
}

function joinAgain(join: Join, known: ClassicMember): JoinDecision {
  const { group, request } = join;
  const { state, generation } = group;
  const isSame = isSameProtocols(known.protocols, request.protocols);
  // A leader that joins again at rest wants to hand the work out anew.
  const isLeader = state === "Stable" && generation.leaderId === known.memberId;
  if (state === "PreparingRebalance" || !isSame || isLeader) {
    return park(join, memberOf(request, known.memberId, known));
  }
  // Its answer was lost.
  return { events: [], reply: joinResult(generation, known.memberId) };
}

/** A static member comes back without its member id: it takes the place of the one it was, under a new id. */
function replaceStatic(join: Join, old: ClassicMember): JoinDecision {
  const { group, request, rebalances } = join;
  const { generation } = group;
  const instanceId = request.groupInstanceId ?? "";
  const member = memberOf(request, `${instanceId}-${randomUuid(join.random)}`, old);
  const members = new Map<string, ClassicMember>();
  for (const other of group.members.values()) {
    const present = other === old ? member : other;
    members.set(present.memberId, present);
  }
  const isUnmoved =
    group.state === "Stable" && electProtocol([...members.values()]) === generation.protocolName;
  if (isUnmoved) return takePlace(join, { old, member, members });
  rebalances.replaced(request.group, old.memberId, fenced(instanceId));
  const leaderId = group.rebalance?.leaderId ?? generation.leaderId;
  rebalances.change(request.group, {
    members,
    protocolType: request.protocolType,
    leaderId: leaderId === old.memberId ? member.memberId : leaderId,
  });
  return { events: [], reply: wait(join, member) };
}

interface Replacement {
  readonly old: ClassicMember;
  readonly member: ClassicMember;
  readonly members: Map<string, ClassicMember>;
}

/** Nothing changes but the id: the generation and its assignment stay. */
function takePlace({ group, request }: Join, { old, member, members }: Replacement): JoinDecision {
  const isLeader = group.generation.leaderId === old.memberId;
  const leaderId = isLeader ? member.memberId : group.generation.leaderId;
  const generation = { ...group.generation, members, leaderId };
  const result = joinResult(generation, member.memberId);
  const events: GroupEvent[] = [{ kind: "classic", group: request.group, generation }];
  if (request.supportsSkipAssignment)
    return { events, reply: { ...result, skipAssignment: isLeader } };
  // Older clients would hand out the work again: told another leader, they ask for their own part.
  const reply = { ...result, leader: group.generation.leaderId ?? "", members: [] };
  return { events, reply };
}

function park(join: Join, member: ClassicMember): JoinDecision {
  const { group, request, rebalances } = join;
  rebalances.change(request.group, {
    members: new Map(group.members).set(member.memberId, member),
    protocolType: request.protocolType,
    leaderId: group.rebalance?.leaderId ?? group.generation.leaderId ?? member.memberId,
  });
  return { events: [], reply: wait(join, member) };
}

/** Parks the call until the rebalance ends or the client is gone. */
function wait({ group, request, rebalances }: Join, { memberId }: ClassicMember): JoinReply {
  const { group: name, signal } = request;
  const call = group.joins.park(memberId, rebalancing());
  rebalances.touch(name, memberId);
  if (signal === undefined) return call;
  const abort = (): void => {
    if (group.joins.find(memberId) !== call) return;
    group.joins.reject(memberId, unknownMember(memberId));
    // Whoever was in the last generation may yet come back; nobody else would know the id.
    if (group.generation.members.has(memberId)) rebalances.touch(name, memberId);
    else rebalances.remove(name, [memberId]);
  };
  signal.addEventListener("abort", abort);
  const settled = (): void => signal.removeEventListener("abort", abort);
  call.answer.then(settled, settled);
  return call;
}

function checkRoom({ membersMax, request }: Join, count: number): void {
  if (count < membersMax) return;
  const detail = `group ${request.group} has ${membersMax} members, as many as it may have`;
  throw new LogError("GROUP_MAX_SIZE_REACHED", detail);
}

// From one generation of a classic group to the next: who is in it, who leads, who has what.

import type { JoinGroupRequest, JoinGroupResult, SyncGroupResult } from "../services.ts";
import type { ClassicGroup, ClassicMember, Generation } from "./classic-group.ts";
import { electProtocol, metadataOf } from "./classic-protocols.ts";

const noBytes = new Uint8Array(0);

/** A member as its join describes it; a known one keeps what the join does not say. */
export function memberOf(
  request: JoinGroupRequest,
  memberId: string,
  known: ClassicMember | null,
): ClassicMember {
  const { rebalanceTimeoutMs, sessionTimeoutMs } = request;
  return {
    memberId,
    instanceId: request.groupInstanceId ?? known?.instanceId ?? null,
    clientId: request.clientId,
    clientHost: request.clientHost,
    sessionTimeoutMs,
    // Clients of the first version have one timeout for both.
    rebalanceTimeoutMs: rebalanceTimeoutMs < 0 ? sessionTimeoutMs : rebalanceTimeoutMs,
    protocols: request.protocols,
    assignment: known?.assignment ?? noBytes,
  };
}

/**
 * The generation that ends the rebalance under way: all its members, joined again or not. Without members the group is
 * empty.
 */
export function nextGeneration(group: ClassicGroup, nowMs: number): Generation {
  const members = [...group.members.values()];
  const leader = group.rebalance?.leaderId ?? null;
  const joined = members.map(({ memberId }) => memberId).filter((id) => group.joins.has(id));
  return {
    generationId: group.generation.generationId + 1,
    protocolType: group.protocolType,
    protocolName: electProtocol(members),
    leaderId: leader !== null && joined.includes(leader) ? leader : (joined[0] ?? null),
    members: new Map(
      members.map((member) => [member.memberId, { ...member, assignment: noBytes }]),
    ),
    isAssigned: false,
    emptySinceMs: members.length === 0 ? nowMs : null,
  };
}

/** The generation with what its leader gave to each member; nothing to those it does not name. */
export function assigned(
  generation: Generation,
  assignments: ReadonlyMap<string, Uint8Array>,
): Generation {
  const members = new Map<string, ClassicMember>();
  for (const [memberId, member] of generation.members) {
    members.set(memberId, { ...member, assignment: assignments.get(memberId) ?? noBytes });
  }
  return { ...generation, members, isAssigned: true };
}

/** What a member of the generation hears when it joins. The leader is told everybody. */
export function joinResult(generation: Generation, memberId: string): JoinGroupResult {
  const { generationId, protocolType, protocolName, leaderId, members } = generation;
  const everybody = memberId === leaderId ? [...members.values()] : [];
  return {
    memberId,
    generationId,
    protocolType,
    protocolName,
    leader: leaderId ?? "",
    skipAssignment: false,
    members: everybody.map((member) => ({
      memberId: member.memberId,
      groupInstanceId: member.instanceId,
      metadata: metadataOf(member, protocolName),
    })),
  };
}

/** What a member of the generation hears when it syncs. */
export function syncResult(generation: Generation, memberId: string): SyncGroupResult {
  const { protocolType, protocolName, members } = generation;
  return { protocolType, protocolName, assignment: members.get(memberId)?.assignment ?? noBytes };
}

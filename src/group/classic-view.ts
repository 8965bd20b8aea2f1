// Classic groups as others see them: as DescribeGroups shows them, and beside the groups of the new protocol.

import { LogError } from "../base/error.ts";
import type { ClassicGroupDescription, MemberDescription } from "../services.ts";
import type { ClassicGroup } from "./classic-group.ts";
import { metadataOf } from "./classic-protocols.ts";
import { assignedPartitionsOf } from "./classic-subscription.ts";
import type { Group } from "./group.ts";

const noBytes = new Uint8Array(0);

/**
 * DescribeGroups. A group that only ever had offsets belongs to it as well.
 *
 * @param group Null when there is none of the name.
 * @throws GROUP_ID_NOT_FOUND
 */
export function describeClassic(name: string, group: Group | null): ClassicGroupDescription {
  const classic = group?.classic ?? null;
  if (classic === null) {
    if (group !== null && isSimple(group)) {
      return { group: name, state: "Empty", protocolType: "", protocolName: "", members: [] };
    }
    throw new LogError("GROUP_ID_NOT_FOUND", `there is no group ${name} of the classic protocol`);
  }
  const { state, protocolType, generation } = classic;
  const isStable = state === "Stable";
  const members = [...classic.members.values()].map((member) => ({
    memberId: member.memberId,
    groupInstanceId: member.instanceId,
    clientId: member.clientId,
    clientHost: member.clientHost,
    metadata: isStable ? metadataOf(member, generation.protocolName) : noBytes,
    assignment: isStable ? member.assignment : noBytes,
  }));
  const protocolName = isStable ? generation.protocolName : "";
  return { group: name, state, protocolType, protocolName, members };
}

/** True for a group that never had members: somebody only keeps offsets there. */
export function isSimple(group: Group): boolean {
  return group.classic === null && group.header.epoch === 0;
}

/** The members as groups of both protocols show them; partitions as far as the assignment can be read. */
export function classicMembers(
  group: ClassicGroup,
  lastSeenMs: (memberId: string) => number,
): readonly MemberDescription[] {
  return [...group.members.values()].map((member) => {
    const isConsumer = group.protocolType === "consumer";
    const assignment = isConsumer ? (assignedPartitionsOf(member.assignment) ?? []) : [];
    return {
      memberId: member.memberId,
      instanceId: member.instanceId,
      memberEpoch: group.generation.generationId,
      clientId: member.clientId,
      clientHost: member.clientHost,
      subscribedTopics: group.topicsOf(member),
      subscribedTopicRegex: null,
      assignment,
      targetAssignment: assignment,
      lastSeenMs: lastSeenMs(member.memberId),
    };
  });
}

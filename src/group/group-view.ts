// Groups as they are listed and described, of either protocol.

import type { GroupDescription, GroupListing, MemberDescription } from "../services.ts";
import { listOf } from "./assignment.ts";
import { electAssignor } from "./assignors.ts";
import { classicMembers, isSimple } from "./classic-view.ts";
import type { Group } from "./group.ts";
import type { TopicPatterns } from "./topic-patterns.ts";

/** When a member was last heard of, Unix milliseconds. */
export type LastSeen = (group: string, memberId: string) => number;

/** A group as listed. */
export function groupListing(group: Group, patterns: TopicPatterns): GroupListing {
  const topics = new Set([...group.subscribedTopics(patterns), ...group.offsets.topics()]);
  return {
    group: group.name,
    // Kafka counts a group that only ever had offsets among the classic ones.
    kind: group.classic !== null || isSimple(group) ? "classic" : "consumer",
    protocolType: group.classic?.protocolType ?? (isSimple(group) ? "" : "consumer"),
    state: group.state,
    memberCount: group.memberCount,
    topics: [...topics].sort(),
  };
}

/** A group in full. */
export function groupDescription(
  group: Group,
  { patterns, lastSeen }: { readonly patterns: TopicPatterns; readonly lastSeen: LastSeen },
): GroupDescription {
  const listing = groupListing(group, patterns);
  if (group.classic !== null) {
    const { generationId, protocolName } = group.classic.generation;
    const epochs = { groupEpoch: generationId, assignmentEpoch: generationId };
    const members = classicMembers(group.classic, (id) => lastSeen(group.name, id));
    return { ...listing, ...epochs, assignor: protocolName, members };
  }
  const { epoch: groupEpoch, assignmentEpoch } = group.header;
  const votes = [...group.members.values()].map((member) => member.assignor);
  const assignor = votes.length === 0 ? "" : electAssignor(votes);
  return { ...listing, groupEpoch, assignmentEpoch, assignor, members: membersOf(group, lastSeen) };
}

function membersOf(group: Group, lastSeen: LastSeen): readonly MemberDescription[] {
  const members = [...group.members.values()].map((member) => ({
    memberId: member.memberId,
    instanceId: member.instanceId,
    memberEpoch: member.memberEpoch,
    clientId: member.clientId,
    clientHost: member.clientHost,
    subscribedTopics: member.subscribedTopics,
    subscribedTopicRegex: member.subscribedTopicRegex,
    assignment: listOf(member.assigned),
    targetAssignment: listOf(group.targetOf(member.memberId)),
    lastSeenMs: lastSeen(group.name, member.memberId),
  }));
  return members.sort((left, right) => (left.memberId < right.memberId ? -1 : 1));
}

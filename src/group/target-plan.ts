// Computes what the members of a group should have, for the next epoch of the group.

import { createHash } from "node:crypto";
import { type Assignment, isEqual } from "./assignment.ts";
import { assign, electAssignor } from "./assignors.ts";
import type { GroupContext, TopicLookup } from "./group-context.ts";
import type { GroupEvent } from "./group-events.ts";
import { type Group, type GroupHeader, type Member, topicsOf } from "./group.ts";
import type { TopicPatterns } from "./topic-patterns.ts";

/** Members by id. */
export type Members = ReadonlyMap<string, Member>;

/** A new target and the header that goes with it. */
export interface TargetPlan {
  readonly header: GroupHeader;
  readonly targets: ReadonlyMap<string, Assignment>;
}

/**
 * Computes the target of the next epoch.
 *
 * @param members Who is to be in the group.
 * @param currentOf What a member should have had up to now.
 */
export function planTargets(
  group: Group,
  members: Members,
  {
    currentOf = (memberId) => group.targetOf(memberId),
    ...context
  }: GroupContext & { readonly currentOf?: (memberId: string) => Assignment },
): TargetPlan {
  const partitionCounts = partitionCountsOf(members, context);
  const assignor = electAssignor([...members.values()].map((member) => member.assignor));
  const candidates = [...members.values()].map((member) => ({
    memberId: member.memberId,
    subscribedTopics: topicsOf(member, context.patterns),
    current: currentOf(member.memberId),
  }));
  const epoch = group.header.epoch + 1;
  return {
    header: {
      epoch,
      assignmentEpoch: epoch,
      topicsDigest: digestOf(partitionCounts, context.topics),
      emptySinceMs: members.size === 0 ? context.nowMs : null,
    },
    targets: assign(assignor, { members: candidates, partitionCounts }),
  };
}

/** What a plan changes. */
export function planEvents(group: Group, plan: TargetPlan): GroupEvent[] {
  const events: GroupEvent[] = [{ kind: "group", group: group.name, header: plan.header }];
  for (const [memberId, target] of plan.targets) {
    if (isEqual(target, group.targetOf(memberId))) continue;
    events.push({ kind: "target", group: group.name, memberId, target });
  }
  return events;
}

/** True when the topics that members want are not what they were when the target was computed. */
export function haveTopicsChanged(group: Group, context: GroupContext): boolean {
  const counts = partitionCountsOf(group.members, context);
  return digestOf(counts, context.topics) !== group.header.topicsDigest;
}

function partitionCountsOf(
  members: Members,
  { topics, patterns }: { readonly topics: TopicLookup; readonly patterns: TopicPatterns },
): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  const missing = new Set<string>();
  for (const member of members.values()) {
    for (const name of topicsOf(member, patterns)) {
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

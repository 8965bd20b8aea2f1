// Who may commit which offsets, and what a commit writes.

import { LogError } from "../base/error.ts";
import type { OffsetCommitPartition, OffsetCommitRequest } from "../services.ts";
import { contains } from "./assignment.ts";
import type { Group } from "./group.ts";
import type { OffsetEvent } from "./group-events.ts";
import type { MembershipContext } from "./membership.ts";

/**
 * Checks that a group has no members.
 * @throws NON_EMPTY_GROUP
 */
export function checkEmpty(name: string, group: Group | null): void {
  const memberCount = group?.members.size ?? 0;
  if (memberCount === 0) return;
  const detail = `group ${name} has ${memberCount} members; they must leave first`;
  throw new LogError("NON_EMPTY_GROUP", detail, { facts: { memberCount } });
}

/**
 * Checks who commits: anybody while the group has no members; else a member at its present epoch, for what it has or is
 * still giving up. Without an epoch a member may commit whatever no other member has.
 *
 * @throws NON_EMPTY_GROUP, FENCED_MEMBER_EPOCH (no such member), STALE_MEMBER_EPOCH
 */
export function checkCommitter(group: Group | null, request: OffsetCommitRequest): void {
  const { group: name, memberId, memberEpoch, offsets } = request;
  if (memberId === "" && memberEpoch === -1) return checkEmpty(name, group);
  const member = group?.members.get(memberId);
  if (group === null || member === undefined) {
    const detail = `group ${name} has no member ${memberId}; rejoin with epoch 0`;
    throw new LogError("FENCED_MEMBER_EPOCH", detail);
  }
  if (memberEpoch !== -1 && memberEpoch !== member.memberEpoch) {
    const facts = { memberEpoch: member.memberEpoch };
    const detail = `member ${memberId} is at epoch ${member.memberEpoch}, not ${memberEpoch}`;
    throw new LogError("STALE_MEMBER_EPOCH", detail, { facts });
  }
  for (const { topic, partition } of offsets) {
    const isOwn =
      contains(member.assigned, topic, partition) || contains(member.revoking, topic, partition);
    const isAllowed = memberEpoch === -1 ? group.isFreeFor(memberId, topic, partition) : isOwn;
    if (isAllowed) continue;
    const facts = { topic, partition, memberEpoch: member.memberEpoch };
    const detail = `${topic}-${partition} is not assigned to member ${memberId}`;
    throw new LogError("STALE_MEMBER_EPOCH", detail, { facts });
  }
}

/**
 * The events of a commit.
 * @throws UNKNOWN_TOPIC_OR_PARTITION, INVALID_REQUEST, OFFSET_METADATA_TOO_LARGE
 */
export function offsetEvents(
  group: string,
  offsets: readonly OffsetCommitPartition[],
  context: MembershipContext,
): readonly OffsetEvent[] {
  return offsets.map((asked) => {
    const { topic, partition, offset, metadata } = asked;
    const known = context.topics(topic);
    const count = known?.partitionCount ?? 0;
    if (known === null || !Number.isInteger(partition) || partition < 0 || partition >= count) {
      const detail = `there is no partition ${partition} of topic ${topic}`;
      const facts = { topic, partition };
      throw new LogError("UNKNOWN_TOPIC_OR_PARTITION", detail, { facts });
    }
    checkOffset(asked, context.limits.metadataBytesMax);
    const committed = { offset, metadata, committedAtMs: context.nowMs, topicId: known.topicId };
    return { kind: "offset", group, topic, partition, committed };
  });
}

function checkOffset(asked: OffsetCommitPartition, metadataBytesMax: number): void {
  const { topic, partition, offset, metadata } = asked;
  const facts = { topic, partition };
  if (!Number.isSafeInteger(offset) || offset < 0) {
    const detail = `a committed offset is 0 or more, not ${offset} (${topic}-${partition})`;
    throw new LogError("INVALID_REQUEST", detail, { facts });
  }
  if (Buffer.byteLength(metadata) > metadataBytesMax) {
    const detail = `the metadata of ${topic}-${partition} has more than ${metadataBytesMax} bytes`;
    throw new LogError("OFFSET_METADATA_TOO_LARGE", detail, { facts });
  }
}

// Who may commit and ask for offsets, and what a commit of each partition comes to.

import { LogError } from "../base/error.ts";
import type {
  OffsetCommitPartition,
  OffsetCommitRequest,
  OffsetFetchOptions,
  TransactionalOffsetCommit,
} from "../services.ts";
import { contains } from "./assignment.ts";
import { checkClassicCommitter } from "./classic-checks.ts";
import type { Group, Member } from "./group.ts";
import type { GroupContext } from "./group-context.ts";
import type { Committed } from "./offsets.ts";

/**
 * Checks that a group has no members.
 * @throws NON_EMPTY_GROUP
 */
export function checkEmpty(name: string, group: Group | null): void {
  const memberCount = group?.memberCount ?? 0;
  if (memberCount === 0) return;
  const detail = `group ${name} has ${memberCount} members; they must leave first`;
  throw new LogError("NON_EMPTY_GROUP", detail, { facts: { memberCount } });
}

/**
 * Checks who commits.
 *
 * For a commit of all or none: anybody while the group has no members; else a member at its present epoch, for what it
 * has or is still giving up. Without an epoch a member may commit whatever no other member has.
 *
 * Otherwise by Kafka's rules: anybody while the group has no members, else a member at its present epoch.
 *
 * @throws NON_EMPTY_GROUP, FENCED_MEMBER_EPOCH (no such member), STALE_MEMBER_EPOCH; by Kafka's rules
 *         UNKNOWN_MEMBER_ID, GROUP_ID_NOT_FOUND, STALE_MEMBER_EPOCH; of classic groups what `checkClassicCommitter`
 *         throws
 */
export function checkCommitter(group: Group | null, request: OffsetCommitRequest): void {
  const { group: name, memberId, memberEpoch, allOrNone = true } = request;
  const classic = group?.classic ?? null;
  if (allOrNone && memberId === "" && memberEpoch === -1) return checkEmpty(name, group);
  if (classic !== null) {
    const groupInstanceId = request.instanceId ?? null;
    const who = { memberId, groupInstanceId, generationId: memberEpoch };
    return checkClassicCommitter(classic, { ...who, isTransactional: false });
  }
  if (!allOrNone) return checkByKafkasRules(group, request);
  const member = group?.members.get(memberId);
  if (group === null || member === undefined) {
    const detail = `group ${name} has no member ${memberId}; rejoin with epoch 0`;
    throw new LogError("FENCED_MEMBER_EPOCH", detail);
  }
  if (memberEpoch !== -1) checkEpochOf(member, memberEpoch);
  for (const { topic, partition } of request.offsets) {
    const isOwn =
      contains(member.assigned, topic, partition) || contains(member.revoking, topic, partition);
    const isAllowed = memberEpoch === -1 ? group.isFreeFor(memberId, topic, partition) : isOwn;
    if (isAllowed) continue;
    const facts = { topic, partition, memberEpoch: member.memberEpoch };
    const detail = `${topic}-${partition} is not assigned to member ${memberId}`;
    throw new LogError("STALE_MEMBER_EPOCH", detail, { facts });
  }
}

function checkByKafkasRules(group: Group | null, request: OffsetCommitRequest): void {
  const { group: name, memberId, memberEpoch } = request;
  if (memberEpoch < 0 && (group?.members.size ?? 0) === 0) return;
  if (group === null) throw new LogError("GROUP_ID_NOT_FOUND", `there is no group ${name}`);
  checkEpochOf(memberOf(group, memberId), memberEpoch);
}

/**
 * Checks who commits in a transaction: anybody who names no member, else a member at its present epoch.
 *
 * @throws UNKNOWN_MEMBER_ID, ILLEGAL_GENERATION; of classic groups FENCED_INSTANCE_ID
 * @see Kafka KIP-447
 */
export function checkTransactionalCommitter(
  group: Group | null,
  request: TransactionalOffsetCommit,
): void {
  const { group: name, memberId, generationIdOrMemberEpoch: epoch } = request;
  const classic = group?.classic ?? null;
  if (classic !== null) {
    const who = { memberId, groupInstanceId: request.groupInstanceId, generationId: epoch };
    return checkClassicCommitter(classic, { ...who, isTransactional: true });
  }
  if (memberId === "" && epoch < 0) return;
  if (group === null) {
    throw new LogError("ILLEGAL_GENERATION", `there is no group ${name} to be at ${epoch}`);
  }
  const member = memberOf(group, memberId);
  if (epoch === member.memberEpoch) return;
  const facts = { memberEpoch: member.memberEpoch };
  const detail = `member ${memberId} is at epoch ${member.memberEpoch}, not ${epoch}`;
  throw new LogError("ILLEGAL_GENERATION", detail, { facts });
}

/**
 * Checks who asks for committed offsets. Members of classic groups need not say who they are.
 * @throws UNKNOWN_MEMBER_ID, STALE_MEMBER_EPOCH
 */
export function checkReader(group: Group, { member }: OffsetFetchOptions): void {
  if (group.classic !== null) return;
  if (member === null || (member.memberId === "" && member.memberEpoch < 0)) return;
  checkEpochOf(memberOf(group, member.memberId), member.memberEpoch);
}

function memberOf(group: Group, memberId: string): Member {
  const member = group.members.get(memberId);
  if (member !== undefined) return member;
  throw new LogError("UNKNOWN_MEMBER_ID", `group ${group.name} has no member ${memberId}`);
}

function checkEpochOf({ memberId, memberEpoch }: Member, asked: number): void {
  if (asked === memberEpoch) return;
  const detail = `member ${memberId} is at epoch ${memberEpoch}, not ${asked}`;
  throw new LogError("STALE_MEMBER_EPOCH", detail, { facts: { memberEpoch } });
}

/**
 * What a commit of one partition is to store, or why it cannot be: UNKNOWN_TOPIC_OR_PARTITION, INVALID_REQUEST,
 * OFFSET_METADATA_TOO_LARGE.
 */
export function judgeCommit(
  asked: OffsetCommitPartition,
  { topics, limits, nowMs }: GroupContext,
): Committed | LogError {
  const { topic, partition, offset, metadata, leaderEpoch = -1 } = asked;
  const facts = { topic, partition };
  const known = topics(topic);
  const count = known?.partitionCount ?? 0;
  if (known === null || !Number.isInteger(partition) || partition < 0 || partition >= count) {
    const detail = `there is no partition ${partition} of topic ${topic}`;
    return new LogError("UNKNOWN_TOPIC_OR_PARTITION", detail, { facts });
  }
  if (!Number.isSafeInteger(offset) || offset < 0) {
    const detail = `a committed offset is 0 or more, not ${offset} (${topic}-${partition})`;
    return new LogError("INVALID_REQUEST", detail, { facts });
  }
  const { metadataBytesMax } = limits;
  if (Buffer.byteLength(metadata) > metadataBytesMax) {
    const detail = `the metadata of ${topic}-${partition} has more than ${metadataBytesMax} bytes`;
    return new LogError("OFFSET_METADATA_TOO_LARGE", detail, { facts });
  }
  return { offset, metadata, committedAtMs: nowMs, topicId: known.topicId, leaderEpoch };
}

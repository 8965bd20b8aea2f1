// One consumer group: its members, what each has and should have, who holds each partition, and its committed offsets.
//
// A group only holds and answers; what changes it are the events that `membership.ts` and `group-machine.ts` decide.
//
//   EMPTY ── a member joins ──► RECONCILING ── every member has its target ──► STABLE
//     ▲                             ▲  │                                         │
//     └──── the last member goes ───┼──┘◄──── members, subscriptions, topics ────┘
//
// Epochs only grow while a group exists: `epoch` with each such change, `assignmentEpoch` with the target computed for
// it (in the same decision, so the state ASSIGNING does not show), and a member's as it reconciles.

import { assert } from "../base/assert.ts";
import { LogError } from "../base/error.ts";
import type { GroupState } from "../services.ts";
import { type Assignment, emptyAssignment, isEqual, isSubset, union } from "./assignment.ts";
import type { AssignorName } from "./assignors.ts";
import { ClassicGroup, type Generation, rebuilt } from "./classic-group.ts";
import { OffsetTable } from "./offsets.ts";
import { PendingOffsets } from "./pending-offsets.ts";
import { type Progress, reconcile } from "./reconcile.ts";
import type { TopicPatterns } from "./topic-patterns.ts";

/** One member. Replaced as a whole, never changed. */
export interface Member extends Progress {
  readonly memberId: string;
  /** Names a static member; null for dynamic ones. */
  readonly instanceId: string | null;
  /** The epoch before this one: an answer that was lost on the way is asked for again with it. */
  readonly previousEpoch: number;
  readonly clientId: string;
  readonly clientHost: string;
  /** Sorted, without repetition. */
  readonly subscribedTopics: readonly string[];
  /** Further topics, those whose names it matches; null for none. */
  readonly subscribedTopicRegex: string | null;
  /** Its vote; null when it does not care. */
  readonly assignor: AssignorName | null;
  /** Silent for this long, it is removed. */
  readonly sessionTimeoutMs: number;
  /** Still holding what it was told to give up after this long, it is removed. */
  readonly rebalanceTimeoutMs: number;
}

/** Topics that a member subscribes to, by name and by what they match; none twice. */
export function topicsOf(
  { subscribedTopics, subscribedTopicRegex }: Member,
  patterns: TopicPatterns,
): readonly string[] {
  if (subscribedTopicRegex === null) return subscribedTopics;
  const matched = patterns.topicsOf(subscribedTopicRegex);
  if (subscribedTopics.length === 0) return matched;
  return [...new Set([...subscribedTopics, ...matched])].sort();
}

/** What is said of a group as a whole. */
export interface GroupHeader {
  /** Grows with every change of members, subscriptions or topics. */
  readonly epoch: number;
  /** The epoch the target was computed for. */
  readonly assignmentEpoch: number;
  /** A digest of the subscribed topics, their ids and partition counts when the target was computed. */
  readonly topicsDigest: string;
  /** Unix milliseconds since when there are no members; null when there are some or never were. */
  readonly emptySinceMs: number | null;
}

/** A group nobody has joined yet. */
export const newGroupHeader: GroupHeader = {
  epoch: 0,
  assignmentEpoch: 0,
  topicsDigest: "",
  emptySinceMs: null,
};

// 1 to 255 code points without control characters, halves of surrogate pairs, and separators of lines and paragraphs.
const printableName = /^[^\p{Cc}\p{Cs}\p{Zl}\p{Zp}]{1,255}$/u;

/**
 * Checks the name of a group or member: 1 to 255 printable characters.
 * @throws INVALID_GROUP_ID
 */
export function checkName(what: "group" | "member", name: string): void {
  if (printableName.test(name)) return;
  throw new LogError("INVALID_GROUP_ID", `a ${what} name is 1 to 255 printable characters`);
}

/** One group's state. */
export class Group {
  readonly name: string;
  readonly offsets = new OffsetTable();
  /** What open transactions are about to commit. */
  readonly pending = new PendingOffsets();
  readonly #members = new Map<string, Member>();
  readonly #targets = new Map<string, Assignment>();
  /** Who has each partition or is still giving it up. */
  readonly #owners = new Map<string, Map<number, string>>();
  #classic: ClassicGroup | null = null;
  header: GroupHeader = newGroupHeader;

  /** @param name Checked before. */
  constructor(name: string) {
    this.name = name;
  }

  /** Members by id, in the order they came. */
  get members(): ReadonlyMap<string, Member> {
    return this.#members;
  }

  /** The group as one of the classic protocol; null when it is of the new one. */
  get classic(): ClassicGroup | null {
    return this.#classic;
  }

  /** Members of either protocol. */
  get memberCount(): number {
    return this.#classic?.members.size ?? this.#members.size;
  }

  /** What members should have; those that should have nothing may be missing. */
  get targets(): ReadonlyMap<string, Assignment> {
    return this.#targets;
  }

  /** How far the group is. */
  get state(): GroupState {
    if (this.#classic !== null) return this.#classic.stateName;
    if (this.#members.size === 0) return "EMPTY";
    if (this.header.epoch > this.header.assignmentEpoch) return "ASSIGNING";
    for (const member of this.#members.values()) {
      if (!this.#isReconciled(member)) return "RECONCILING";
    }
    return "STABLE";
  }

  /** What a member should have. */
  targetOf(memberId: string): Assignment {
    return this.#targets.get(memberId) ?? emptyAssignment;
  }

  /** Who has the partition or is still giving it up; null when it is free. */
  ownerOf(topic: string, partition: number): string | null {
    return this.#owners.get(topic)?.get(partition) ?? null;
  }

  /** True when the group has no members, and nobody is about to become one. */
  get isVacant(): boolean {
    return this.#members.size === 0 && (this.#classic?.isVacant ?? true);
  }

  /** Unix milliseconds since when there are no members; null when there are some or never were. */
  get emptySinceMs(): number | null {
    const { emptySinceMs } = this.#classic?.generation ?? this.header;
    return emptySinceMs;
  }

  /** Topics that members subscribe to. */
  subscribedTopics(patterns: TopicPatterns): ReadonlySet<string> {
    if (this.#classic !== null) return this.#classic.subscribedTopics();
    const topics = new Set<string>();
    for (const member of this.#members.values()) {
      for (const topic of topicsOf(member, patterns)) topics.add(topic);
    }
    return topics;
  }

  /** True when a member of the new protocol subscribes to topics of that name, whether there is one or not. */
  wants(topic: string, patterns: TopicPatterns): boolean {
    for (const { subscribedTopics, subscribedTopicRegex: regex } of this.#members.values()) {
      if (subscribedTopics.includes(topic)) return true;
      if (regex !== null && patterns.matches(regex, topic)) return true;
    }
    return false;
  }

  /** True when the member's next heartbeat would tell it something: a change of its partitions, or that it is out. */
  hasNewsFor(memberId: string): boolean {
    const member = this.#members.get(memberId);
    if (member === undefined) return true;
    const next = reconcile(member, {
      target: this.targetOf(memberId),
      targetEpoch: this.header.assignmentEpoch,
      owned: null,
      isFree: (topic, partition) => this.isFreeFor(memberId, topic, partition),
    });
    return !isEqual(next.assigned, member.assigned);
  }

  /** True when nobody but the member has the partition. */
  isFreeFor(memberId: string, topic: string, partition: number): boolean {
    const owner = this.ownerOf(topic, partition);
    return owner === null || owner === memberId;
  }

  /** Puts a member in the place of the one with its id. */
  putMember(member: Member): void {
    const { memberId } = member;
    this.#release(memberId);
    for (const [topic, partitions] of union(member.assigned, member.revoking)) {
      const owners = this.#owners.get(topic) ?? new Map<number, string>();
      this.#owners.set(topic, owners);
      for (const partition of partitions) {
        const owner = owners.get(partition);
        assert(owner === undefined, `${topic}-${partition} has the owners ${owner}, ${memberId}`);
        owners.set(partition, memberId);
      }
    }
    this.#members.set(memberId, member);
  }

  /** Forgets a member and its target; what it had is free. */
  removeMember(memberId: string): void {
    this.#release(memberId);
    this.#members.delete(memberId);
    this.#targets.delete(memberId);
  }

  /** Says what a member should have. */
  putTarget(memberId: string, target: Assignment): void {
    if (target.size === 0) this.#targets.delete(memberId);
    else this.#targets.set(memberId, target);
  }

  /** Takes over a generation of the classic protocol; null makes it a group of the new one. */
  putGeneration(generation: Generation | null): void {
    if (generation === null) {
      this.#classic?.release(rebuilt(this.name));
      this.#classic = null;
    } else if (this.#classic === null) {
      this.#classic = new ClassicGroup(generation);
    } else {
      this.#classic.putGeneration(generation);
    }
  }

  /** Forgets everything. An iteration under way ends. */
  clear(): void {
    this.putGeneration(null);
    this.#members.clear();
    this.#targets.clear();
    this.#owners.clear();
    this.offsets.clear();
    this.pending.clear();
    this.header = newGroupHeader;
  }

  /** Frees what a member has. */
  #release(memberId: string): void {
    const member = this.#members.get(memberId);
    if (member === undefined) return;
    for (const [topic, partitions] of union(member.assigned, member.revoking)) {
      const owners = this.#owners.get(topic);
      for (const partition of partitions) owners?.delete(partition);
      if (owners?.size === 0) this.#owners.delete(topic);
    }
  }

  #isReconciled(member: Member): boolean {
    if (member.revoking.size > 0 || member.memberEpoch !== this.header.assignmentEpoch)
      return false;
    return isEqual(member.assigned, this.targetOf(member.memberId));
  }
}

/**
 * Checks the epoch a member heartbeats with: its present one; 0, which rejoins; or the one before, when the answer that
 * brought the present one seems lost and the member owns nothing that it has not been given.
 *
 * @throws FENCED_MEMBER_EPOCH
 */
export function checkEpoch(member: Member, epoch: number, owned: Assignment | null): void {
  if (epoch === member.memberEpoch || epoch === 0) return;
  const ownsOnlyAssigned = owned !== null && isSubset(owned, member.assigned);
  if (epoch === member.previousEpoch && ownsOnlyAssigned) return;
  throw new LogError(
    "FENCED_MEMBER_EPOCH",
    `member ${member.memberId} is at epoch ${member.memberEpoch}, not ${epoch}; join again with 0`,
    { facts: { memberEpoch: member.memberEpoch } },
  );
}

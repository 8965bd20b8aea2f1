// All consumer groups of one coordinator as a state machine: commands decide, events change.

import { LogError } from "../base/error.ts";
import type { Command, EncodedEvent, StateMachine } from "../coordinator/state-machine.ts";
import type {
  CommittedOffset,
  GroupDescription,
  GroupHeartbeatRequest,
  GroupHeartbeatResult,
  GroupListing,
  OffsetCommitPartition,
  OffsetCommitRequest,
  OffsetCommitResult,
  TopicPartition,
} from "../services.ts";
import { listOf } from "./assignment.ts";
import { checkName, Group, type Member } from "./group.ts";
import {
  decodeGroupEvent,
  encodeGroupEvent,
  type GroupEvent,
  type OffsetEvent,
} from "./group-events.ts";
import {
  decideHeartbeat,
  decideRemoval,
  decideTopicChange,
  type GroupLimits,
  type MembershipContext,
  type TopicLookup,
} from "./membership.ts";
import { checkCommitter, checkEmpty, offsetEvents } from "./offset-commits.ts";

// One decision is one batch: many lapsed offsets go in several.
const lapsedPerDecisionMax = 1000;

/** Hears of changes as they are applied, also while a log is replayed. Must not throw. */
export interface GroupObserver {
  /** A member came or changed, or went (null). */
  memberChanged(group: string, memberId: string, member: Member | null): void;
  /** Epochs, targets or members of a group changed, or it is gone. */
  groupChanged(group: string): void;
}

/** What a machine is made of. */
export interface GroupMachineOptions {
  readonly topics: TopicLookup;
  readonly limits: GroupLimits;
}

const nobody: GroupObserver = { memberChanged: () => undefined, groupChanged: () => undefined };

/** Describes when a member was last heard of, Unix milliseconds. */
export type LastSeen = (group: string, memberId: string) => number;

/** All groups by name. */
export class GroupMachine implements StateMachine<GroupEvent> {
  readonly #options: GroupMachineOptions;
  readonly #groups = new Map<string, Group>();
  #observer = nobody;

  /** @param options Topics are looked up while deciding; limits bound what is accepted. */
  constructor(options: GroupMachineOptions) {
    this.#options = options;
  }

  /** From now on tells `observer` of changes, and nobody else. */
  observe(observer: GroupObserver): void {
    this.#observer = observer;
  }

  /** Every group, in the order they were made. */
  groups(): Iterable<Group> {
    return this.#groups.values();
  }

  /** A group; null when there is none of that name. */
  find(group: string): Group | null {
    return this.#groups.get(group) ?? null;
  }

  /**
   * ConsumerGroupHeartbeat; `memberId` must be given. Epoch 0 joins, -1 leaves.
   * @see KIP-848; `membership.ts`.
   */
  heartbeat(request: GroupHeartbeatRequest): Command<GroupEvent, GroupHeartbeatResult> {
    return (nowMs) => {
      const { group: name, memberId, memberEpoch } = request;
      checkName("group", name);
      checkName("member", memberId);
      if (!Number.isSafeInteger(memberEpoch) || memberEpoch < -1) {
        throw new LogError("INVALID_REQUEST", `${memberEpoch} is not a member epoch`);
      }
      const known = this.find(name);
      const group = known ?? (memberEpoch === 0 ? this.#newGroup(name) : new Group(name));
      if (memberEpoch === -1) return decideRemoval(group, memberId, this.#context(nowMs));
      return decideHeartbeat(group, request, this.#context(nowMs));
    };
  }

  /** Removes a member that `isDue` finds to be due; decides nothing when it is gone or not due any more. */
  expire(
    group: string,
    memberId: string,
    isDue: (member: Member) => boolean,
  ): Command<GroupEvent, void> {
    return (nowMs) => {
      const known = this.find(group);
      const member = known?.members.get(memberId);
      if (known === null || member === undefined || !isDue(member)) return nothing;
      const { events } = decideRemoval(known, memberId, this.#context(nowMs));
      return { events, reply: undefined };
    };
  }

  /** Computes a group's target anew if its topics have changed. */
  refreshTopics(group: string): Command<GroupEvent, void> {
    return (nowMs) => {
      const known = this.find(group);
      if (known === null) return nothing;
      return { events: decideTopicChange(known, this.#context(nowMs)), reply: undefined };
    };
  }

  /** Forgets the offsets of a topic that is gone, in all groups. */
  forgetTopic(topic: string, topicId: string): Command<GroupEvent, void> {
    return () => {
      for (const group of this.groups()) {
        if (!group.offsets.hasTopic(topic, topicId)) continue;
        return { events: [{ kind: "topic", topic, topicId }], reply: undefined };
      }
      return nothing;
    };
  }

  /** OffsetCommit. */
  commit(request: OffsetCommitRequest): Command<GroupEvent, readonly OffsetCommitResult[]> {
    return (nowMs) => {
      const { group, offsets } = request;
      checkName("group", group);
      checkCommitter(this.find(group), request);
      const events = this.#commitEvents(group, offsets, nowMs);
      const reply = offsets.map(({ topic, partition }) => ({ topic, partition, error: null }));
      return { events, reply };
    };
  }

  /** AlterConsumerGroupOffsets: sets offsets while nobody reads. */
  alter(group: string, offsets: readonly OffsetCommitPartition[]): Command<GroupEvent, void> {
    return (nowMs) => {
      checkName("group", group);
      checkEmpty(group, this.find(group));
      return { events: this.#commitEvents(group, offsets, nowMs), reply: undefined };
    };
  }

  /** DeleteGroups, one group. */
  delete(group: string): Command<GroupEvent, void> {
    return () => {
      const known = this.#need(group);
      checkEmpty(group, known);
      return { events: [{ kind: "group", group, header: null }], reply: undefined };
    };
  }

  /**
   * Forgets offsets of a group that have lapsed, and the group when it has neither offsets nor members left. The reply
   * is true when there may be more to forget.
   */
  expireOffsets(group: string): Command<GroupEvent, boolean> {
    return (nowMs) => {
      const known = this.find(group);
      if (known === null) return { events: [], reply: false };
      const rule = {
        nowMs,
        retentionMs: this.#options.limits.offsetsRetentionMs,
        emptySinceMs: known.header.emptySinceMs,
        subscribedTopics: known.subscribedTopics(),
      };
      const lapsed = known.offsets.lapsed(rule, lapsedPerDecisionMax);
      if (lapsed.length === 0) {
        const isOver = known.offsets.isEmpty && known.members.size === 0;
        return { events: isOver ? [{ kind: "group", group, header: null }] : [], reply: false };
      }
      const events = lapsed.map(({ topic, partition }): OffsetEvent => {
        return { kind: "offset", group, topic, partition, committed: null };
      });
      return { events, reply: true };
    };
  }

  /** OffsetFetch: the given partitions in their order, or all by name. */
  committedOffsets(
    group: string,
    partitions: readonly TopicPartition[] | null,
  ): readonly CommittedOffset[] {
    checkName("group", group);
    const offsets = this.find(group)?.offsets ?? null;
    if (partitions !== null) {
      return partitions.map(({ topic, partition }) => {
        const committed = offsets?.find(topic, partition) ?? noCommit;
        return { topic, partition, ...fieldsOf(committed) };
      });
    }
    const all = [...(offsets?.entries() ?? [])].map(({ topic, partition, committed }) => {
      return { topic, partition, ...fieldsOf(committed) };
    });
    return all.sort((left, right) => {
      if (left.topic !== right.topic) return left.topic < right.topic ? -1 : 1;
      return left.partition - right.partition;
    });
  }

  /** Every group as listed, by name. */
  list(): readonly GroupListing[] {
    const listings = [...this.groups()].map(listingOf);
    return listings.sort((left, right) => (left.group < right.group ? -1 : 1));
  }

  /** ConsumerGroupDescribe. Throws GROUP_ID_NOT_FOUND. */
  describe(group: string, lastSeen: LastSeen): GroupDescription {
    const known = this.#need(group);
    const members = [...known.members.values()].map((member) => ({
      memberId: member.memberId,
      instanceId: null,
      subscribedTopicRegex: null,
      memberEpoch: member.memberEpoch,
      clientId: member.clientId,
      clientHost: member.clientHost,
      subscribedTopics: member.subscribedTopics,
      assignment: listOf(member.assigned),
      targetAssignment: listOf(known.targetOf(member.memberId)),
      lastSeenMs: lastSeen(group, member.memberId),
    }));
    members.sort((left, right) => (left.memberId < right.memberId ? -1 : 1));
    const { epoch: groupEpoch, assignmentEpoch } = known.header;
    return { ...listingOf(known), groupEpoch, assignmentEpoch, assignor: "uniform", members };
  }

  apply(event: GroupEvent): void {
    switch (event.kind) {
      case "group":
        return this.#applyGroup(event);
      case "member": {
        const { group, memberId, member } = event;
        if (member !== null) this.#ensure(group).putMember(member);
        else this.find(group)?.removeMember(memberId);
        this.#observer.memberChanged(group, memberId, member);
        return this.#observer.groupChanged(group);
      }
      case "target":
        this.#ensure(event.group).putTarget(event.memberId, event.target);
        return this.#observer.groupChanged(event.group);
      case "offset": {
        const { group, topic, partition, committed } = event;
        if (committed !== null) this.#ensure(group).offsets.put(topic, partition, committed);
        else this.find(group)?.offsets.put(topic, partition, null);
        return;
      }
      case "classic":
        if (event.generation !== null) this.#ensure(event.group).putGeneration(event.generation);
        else this.find(event.group)?.putGeneration(null);
        return;
      case "topic":
        for (const group of this.groups()) group.offsets.removeTopic(event.topic, event.topicId);
    }
  }

  encode(event: GroupEvent): EncodedEvent {
    return encodeGroupEvent(event);
  }

  decode(key: Uint8Array, value: Uint8Array | null): GroupEvent | null {
    return decodeGroupEvent(key, value);
  }

  *snapshot(): Iterable<GroupEvent> {
    for (const group of this.#groups.values()) {
      const { name } = group;
      yield { kind: "group", group: name, header: group.header };
      const { classic } = group;
      if (classic !== null) {
        yield { kind: "classic", group: name, generation: classic.generation };
      }
      for (const [memberId, member] of group.members) {
        yield { kind: "member", group: name, memberId, member };
      }
      for (const [memberId, target] of group.targets) {
        yield { kind: "target", group: name, memberId, target };
      }
      for (const { topic, partition, committed } of group.offsets.entries()) {
        yield { kind: "offset", group: name, topic, partition, committed };
      }
    }
  }

  clear(): void {
    for (const group of this.groups()) group.clear();
    this.#groups.clear();
  }

  #applyGroup({
    group,
    header,
  }: {
    readonly group: string;
    readonly header: Group["header"] | null;
  }): void {
    if (header !== null) this.#ensure(group).header = header;
    else {
      // A snapshot under way may be walking through it.
      this.find(group)?.clear();
      this.#groups.delete(group);
    }
    this.#observer.groupChanged(group);
  }

  #commitEvents(
    name: string,
    offsets: readonly OffsetCommitPartition[],
    nowMs: number,
  ): readonly GroupEvent[] {
    const events = offsetEvents(name, offsets, this.#context(nowMs));
    if (this.find(name) !== null) return events;
    return [{ kind: "group", group: name, header: this.#newGroup(name).header }, ...events];
  }

  #context(nowMs: number): MembershipContext {
    const { topics, limits } = this.#options;
    return { topics, limits, nowMs };
  }

  /** A group to decide on that is not there yet; only events put it there. */
  #newGroup(name: string): Group {
    const { groupCountMax } = this.#options.limits;
    if (this.#groups.size >= groupCountMax) {
      throw new LogError(
        "POLICY_VIOLATION",
        `there are ${groupCountMax} groups; delete some first`,
      );
    }
    return new Group(name);
  }

  #ensure(name: string): Group {
    const known = this.#groups.get(name);
    if (known !== undefined) return known;
    const group = new Group(name);
    this.#groups.set(name, group);
    return group;
  }

  #need(name: string): Group {
    const known = this.find(name);
    if (known !== null) return known;
    throw new LogError("GROUP_ID_NOT_FOUND", `there is no group ${name}`);
  }
}

const nothing = { events: [], reply: undefined } as const;

const noCommit = { offset: -1, metadata: "", committedAtMs: -1 };

function fieldsOf(committed: typeof noCommit): typeof noCommit & { readonly error: null } {
  const { offset, metadata, committedAtMs } = committed;
  return { offset, metadata, committedAtMs, error: null };
}

function listingOf(group: Group): GroupListing {
  const topics = new Set([...group.subscribedTopics(), ...group.offsets.topics()]);
  return {
    group: group.name,
    kind: "consumer",
    protocolType: "consumer",
    state: group.state,
    memberCount: group.members.size,
    topics: [...topics].sort(),
  };
}

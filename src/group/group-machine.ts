// All consumer groups of one coordinator as a state machine: commands decide, events change.

import { LogError } from "../base/error.ts";
import type { Command, EncodedEvent, StateMachine } from "../coordinator/state-machine.ts";
import type {
  CommittedOffset,
  GroupDescription,
  GroupHeartbeatRequest,
  GroupHeartbeatResult,
  GroupListing,
  OffsetFetchOptions,
  TopicPartition,
} from "../services.ts";
import { newGeneration } from "./classic-group.ts";
import { committedView } from "./committed-view.ts";
import { checkName, Group, type Member } from "./group.ts";
import { decodeGroupEvent, encodeGroupEvent, type GroupEvent } from "./group-events.ts";
import { GroupTable } from "./group-table.ts";
import { groupDescription, groupListing, type LastSeen } from "./group-view.ts";
import type { GroupContext, GroupLimits, TopicLookup } from "./group-context.ts";
import { decideHeartbeat, decideLeave, decideRemoval, decideTopicChange } from "./membership.ts";
import { OffsetCommands } from "./offset-commands.ts";
import { checkEmpty } from "./offset-commits.ts";
import { awayEpoch } from "./static-members.ts";
import { TopicPatterns } from "./topic-patterns.ts";

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
  /** The topics that members may subscribe to by regular expressions, now. */
  readonly topicNames: () => Iterable<string>;
  readonly limits: GroupLimits;
}

const nobody: GroupObserver = { memberChanged: () => undefined, groupChanged: () => undefined };

/** All groups by name. */
export class GroupMachine implements StateMachine<GroupEvent> {
  readonly #options: GroupMachineOptions;
  readonly #groups: GroupTable;
  /** What the regular expressions of members match; to be told when topics come or go. */
  readonly patterns: TopicPatterns;
  /** Commands about offsets. */
  readonly offsets: OffsetCommands;
  #observer = nobody;

  /** @param options Topics are looked up while deciding; limits bound what is accepted. */
  constructor(options: GroupMachineOptions) {
    this.#options = options;
    this.patterns = new TopicPatterns(options.topicNames);
    this.#groups = new GroupTable(options.limits.groupCountMax);
    this.offsets = new OffsetCommands({
      groups: this.#groups,
      contextAt: (nowMs) => this.#context(nowMs),
    });
  }

  /** From now on tells `observer` of changes, and nobody else. */
  observe(observer: GroupObserver): void {
    this.#observer = observer;
  }

  /** Every group, in the order they were made. */
  groups(): Iterable<Group> {
    return this.#groups.all();
  }

  /** A group; null when there is none of that name. */
  find(group: string): Group | null {
    return this.#groups.find(group);
  }

  /**
   * ConsumerGroupHeartbeat; `memberId` must be given. Epoch 0 joins, -1 leaves, -2 leaves for a moment.
   * @see KIP-848; `membership.ts`.
   */
  heartbeat(request: GroupHeartbeatRequest): Command<GroupEvent, GroupHeartbeatResult> {
    return (nowMs) => {
      const { group: name, memberId, memberEpoch } = request;
      checkName("group", name);
      checkName("member", memberId);
      if (!Number.isSafeInteger(memberEpoch) || memberEpoch < awayEpoch) {
        throw new LogError("INVALID_REQUEST", `${memberEpoch} is not a member epoch`);
      }
      const known = this.find(name);
      const wasClassic = known !== null && known.classic !== null;
      if (wasClassic && known.memberCount > 0) throw hasClassicMembers(known);
      const group = known ?? (memberEpoch === 0 ? this.#groups.newGroup(name) : new Group(name));
      if (memberEpoch < 0) return decideLeave(group, request, this.#context(nowMs));
      const decision = decideHeartbeat(group, request, this.#context(nowMs));
      if (!wasClassic) return decision;
      const change: GroupEvent = { kind: "classic", group: name, generation: null };
      return { ...decision, events: [change, ...decision.events] };
    };
  }

  /**
   * Makes a group one of the classic protocol, unless it is; it must not have members of the new one.
   * @throws INCONSISTENT_GROUP_PROTOCOL, POLICY_VIOLATION
   */
  makeClassic(name: string): Command<GroupEvent, void> {
    return () => {
      const known = this.find(name);
      if (known !== null && known.classic !== null) return nothing;
      if (known !== null && known.memberCount > 0) throw hasNewMembers(known);
      const { header } = known ?? this.#groups.newGroup(name);
      const generation = { ...newGeneration, emptySinceMs: header.emptySinceMs };
      const change: GroupEvent = { kind: "classic", group: name, generation };
      const made: GroupEvent = { kind: "group", group: name, header };
      return { events: known === null ? [made, change] : [change], reply: undefined };
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

  /** DeleteGroups, one group. */
  delete(group: string): Command<GroupEvent, void> {
    return () => {
      const known = this.#groups.need(group);
      checkEmpty(group, known);
      return { events: [{ kind: "group", group, header: null }], reply: undefined };
    };
  }

  /** OffsetFetch: the given partitions in their order, or all by name. */
  committedOffsets(
    group: string,
    partitions: readonly TopicPartition[] | null,
    options: OffsetFetchOptions = { member: null, requireStable: false },
  ): readonly CommittedOffset[] {
    checkName("group", group);
    return committedView(this.find(group), partitions, options);
  }

  /** Every group as listed, by name. */
  list(): readonly GroupListing[] {
    const listings = [...this.groups()].map((group) => groupListing(group, this.patterns));
    return listings.sort((left, right) => (left.group < right.group ? -1 : 1));
  }

  /** ConsumerGroupDescribe. Throws GROUP_ID_NOT_FOUND. */
  describe(group: string, lastSeen: LastSeen): GroupDescription {
    const known = this.#groups.need(group);
    return groupDescription(known, { patterns: this.patterns, lastSeen });
  }

  apply(event: GroupEvent): void {
    switch (event.kind) {
      case "group":
        return this.#applyGroup(event);
      case "member": {
        const { group, memberId, member } = event;
        if (member !== null) this.#groups.ensure(group).putMember(member);
        else this.find(group)?.removeMember(memberId);
        this.#observer.memberChanged(group, memberId, member);
        return this.#observer.groupChanged(group);
      }
      case "target":
        this.#groups.ensure(event.group).putTarget(event.memberId, event.target);
        return this.#observer.groupChanged(event.group);
      case "offset": {
        const { group, topic, partition, committed } = event;
        if (committed !== null) this.#groups.ensure(group).offsets.put(topic, partition, committed);
        else this.find(group)?.offsets.put(topic, partition, null);
        return;
      }
      case "classic":
        if (event.generation === null) this.find(event.group)?.putGeneration(null);
        else this.#groups.ensure(event.group).putGeneration(event.generation);
        return;
      case "pending": {
        const { group, pending } = event;
        if (pending !== null) this.#groups.ensure(group).pending.put(event, pending);
        else this.find(group)?.pending.put(event, null);
        return;
      }
      case "topic":
        for (const { offsets, pending } of this.groups()) {
          offsets.removeTopic(event.topic, event.topicId);
          pending.removeTopic(event.topic, event.topicId);
        }
        return;
    }
  }

  encode(event: GroupEvent): EncodedEvent {
    return encodeGroupEvent(event);
  }

  decode(key: Uint8Array, value: Uint8Array | null): GroupEvent | null {
    return decodeGroupEvent(key, value);
  }

  *snapshot(): Iterable<GroupEvent> {
    for (const group of this.groups()) {
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
      for (const { producerId, topic, partition, committed } of group.pending.entries()) {
        yield { kind: "pending", group: name, producerId, topic, partition, pending: committed };
      }
    }
  }

  clear(): void {
    this.#groups.clear();
  }

  #applyGroup({
    group,
    header,
  }: {
    readonly group: string;
    readonly header: Group["header"] | null;
  }): void {
    if (header !== null) this.#groups.ensure(group).header = header;
    else this.#groups.remove(group);
    this.#observer.groupChanged(group);
  }

  #context(nowMs: number): GroupContext {
    const { topics, limits } = this.#options;
    return { topics, patterns: this.patterns, limits, nowMs };
  }
}

const nothing = { events: [], reply: undefined } as const;

function hasClassicMembers({ name, memberCount }: Group): LogError {
  const detail =
    `group ${name} has ${memberCount} members of Kafka's classic protocol; members of the new one, ` +
    "as those over HTTP, can join when they have left";
  return new LogError("GROUP_ID_NOT_FOUND", detail, { facts: { memberCount } });
}

function hasNewMembers({ name, memberCount }: Group): LogError {
  const detail =
    `group ${name} has ${memberCount} members of the new protocol (KIP-848), as those over HTTP; ` +
    "members of the classic one can join when they have left";
  return new LogError("INCONSISTENT_GROUP_PROTOCOL", detail, { facts: { memberCount } });
}

// Consumer groups in memory: members, epochs, and the revoke-before-assign rule, as much as a door can notice.

import type { Clock } from "../../src/base/clock.ts";
import { LogError } from "../../src/base/error.ts";
import type {
  CommittedOffset,
  GroupDescription,
  GroupHeartbeatRequest,
  GroupHeartbeatResult,
  GroupListing,
  GroupServices,
  GroupState,
  OffsetCommitPartition,
  OffsetCommitRequest,
  OffsetCommitResult,
  TopicAssignment,
  TopicPartition,
} from "../../src/services.ts";

interface Member {
  readonly memberId: string;
  epoch: number;
  topics: readonly string[];
  // "topic/partition" of what it may read, and of what it should come to read.
  assigned: Set<string>;
  target: Set<string>;
  sessionTimeoutMs: number;
  lastSeenMs: number;
  readonly wakers: Set<() => void>;
}

interface Group {
  readonly name: string;
  epoch: number;
  readonly members: Map<string, Member>;
  readonly offsets: Map<string, CommittedOffset>;
}

const keyOf = ({ topic, partition }: TopicPartition): string => `${topic}/${partition}`;

function asAssignment(keys: ReadonlySet<string>): TopicAssignment[] {
  const byTopic = new Map<string, number[]>();
  for (const key of [...keys].sort()) {
    const cut = key.lastIndexOf("/");
    const topic = key.slice(0, cut);
    const partitions = byTopic.get(topic) ?? [];
    partitions.push(Number(key.slice(cut + 1)));
    byTopic.set(topic, partitions);
  }
  return [...byTopic].map(([topic, partitions]) => {
    return { topic, partitions: partitions.sort((left, right) => left - right) };
  });
}

/** Groups in memory. */
export class MemoryGroups implements GroupServices {
  readonly #clock: Clock;
  readonly #partitionCountOf: (topic: string) => number;
  readonly #groups = new Map<string, Group>();
  #names = 0;

  constructor(options: {
    readonly clock: Clock;
    readonly partitionCountOf: (topic: string) => number;
  }) {
    this.#clock = options.clock;
    this.#partitionCountOf = options.partitionCountOf;
  }

  /** To be called when topics come or grow. */
  topicsChanged(): void {
    for (const group of this.#groups.values()) this.#retarget(group);
  }

  async heartbeat(request: GroupHeartbeatRequest): Promise<GroupHeartbeatResult> {
    const group = this.#group(request.group);
    this.#expire(group);
    const member = this.#memberOf(group, request);
    member.lastSeenMs = this.#clock.nowMs();
    if (request.memberEpoch === -1) {
      this.#remove(group, member);
      return this.#answer(member, null);
    }
    if (request.sessionTimeoutMs !== null) member.sessionTimeoutMs = request.sessionTimeoutMs;
    const topics = request.subscribedTopics;
    if (topics !== null && topics.join() !== member.topics.join()) {
      member.topics = topics;
      this.#retarget(group);
    }
    if (request.ownedPartitions !== null) {
      const owned = new Set(
        request.ownedPartitions.flatMap(({ topic, partitions }) =>
          partitions.map((partition) => keyOf({ topic, partition })),
        ),
      );
      for (const key of member.assigned) {
        if (!member.target.has(key) && !owned.has(key)) member.assigned.delete(key);
      }
      this.#wakeAll(group);
    }
    return this.#answer(member, this.#reconcile(group, member));
  }

  assignmentChanged(name: string, memberId: string, signal: AbortSignal): Promise<void> {
    const group = this.#group(name);
    const member = group.members.get(memberId);
    if (member === undefined || signal.aborted || this.#hasNews(group, member)) {
      return Promise.resolve();
    }
    return new Promise((resolve) => {
      const wake = (): void => {
        if (group.members.has(memberId) && !signal.aborted && !this.#hasNews(group, member)) return;
        member.wakers.delete(wake);
        signal.removeEventListener("abort", wake);
        resolve();
      };
      member.wakers.add(wake);
      signal.addEventListener("abort", wake);
    });
  }

  async commitOffsets(request: OffsetCommitRequest): Promise<readonly OffsetCommitResult[]> {
    const group = this.#group(request.group);
    this.#expire(group);
    if (request.memberId === "") {
      if (group.members.size > 0) throw new LogError("NON_EMPTY_GROUP", "the group has members");
    } else {
      const member = group.members.get(request.memberId);
      if (member === undefined) throw new LogError("FENCED_MEMBER_EPOCH", "no such member");
      if (request.memberEpoch >= 0 && request.memberEpoch !== member.epoch) {
        throw new LogError("STALE_MEMBER_EPOCH", `the member's epoch is ${member.epoch}`);
      }
    }
    this.#store(group, request.offsets);
    return request.offsets.map(({ topic, partition }) => ({ topic, partition, error: null }));
  }

  async deleteOffsets(
    name: string,
    partitions: readonly TopicPartition[],
  ): Promise<readonly OffsetCommitResult[]> {
    const group = this.#group(name);
    for (const place of partitions) group.offsets.delete(keyOf(place));
    return partitions.map(({ topic, partition }) => ({ topic, partition, error: null }));
  }

  async committedOffsets(
    name: string,
    partitions: readonly TopicPartition[] | null,
  ): Promise<readonly CommittedOffset[]> {
    const known = this.#groups.get(name)?.offsets ?? new Map<string, CommittedOffset>();
    if (partitions === null) return [...known.values()];
    return partitions.map(({ topic, partition }) => {
      const none = { offset: -1, metadata: "", leaderEpoch: -1, committedAtMs: -1, error: null };
      return known.get(keyOf({ topic, partition })) ?? { topic, partition, ...none };
    });
  }

  async alterOffsets(name: string, offsets: readonly OffsetCommitPartition[]): Promise<void> {
    const group = this.#group(name);
    this.#expire(group);
    if (group.members.size > 0) throw new LogError("NON_EMPTY_GROUP", "the group has members");
    this.#store(group, offsets);
  }

  async list(): Promise<readonly GroupListing[]> {
    return [...this.#groups.values()].map((group) => this.#listing(group));
  }

  async describe(name: string): Promise<GroupDescription> {
    const group = this.#groups.get(name);
    if (group === undefined) throw new LogError("GROUP_ID_NOT_FOUND", `no group '${name}'`);
    this.#expire(group);
    return {
      ...this.#listing(group),
      groupEpoch: group.epoch,
      assignmentEpoch: group.epoch,
      assignor: "uniform",
      members: [...group.members.values()].map((member) => ({
        instanceId: null,
        subscribedTopicRegex: null,
        memberId: member.memberId,
        memberEpoch: member.epoch,
        clientId: "",
        clientHost: "",
        subscribedTopics: member.topics,
        assignment: asAssignment(member.assigned),
        targetAssignment: asAssignment(member.target),
        lastSeenMs: member.lastSeenMs,
      })),
    };
  }

  async delete(name: string): Promise<void> {
    const { memberCount } = await this.describe(name);
    if (memberCount > 0) throw new LogError("NON_EMPTY_GROUP", "the group has members");
    this.#groups.delete(name);
  }

  #group(name: string): Group {
    let group = this.#groups.get(name);
    if (group === undefined) {
      group = { name, epoch: 0, members: new Map(), offsets: new Map() };
      this.#groups.set(name, group);
    }
    return group;
  }

  #memberOf(group: Group, request: GroupHeartbeatRequest): Member {
    const known = group.members.get(request.memberId);
    if (request.memberEpoch === 0) {
      if (known !== undefined) this.#remove(group, known);
      const member: Member = {
        memberId: request.memberId === "" ? `member-${++this.#names}` : request.memberId,
        epoch: 0,
        topics: [],
        assigned: new Set(),
        target: new Set(),
        sessionTimeoutMs: 45_000,
        lastSeenMs: this.#clock.nowMs(),
        wakers: new Set(),
      };
      group.members.set(member.memberId, member);
      return member;
    }
    if (known === undefined) throw new LogError("UNKNOWN_MEMBER_ID", "no such member");
    if (request.memberEpoch !== -1 && request.memberEpoch !== known.epoch) {
      throw new LogError("FENCED_MEMBER_EPOCH", `the member's epoch is ${known.epoch}`);
    }
    return known;
  }

  // Partitions dealt out in turn to the members in the order of their names.
  #retarget(group: Group): void {
    group.epoch++;
    const members = [...group.members.values()].sort((a, b) => (a.memberId < b.memberId ? -1 : 1));
    for (const member of members) member.target = new Set();
    for (const topic of new Set(members.flatMap((member) => member.topics))) {
      const readers = members.filter((member) => member.topics.includes(topic));
      for (let partition = 0; partition < this.#partitionCountOf(topic); partition++) {
        readers[partition % readers.length]?.target.add(keyOf({ topic, partition }));
      }
    }
    this.#wakeAll(group);
  }

  #reconcile(group: Group, member: Member): readonly TopicAssignment[] {
    const kept = [...member.assigned].filter((key) => member.target.has(key));
    const isRevoking = kept.length < member.assigned.size;
    if (isRevoking) return asAssignment(new Set(kept));
    const free = [...member.target].filter((key) => !this.#ownerOf(group, key));
    for (const key of free) member.assigned.add(key);
    if (member.epoch < group.epoch) member.epoch = group.epoch;
    return asAssignment(member.assigned);
  }

  #ownerOf(group: Group, key: string): boolean {
    return [...group.members.values()].some((member) => member.assigned.has(key));
  }

  #hasNews(group: Group, member: Member): boolean {
    const mustGive = [...member.assigned].some((key) => !member.target.has(key));
    const canTake = [...member.target].some((key) => !this.#ownerOf(group, key));
    return mustGive || canTake || member.epoch < group.epoch;
  }

  #wakeAll(group: Group): void {
    for (const member of group.members.values()) for (const wake of member.wakers) wake();
  }

  #remove(group: Group, member: Member): void {
    group.members.delete(member.memberId);
    for (const wake of member.wakers) wake();
    this.#retarget(group);
  }

  #expire(group: Group): void {
    const nowMs = this.#clock.nowMs();
    for (const member of group.members.values()) {
      if (nowMs - member.lastSeenMs > member.sessionTimeoutMs) this.#remove(group, member);
    }
  }

  #store(group: Group, offsets: readonly OffsetCommitPartition[]): void {
    const committedAtMs = this.#clock.nowMs();
    for (const offset of offsets) {
      if (offset.partition >= this.#partitionCountOf(offset.topic)) {
        throw new LogError("UNKNOWN_TOPIC_OR_PARTITION", `no ${keyOf(offset)}`);
      }
    }
    for (const offset of offsets)
      group.offsets.set(keyOf(offset), { leaderEpoch: -1, ...offset, committedAtMs, error: null });
  }

  #listing(group: Group): GroupListing {
    const members = [...group.members.values()];
    const topics = new Set(members.flatMap((member) => member.topics));
    for (const { topic } of group.offsets.values()) topics.add(topic);
    const isSettled = members.every((member) => !this.#hasNews(group, member));
    const state: GroupState = members.length === 0 ? "EMPTY" : isSettled ? "STABLE" : "RECONCILING";
    const kind = { kind: "consumer", protocolType: "consumer" } as const;
    return {
      group: group.name,
      ...kind,
      state,
      memberCount: members.length,
      topics: [...topics].sort(),
    };
  }

  #answer(member: Member, assignment: readonly TopicAssignment[] | null): GroupHeartbeatResult {
    const { memberId, epoch } = member;
    return { memberId, memberEpoch: epoch, heartbeatIntervalMs: 5000, assignment };
  }
}

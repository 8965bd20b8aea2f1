// Members of share groups: who reads, and which partitions each is sent to. They hold nothing that must outlive the
// process: after a restart they join again, and what they have acquired stays theirs until it lapses.

import type { Clock } from "../base/clock.ts";
import { LogError } from "../base/error.ts";
import { TimerQueue } from "../base/timer-queue.ts";
import type {
  ShareGroupDescription,
  ShareHeartbeatRequest,
  ShareHeartbeatResult,
  TopicAssignment,
  TopicListing,
} from "../services.ts";

/** What members are kept with. */
export interface ShareMembersOptions {
  readonly clock: Clock;
  readonly topic: (name: string) => TopicListing | null;
}

interface Member {
  readonly memberId: string;
  readonly rackId: string | null;
  readonly clientId: string;
  readonly clientHost: string;
  topics: readonly string[];
  epoch: number;
  /** The one before: whoever still names it has not had the last answer. */
  previousEpoch: number;
  assignment: readonly TopicAssignment[];
}

interface Group {
  epoch: number;
  readonly members: Map<string, Member>;
  /** What the assignment was made of. */
  fingerprint: string;
}

const sessionTimeoutMs = 45_000;
const heartbeatIntervalMs = 5000;
const membersMax = 200;
const memberIdLengthMax = 36;

/** Members by group. */
export class ShareMembers {
  readonly #options: ShareMembersOptions;
  readonly #groups = new Map<string, Group>();
  readonly #sessions: TimerQueue;

  constructor(options: ShareMembersOptions) {
    this.#options = options;
    this.#sessions = new TimerQueue(options.clock);
  }

  /** How many members a group has. */
  countOf(group: string): number {
    return this.#groups.get(group)?.members.size ?? 0;
  }

  /** See `ShareServices.heartbeat`. */
  heartbeat(request: ShareHeartbeatRequest): ShareHeartbeatResult {
    const { group: name, memberId, memberEpoch } = request;
    if (memberId === "" || memberId.length > memberIdLengthMax) {
      const detail = `a member id has 1 to ${memberIdLengthMax} characters`;
      throw new LogError("INVALID_REQUEST", detail);
    }
    const group = this.#groupOf(name);
    if (memberEpoch === -1) {
      this.#remove(name, memberId);
      return { memberId, memberEpoch, heartbeatIntervalMs: 0, assignment: null };
    }
    const member = memberEpoch === 0 ? join(group, request) : known(group, request);
    if (request.subscribedTopics !== null) member.topics = [...request.subscribedTopics];
    this.#sessions.set(`${name} ${memberId}`, sessionTimeoutMs, () => this.#remove(name, memberId));
    this.#assign(group);
    if (member.epoch !== group.epoch) {
      member.previousEpoch = member.epoch;
      member.epoch = group.epoch;
    }
    const assignment = memberEpoch === group.epoch ? null : member.assignment;
    return { memberId, memberEpoch: member.epoch, heartbeatIntervalMs, assignment };
  }

  /** The part of a description that members make. */
  describe(name: string): Omit<ShareGroupDescription, "group" | "state"> {
    const group = this.#groups.get(name);
    const epoch = group?.epoch ?? 0;
    const members = [...(group?.members.values() ?? [])].map((member) => ({
      memberId: member.memberId,
      rackId: member.rackId,
      memberEpoch: member.epoch,
      clientId: member.clientId,
      clientHost: member.clientHost,
      subscribedTopics: member.topics,
      assignment: member.assignment,
    }));
    return { groupEpoch: epoch, assignmentEpoch: epoch, assignor: "simple", members };
  }

  // Every partition has a member; where there are more members than partitions they share.
  #assign(group: Group): void {
    const print = this.#fingerprintOf(group);
    if (print === group.fingerprint) return;
    group.fingerprint = print;
    group.epoch++;
    const members = [...group.members.values()];
    const given = new Map(members.map((member) => [member, new Map<string, number[]>()]));
    for (const topic of new Set(members.flatMap(({ topics }) => topics))) {
      const readers = members.filter(({ topics }) => topics.includes(topic));
      const partitionCount = this.#options.topic(topic)?.partitionCount ?? 0;
      for (let step = 0; step < Math.max(readers.length, partitionCount); step++) {
        const reader = readers[step % readers.length];
        if (reader === undefined || partitionCount === 0) break;
        const partitions = given.get(reader)?.get(topic) ?? [];
        partitions.push(step % partitionCount);
        given.get(reader)?.set(topic, partitions);
      }
    }
    for (const [member, topics] of given) {
      member.assignment = [...topics].map(([topic, partitions]) => ({ topic, partitions }));
    }
  }

  #fingerprintOf({ members }: Group): string {
    const topics = new Set([...members.values()].flatMap((member) => member.topics));
    const sizes = [...topics].map((topic) => {
      const listing = this.#options.topic(topic);
      return [topic, listing?.topicId ?? "", listing?.partitionCount ?? 0];
    });
    return JSON.stringify([
      sizes,
      [...members.values()].map((each) => [each.memberId, each.topics]),
    ]);
  }

  #groupOf(name: string): Group {
    const known = this.#groups.get(name);
    if (known !== undefined) return known;
    const group: Group = { epoch: 0, members: new Map(), fingerprint: "" };
    this.#groups.set(name, group);
    return group;
  }

  #remove(name: string, memberId: string): void {
    const group = this.#groups.get(name);
    group?.members.delete(memberId);
    this.#sessions.cancel(`${name} ${memberId}`);
    if (group !== undefined) this.#assign(group);
  }
}

function join(group: Group, request: ShareHeartbeatRequest): Member {
  const { memberId, rackId, clientId, clientHost, subscribedTopics } = request;
  if (subscribedTopics === null || subscribedTopics.length === 0) {
    throw new LogError("INVALID_REQUEST", "a member names the topics it wants when it joins");
  }
  if (!group.members.has(memberId) && group.members.size >= membersMax) {
    throw new LogError("GROUP_MAX_SIZE_REACHED", `a share group has at most ${membersMax} members`);
  }
  const topics = [...subscribedTopics];
  const member: Member = {
    memberId,
    rackId,
    clientId,
    clientHost,
    topics,
    epoch: 0,
    previousEpoch: 0,
    // Of whoever joins again; what it wants may be what the assignment was made of.
    assignment: group.members.get(memberId)?.assignment ?? [],
  };
  group.members.set(memberId, member);
  return member;
}

function known(group: Group, { memberId, memberEpoch }: ShareHeartbeatRequest): Member {
  const member = group.members.get(memberId);
  if (member === undefined) {
    throw new LogError("UNKNOWN_MEMBER_ID", `the group has no member '${memberId}'`);
  }
  if (memberEpoch === member.epoch || memberEpoch === member.previousEpoch) return member;
  const detail = `member epoch ${memberEpoch} is not ${member.epoch}`;
  throw new LogError("FENCED_MEMBER_EPOCH", detail);
}

// One member of a consumer group as the door remembers it between polls.
//
// All of it is soft: lost, it is rebuilt by rejoining and reading the committed offsets. Positions move only when
// a reply was sent in full, so a poll whose reply was lost gives the same records again.

import { LogError } from "../../base/error.ts";
import type {
  GroupHeartbeatResult,
  GroupServices,
  IsolationLevel,
  OffsetCommitPartition,
  Services,
  TopicAssignment,
  TopicPartition,
  TopicServices,
} from "../../services.ts";
import { byPlace } from "./group-view.ts";
import { resolvePosition } from "./positions.ts";

/** What a poll says of the member itself. */
export interface MemberTerms {
  readonly group: string;
  /** Empty until the coordinator has named the member. */
  readonly memberId: string;
  readonly topics: readonly string[];
  /** Null: the group's default. */
  readonly sessionTimeoutMs: number | null;
  readonly clientId: string;
  readonly clientHost: string;
}

/** Where partitions without a committed offset start, and what is read of them. */
export interface StartTerms {
  readonly from: "earliest" | "latest";
  readonly isolation: IsolationLevel;
}

/** A partition the member owns. */
export interface OwnedPartition extends TopicPartition {
  /** Of the topic when the partition was taken over; null while there is none of the name. */
  readonly topicId: string | null;
  /** Next offset to return; null until it has been looked up. */
  position: number | null;
}

const sessionTimeoutMsDefault = 45_000;
// A heartbeat can bring a change that must be confirmed by the next; more than this in a row waits for the next
// poll.
const confirmationsMax = 5;

const placeKey = ({ topic, partition }: TopicPartition): string => `${partition} ${topic}`;

/** A member between polls. Its methods are called by one poll at a time. */
export class PollSession {
  readonly group: string;
  #terms: MemberTerms;
  #memberId: string;
  #epoch = 0;
  #subscribed: readonly string[] = [];
  readonly #owned = new Map<string, OwnedPartition>();
  #delivered: readonly OffsetCommitPartition[] = [];
  /** How often a heartbeat is due while a poll waits. */
  heartbeatIntervalMs = 5000;

  /** @param terms Of the first poll. */
  constructor(terms: MemberTerms) {
    this.group = terms.group;
    this.#memberId = terms.memberId;
    this.#terms = terms;
  }

  get memberId(): string {
    return this.#memberId;
  }

  get epoch(): number {
    return this.#epoch;
  }

  /** How long the member may be silent. */
  get sessionTimeoutMs(): number {
    return this.#terms.sessionTimeoutMs ?? sessionTimeoutMsDefault;
  }

  /** What the member may read, by topic and partition. */
  owned(): readonly OwnedPartition[] {
    return [...this.#owned.values()].sort(byPlace);
  }

  /** The same as clients are shown it. */
  assignment(): readonly TopicAssignment[] {
    const byTopic = new Map<string, number[]>();
    for (const { topic, partition } of this.owned()) {
      const partitions = byTopic.get(topic);
      if (partitions === undefined) byTopic.set(topic, [partition]);
      else partitions.push(partition);
    }
    return [...byTopic].map(([topic, partitions]) => ({ topic, partitions }));
  }

  /** Takes the terms of the next poll. */
  renew(terms: MemberTerms): void {
    this.#terms = terms;
  }

  /**
   * A reply was sent in full: its records count as returned.
   *
   * @returns What takes that back, should it turn out that the reply did not arrive; without effect after the next
   *          poll.
   */
  deliver(
    places: readonly { readonly owned: OwnedPartition; readonly nextOffset: number }[],
  ): () => void {
    const before = places.map(({ owned }) => owned.position);
    const delivered = places.map(({ owned, nextOffset }) => {
      owned.position = nextOffset;
      const { topic, partition } = owned;
      return { topic, partition, offset: nextOffset, metadata: "" };
    });
    this.#delivered = delivered;
    return () => {
      if (this.#delivered !== delivered) return;
      this.#delivered = [];
      for (const [index, { owned }] of places.entries()) owned.position = before[index] ?? null;
    };
  }

  /** Forgets what the previous reply returned without committing it. */
  forgetDelivered(): void {
    this.#delivered = [];
  }

  /**
   * Commits what the previous reply returned. What the member has lost meanwhile is not committed: its new
   * owner returns
   * it again.
   */
  async commitDelivered({ groups, topics }: Services): Promise<void> {
    this.#forgetReplaced(topics);
    const offsets = this.#delivered;
    this.#delivered = [];
    if (offsets.length === 0) return;
    try {
      await this.#commit(groups, offsets);
    } catch (error) {
      if (isNamed(error, "STALE_MEMBER_EPOCH"))
        await this.#commitAgain({ groups, topics }, offsets);
      else if (isLost(error)) this.#forget();
      else if (!isNamed(error, "UNKNOWN_TOPIC_OR_PARTITION")) {
        this.#delivered = offsets;
        throw error;
      }
    }
  }

  /**
   * Tells the coordinator that the member lives and takes over what it answers. True when the set of owned
   * partitions
   * has changed.
   */
  async heartbeat({ groups, topics }: Services): Promise<boolean> {
    let hasChanged = this.#forgetReplaced(topics);
    for (let count = 0; count < confirmationsMax; count++) {
      const answer = await this.#beat(groups, true);
      if (answer === null) {
        hasChanged = true;
        continue;
      }
      if (answer.assignment === null || !this.#adopt(answer.assignment, topics)) break;
      hasChanged = true;
    }
    return hasChanged;
  }

  /** Finds the position of every owned partition that has none: the committed offset, else where `from` says. */
  async placePositions(services: Services, start: StartTerms): Promise<void> {
    const open = this.owned().filter(({ position }) => position === null);
    if (open.length === 0) return;
    const committed = await services.groups.committedOffsets(this.group, open);
    for (const [index, owned] of open.entries()) {
      const { offset = -1 } = committed[index] ?? {};
      if (offset >= 0) owned.position = offset;
      else await resetPosition(services, owned, start);
    }
  }

  /** Leaves the group. @throws UNKNOWN_MEMBER_ID */
  async leave(groups: GroupServices): Promise<void> {
    this.#epoch = -1;
    await groups.heartbeat({
      group: this.group,
      memberId: this.#memberId,
      memberEpoch: -1,
      subscribedTopics: null,
      ownedPartitions: null,
      serverAssignor: null,
      rebalanceTimeoutMs: this.sessionTimeoutMs,
      sessionTimeoutMs: null,
      clientId: this.#terms.clientId,
      clientHost: this.#terms.clientHost,
    });
    this.#forget();
  }

  // One heartbeat; null when the coordinator no longer knows the member, which then rejoins by the next one.
  async #beat(groups: GroupServices, reportsOwned: boolean): Promise<GroupHeartbeatResult | null> {
    const { topics, clientId, clientHost } = this.#terms;
    const isJoining = this.#epoch === 0;
    const isSame = !isJoining && topics.join("/") === this.#subscribed.join("/");
    try {
      const answer = await groups.heartbeat({
        group: this.group,
        memberId: this.#memberId,
        memberEpoch: this.#epoch,
        subscribedTopics: isSame ? null : topics,
        ownedPartitions: isJoining ? [] : reportsOwned ? this.assignment() : null,
        serverAssignor: null,
        rebalanceTimeoutMs: this.sessionTimeoutMs,
        sessionTimeoutMs: this.#terms.sessionTimeoutMs,
        clientId,
        clientHost,
      });
      this.#memberId = answer.memberId;
      this.#epoch = answer.memberEpoch;
      this.#subscribed = topics;
      this.heartbeatIntervalMs = Math.min(answer.heartbeatIntervalMs, this.sessionTimeoutMs / 3);
      return answer;
    } catch (error) {
      if (isJoining || !isLost(error)) throw error;
      this.#forget();
      return null;
    }
  }

  async #commit(groups: GroupServices, offsets: readonly OffsetCommitPartition[]): Promise<void> {
    const { group } = this;
    const memberId = this.#memberId;
    await groups.commitOffsets({ group, memberId, memberEpoch: this.#epoch, offsets });
  }

  // The epoch has moved on: learn the new one without giving anything up, and commit what is still the member's.
  async #commitAgain(
    { groups, topics }: Pick<Services, "groups" | "topics">,
    offsets: readonly OffsetCommitPartition[],
  ): Promise<void> {
    const answer = await this.#beat(groups, false);
    if (answer === null) return;
    const { assignment } = answer;
    const kept = offsets.filter(({ topic, partition }) => {
      if (assignment === null) return this.#owned.has(placeKey({ topic, partition }));
      return assignment.some((part) => part.topic === topic && part.partitions.includes(partition));
    });
    if (assignment !== null) this.#adopt(assignment, topics);
    if (kept.length === 0) return;
    try {
      await this.#commit(groups, kept);
    } catch (error) {
      if (isLost(error)) this.#forget();
      else if (!isNamed(error, "STALE_MEMBER_EPOCH")) throw error;
    }
  }

  // A topic deleted and made anew under the same name has other records at the same offsets: positions in the one mean
  // nothing in the other. True when there were such.
  #forgetReplaced(topics: TopicServices): boolean {
    let hasChanged = false;
    for (const [key, owned] of this.#owned) {
      const { topic, partition } = owned;
      const topicId = topics.lookup(topic)?.topicId ?? null;
      if (topicId === owned.topicId) continue;
      this.#owned.set(key, { topic, partition, topicId, position: null });
      this.#delivered = this.#delivered.filter((place) => placeKey(place) !== key);
      hasChanged = true;
    }
    return hasChanged;
  }

  #adopt(assignment: readonly TopicAssignment[], topics: TopicServices): boolean {
    const wanted = new Map<string, TopicPartition>();
    for (const { topic, partitions } of assignment) {
      for (const partition of partitions) {
        wanted.set(placeKey({ topic, partition }), { topic, partition });
      }
    }
    let hasChanged = false;
    for (const key of this.#owned.keys()) {
      if (wanted.has(key)) continue;
      this.#owned.delete(key);
      hasChanged = true;
    }
    for (const [key, place] of wanted) {
      if (this.#owned.has(key)) continue;
      const topicId = topics.lookup(place.topic)?.topicId ?? null;
      this.#owned.set(key, { ...place, topicId, position: null });
      hasChanged = true;
    }
    return hasChanged;
  }

  #forget(): void {
    this.#epoch = 0;
    this.#owned.clear();
    this.#delivered = [];
  }
}

/** Moves a position to where `from` says; null when the partition is gone. */
export async function resetPosition(
  services: Services,
  owned: OwnedPartition,
  { from, isolation }: StartTerms,
): Promise<void> {
  const { topic, partition } = owned;
  owned.position = null;
  try {
    const where = { topic, partitions: [partition], isolation };
    const [offset = 0] = await resolvePosition(services.data, { kind: from }, where);
    owned.position = offset;
  } catch (error) {
    if (!isNamed(error, "UNKNOWN_TOPIC_OR_PARTITION")) throw error;
  }
}

function isNamed(error: unknown, code: LogError["code"]): boolean {
  return error instanceof LogError && error.code === code;
}

function isLost(error: unknown): boolean {
  return isNamed(error, "UNKNOWN_MEMBER_ID") || isNamed(error, "FENCED_MEMBER_EPOCH");
}

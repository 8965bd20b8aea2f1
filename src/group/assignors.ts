// Who should read what: `uniform` balances the number of partitions, `range` gives each member a stretch of each topic.
//
// Both are functions of the members, their subscriptions, the topics and the target before; names break ties, so the
// same input gives the same target. Both stay near the target before:
// - uniform keeps every partition where it is, gives the free ones to those with the fewest, and then moves as few as
//   it takes until no chain of moves could even out two members that differ by two or more. What is left is as even as
//   the subscriptions allow; among equal subscriptions members differ by at most one.
// - range keeps the members in the order of their stretches, newcomers last; so stretches shift, but never leap.

import { assert } from "../base/assert.ts";
import type { Assignment } from "./assignment.ts";

/** The assignors there are. */
export type AssignorName = "uniform" | "range";

/** One member as an assignor sees it. */
export interface AssignableMember {
  readonly memberId: string;
  /** Topics it wants; those not in the topics given are ignored. */
  readonly subscribedTopics: readonly string[];
  /** Its part of the target before. */
  readonly current: Assignment;
}

/** Members and the partition counts of the topics that exist. */
export interface AssignmentProblem {
  readonly members: readonly AssignableMember[];
  readonly partitionCounts: ReadonlyMap<string, number>;
}

/** Computes a target: every partition of a topic that somebody wants goes to exactly one who wants it. */
export function assign(
  assignor: AssignorName,
  problem: AssignmentProblem,
): ReadonlyMap<string, Assignment> {
  return assignor === "range" ? assignRange(problem) : new UniformAssignor(problem).assign();
}

/** Who wants each topic, in order of the members given. */
function subscribersByTopic({
  members,
  partitionCounts,
}: AssignmentProblem): Map<string, AssignableMember[]> {
  const subscribers = new Map<string, AssignableMember[]>();
  for (const member of members) {
    for (const topic of member.subscribedTopics) {
      if (!partitionCounts.has(topic)) continue;
      const known = subscribers.get(topic);
      if (known === undefined) subscribers.set(topic, [member]);
      else known.push(member);
    }
  }
  return subscribers;
}

function byId(left: AssignableMember, right: AssignableMember): number {
  return left.memberId < right.memberId ? -1 : 1;
}

function assignRange(problem: AssignmentProblem): ReadonlyMap<string, Assignment> {
  const { members, partitionCounts } = problem;
  const places = new Map(members.map((member) => [member, placeOf(member, partitionCounts)]));
  const ordered = [...members].sort((left, right) => {
    const apart = (places.get(left) ?? 0) - (places.get(right) ?? 0);
    return apart === 0 || Number.isNaN(apart) ? byId(left, right) : apart;
  });
  const result = new Map<string, Map<string, number[]>>();
  for (const member of members) result.set(member.memberId, new Map());
  for (const [topic, subscribers] of subscribersByTopic({ members: ordered, partitionCounts })) {
    const count = partitionCounts.get(topic) ?? 0;
    let next = 0;
    subscribers.forEach((member, index) => {
      const extra = index < count % subscribers.length ? 1 : 0;
      const length = Math.floor(count / subscribers.length) + extra;
      if (length === 0) return;
      const stretch = Array.from({ length }, (_, step) => next + step);
      result.get(member.memberId)?.set(topic, stretch);
      next += length;
    });
  }
  return result;
}

/**
 * Where a member's stretches begin, from 0 to 1; Infinity without any. With equal subscriptions a member has stretches
 * in all topics in which the one behind it has, and they begin earlier: the least fraction keeps their order.
 */
function placeOf(member: AssignableMember, counts: ReadonlyMap<string, number>): number {
  let place = Infinity;
  for (const [topic, partitions] of member.current) {
    const count = counts.get(topic) ?? 0;
    const first = partitions[0];
    if (first !== undefined && count > 0) place = Math.min(place, first / count);
  }
  return place;
}

/** A member's share while it is being worked out. */
interface Share {
  readonly member: AssignableMember;
  /** Partitions by topic, in any order. */
  readonly held: Map<string, number[]>;
  count: number;
}

/** How a search for a taker came to a member: who (null at the start) hands it a partition of what topic. */
interface Step {
  readonly from: Share | null;
  readonly topic: string;
  /** Moves from the start. */
  readonly distance: number;
}

class UniformAssignor {
  readonly #shares: readonly Share[];
  readonly #subscribers = new Map<string, Share[]>();
  /** By topic, 1 for each partition that somebody holds. */
  readonly #taken = new Map<string, Uint8Array>();

  constructor({ members, partitionCounts }: AssignmentProblem) {
    this.#shares = [...members].sort(byId).map((member) => ({ member, held: new Map(), count: 0 }));
    for (const share of this.#shares) {
      for (const topic of share.member.subscribedTopics) {
        const known = this.#subscribers.get(topic);
        if (known !== undefined) known.push(share);
        else if (partitionCounts.has(topic)) this.#subscribers.set(topic, [share]);
      }
    }
    for (const topic of this.#subscribers.keys()) {
      this.#taken.set(topic, new Uint8Array(partitionCounts.get(topic) ?? 0));
    }
  }

  assign(): ReadonlyMap<string, Assignment> {
    for (const share of this.#shares) this.#keep(share);
    this.#fill();
    this.#even();
    const result = new Map<string, Assignment>();
    for (const { member, held } of this.#shares) {
      const assignment = new Map<string, readonly number[]>();
      for (const [topic, partitions] of held) {
        if (partitions.length > 0)
          assignment.set(
            topic,
            partitions.sort((a, b) => a - b),
          );
      }
      result.set(member.memberId, assignment);
    }
    return result;
  }

  /** A member holds what it held, as far as the topic has the partition and it still wants the topic. */
  #keep(share: Share): void {
    const { current, subscribedTopics } = share.member;
    for (const [topic, partitions] of current) {
      const taken = this.#taken.get(topic);
      if (taken === undefined || !subscribedTopics.includes(topic)) continue;
      for (const partition of partitions) {
        if (taken[partition] !== 0) continue;
        taken[partition] = 1;
        give(share, topic, partition);
      }
    }
  }

  /** Gives free partitions to those with the fewest; first the topics that fewest want, which leaves most choice. */
  #fill(): void {
    const topics = [...this.#subscribers].sort(
      (left, right) => left[1].length - right[1].length || (left[0] < right[0] ? -1 : 1),
    );
    for (const [topic, subscribers] of topics) {
      const taken = this.#taken.get(topic) ?? new Uint8Array();
      let partition = taken.indexOf(0);
      if (partition < 0) continue;
      const leastFirst = [...subscribers].sort((left, right) => left.count - right.count);
      // Those before `next` have been raised to one above the lowest level; `next` is the first still on it.
      let next = 0;
      for (; partition >= 0; partition = taken.indexOf(0, partition + 1)) {
        const share = leastFirst[next];
        assert(share !== undefined, "a topic that is filled has subscribers");
        const level = share.count;
        give(share, topic, partition);
        next++;
        const following = leastFirst[next];
        if (following === undefined || following.count > level) next = 0;
      }
    }
  }

  /**
   * Moves partitions along chains from members with many to members with at least two fewer, while there are such.
   *
   * @see Harvey, Ladner, Lovász, Tamir, "Semi-matchings for bipartite graphs and load balancing": without such a chain
   *      the distribution is the most even one.
   */
  #even(): void {
    const done = new Set<Share>();
    for (;;) {
      let most: Share | null = null;
      let leastCount = Infinity;
      for (const share of this.#shares) {
        leastCount = Math.min(leastCount, share.count);
        if (!done.has(share) && share.count > (most?.count ?? 0)) most = share;
      }
      if (most === null || most.count - leastCount < 2) return;
      this.#relieve(most, leastCount, done);
    }
  }

  /**
   * Moves one partition away from `start`, over as few others as can be and to the one with the fewest there; or adds
   * to `done` all who cannot be relieved. Nobody has less than `leastCount`.
   */
  #relieve(start: Share, leastCount: number, done: Set<Share>): void {
    const steps = new Map<Share, Step>([[start, { from: null, topic: "", distance: 0 }]]);
    const topicsSeen = new Set<string>();
    let best: Share | null = null;
    let bestDistance = Infinity;
    // The map grows while it is walked: it is the queue of the search as well.
    search: for (const [share, { distance }] of steps) {
      if (distance >= bestDistance) break;
      for (const [topic, partitions] of share.held) {
        if (partitions.length === 0 || topicsSeen.has(topic)) continue;
        topicsSeen.add(topic);
        for (const taker of this.#subscribers.get(topic) ?? []) {
          if (steps.has(taker)) continue;
          steps.set(taker, { from: share, topic, distance: distance + 1 });
          if (taker.count > start.count - 2 || taker.count >= (best?.count ?? Infinity)) continue;
          best = taker;
          bestDistance = distance + 1;
          if (taker.count === leastCount) break search;
        }
      }
    }
    if (best !== null) {
      move(best, steps);
      return;
    }
    // Whoever was reached and has no more than `start` reaches no further than `start` did.
    for (const share of steps.keys()) if (share.count <= start.count) done.add(share);
  }
}

/** Hands one partition along the steps that led to `end`. */
function move(end: Share, steps: ReadonlyMap<Share, Step>): void {
  let taker = end;
  for (;;) {
    const step = steps.get(taker);
    if (step === undefined || step.from === null) return;
    const partition = step.from.held.get(step.topic)?.pop();
    assert(partition !== undefined, `${step.from.member.memberId} hands on what it holds`);
    step.from.count--;
    give(taker, step.topic, partition);
    taker = step.from;
  }
}

function give(share: Share, topic: string, partition: number): void {
  const held = share.held.get(topic);
  if (held === undefined) share.held.set(topic, [partition]);
  else held.push(partition);
  share.count++;
}

/** The assignor most members ask for; `uniform` when they are even or do not care. */
export function electAssignor(votes: Iterable<AssignorName | null>): AssignorName {
  let balance = 0;
  for (const vote of votes) {
    if (vote === "range") balance++;
    else if (vote === "uniform") balance--;
  }
  return balance > 0 ? "range" : "uniform";
}

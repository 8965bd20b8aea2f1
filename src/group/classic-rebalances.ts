// The rebalances of all classic groups: when one begins, whom it waits for and for how long, and how it ends.
//
// Everything here is memory and deadlines, but for the generation that ends a rebalance: it is stored before anybody
// hears of it, so that no generation is ever given out twice. When it cannot be stored those who wait are refused, and
// join again.

import type { Clock } from "../base/clock.ts";
import type { LogError } from "../base/error.ts";
import { TimerQueue } from "../base/timer-queue.ts";
import type { Coordinator } from "../coordinator/coordinator.ts";
import { rebalancing, unknownMember } from "./classic-checks.ts";
import { joinResult, nextGeneration } from "./classic-generation.ts";
import type { ClassicGroup, ClassicMember } from "./classic-group.ts";
import type { GroupEvent } from "./group-events.ts";
import type { GroupMachine } from "./group-machine.ts";
import type { GroupLimits } from "./group-context.ts";

// How long to wait before an empty group that could not be stored is tried again.
const emptyRetryMs = 1000;

/** What rebalances act on. */
export interface RebalancesOptions {
  readonly coordinator: Coordinator<GroupEvent>;
  readonly machine: GroupMachine;
  readonly clock: Clock;
  readonly limits: GroupLimits;
}

/** A change of the members, for `change`. */
export interface MembersChange {
  /** All of them; the caller gives the map away. */
  readonly members: Map<string, ClassicMember>;
  readonly protocolType: string;
  readonly leaderId: string | null;
}

/** Sessions and rebalances of all classic groups. */
export class ClassicRebalances {
  readonly #options: RebalancesOptions;
  readonly #timers: TimerQueue;
  /** When members were last heard of, Unix milliseconds. */
  readonly #seenMs = new Map<string, number>();

  /** @param options The groups, and where generations are stored. */
  constructor(options: RebalancesOptions) {
    this.#options = options;
    this.#timers = new TimerQueue(options.clock);
  }

  /** The group of the name, if it is of the classic protocol. */
  find(name: string): ClassicGroup | null {
    return this.#options.machine.find(name)?.classic ?? null;
  }

  /** When a member was last heard of, Unix milliseconds; 0 when it is not known. */
  lastSeenMs(name: string, memberId: string): number {
    return this.#seenMs.get(keyOf(name, memberId)) ?? 0;
  }

  /** A member has been heard of: its session begins anew, unless a call of it is parked. */
  touch(name: string, memberId: string): void {
    const group = this.find(name);
    const member = group?.members.get(memberId);
    if (group === null || member === undefined) return;
    const key = keyOf(name, memberId);
    this.#seenMs.set(key, this.#options.clock.nowMs());
    const isParked = group.joins.has(memberId) || group.syncs.has(memberId);
    if (isParked) this.#timers.cancel(`session ${key}`);
    else
      this.#timers.set(`session ${key}`, member.sessionTimeoutMs, () =>
        this.#expire(name, memberId),
      );
  }

  /** Keeps an id for a new member until it comes back with it, for as long as its session would last. */
  expect(name: string, memberId: string, sessionTimeoutMs: number): void {
    const group = this.find(name);
    group?.pendingIds.add(memberId);
    this.#timers.set(`pending ${keyOf(name, memberId)}`, sessionTimeoutMs, () => {
      if (this.find(name)?.pendingIds.delete(memberId) === true) this.completeIfJoined(name);
    });
  }

  /** The member came back with its id, or never will. True when it was expected. */
  arrived(name: string, memberId: string): boolean {
    this.#timers.cancel(`pending ${keyOf(name, memberId)}`);
    return this.find(name)?.pendingIds.delete(memberId) ?? false;
  }

  /** The group has other members from now on: begins a rebalance if none is under way. */
  change(name: string, { members, protocolType, leaderId }: MembersChange): void {
    const group = this.find(name);
    if (group === null) return;
    const isNew = group.rebalance === null;
    const hasNewcomer = !isNew && members.size > group.members.size;
    const initial = group.rebalance === null ? this.#initialDelay(group) : group.rebalance.initial;
    if (initial !== null) initial.hasNewcomer ||= hasNewcomer;
    group.rebalance = { members, protocolType, leaderId, initial };
    if (!isNew) return;
    this.#timers.cancel(`sync ${name}`);
    group.unsyncedIds.clear();
    for (const { memberId, reject } of group.syncs.takeAll()) {
      reject(rebalancing());
      this.touch(name, memberId);
    }
    this.#arm(name, group);
  }

  /** Takes members out, with whatever calls of theirs are parked. Ids that are not known do no harm. */
  remove(name: string, memberIds: readonly string[]): void {
    const group = this.find(name);
    const known = memberIds.filter((memberId) => group?.members.has(memberId) === true);
    if (group === null || known.length === 0) return;
    const members = new Map(group.members);
    for (const memberId of known) {
      members.delete(memberId);
      this.#forget(name, memberId);
      group.joins.reject(memberId, unknownMember(memberId));
      group.syncs.reject(memberId, unknownMember(memberId));
    }
    const leaderId = group.rebalance?.leaderId ?? group.generation.leaderId;
    this.change(name, { members, protocolType: group.protocolType, leaderId });
    this.completeIfJoined(name);
  }

  /** Another member has taken the place of this one: nothing is left of it. */
  replaced(name: string, memberId: string, error: LogError): void {
    const group = this.find(name);
    this.#forget(name, memberId);
    group?.joins.reject(memberId, error);
    group?.syncs.reject(memberId, error);
  }

  /** Ends the rebalance under way if it waits for nobody any more. */
  completeIfJoined(name: string): void {
    const group = this.find(name);
    if (group === null || group.rebalance === null) return;
    const { members, initial } = group.rebalance;
    const isWaiting = initial !== null || group.pendingIds.size > 0;
    const isComplete = !isWaiting && group.joins.size === members.size;
    if (isComplete || members.size === 0) this.#complete(name, group);
  }

  /** After a replay: everybody has full time, to speak and, where the leader has not spoken yet, to sync. */
  restart(): void {
    this.#timers.clear();
    this.#seenMs.clear();
    for (const { name, classic } of this.#options.machine.groups()) {
      if (classic === null) continue;
      for (const memberId of classic.members.keys()) {
        this.touch(name, memberId);
        if (classic.state === "CompletingRebalance") classic.unsyncedIds.add(memberId);
      }
      this.#armSync(name, classic);
    }
  }

  /** Forgets every deadline and refuses every call that is parked. */
  stop(error: LogError): void {
    this.#timers.clear();
    for (const { classic } of this.#options.machine.groups()) classic?.release(error);
  }

  #initialDelay(group: ClassicGroup): { startedAtMs: number; hasNewcomer: boolean } | null {
    const { limits, clock } = this.#options;
    if (limits.initialRebalanceDelayMs === 0 || group.members.size > 0) return null;
    return { startedAtMs: clock.monotonicMs(), hasNewcomer: false };
  }

  /** The longest that the rebalance may wait from now on. */
  #arm(name: string, group: ClassicGroup): void {
    const { limits, clock } = this.#options;
    const initial = group.rebalance?.initial ?? null;
    const wholeMs = group.rebalanceTimeoutMs();
    const leftMs =
      initial === null
        ? wholeMs
        : Math.min(
            limits.initialRebalanceDelayMs,
            initial.startedAtMs + wholeMs - clock.monotonicMs(),
          );
    this.#timers.set(`join ${name}`, leftMs, () => this.#joinTimeIsUp(name));
  }

  #joinTimeIsUp(name: string): void {
    const group = this.find(name);
    if (group === null || group.rebalance === null || !this.#isReady()) return;
    const { members, initial } = group.rebalance;
    if (initial !== null) {
      const { clock } = this.#options;
      const isBounded = clock.monotonicMs() >= initial.startedAtMs + group.rebalanceTimeoutMs();
      if (initial.hasNewcomer && !isBounded) {
        initial.hasNewcomer = false;
        this.#arm(name, group);
        return;
      }
    }
    for (const { memberId, instanceId } of members.values()) {
      if (instanceId !== null || group.joins.has(memberId)) continue;
      members.delete(memberId);
      this.#forget(name, memberId);
    }
    // Static members stay until their sessions end, but there is no generation that nobody has joined.
    if (group.joins.size === 0 && members.size > 0) this.#arm(name, group);
    else this.#complete(name, group);
  }

  #complete(name: string, group: ClassicGroup): void {
    const { coordinator, clock } = this.#options;
    this.#timers.cancel(`join ${name}`);
    if (group.members.size === 0 && group.generation.members.size === 0) {
      group.rebalance = null;
      return;
    }
    const generation = nextGeneration(group, clock.nowMs());
    const stored = coordinator.run(() => ({
      events: [{ kind: "classic", group: name, generation }],
      reply: undefined,
    }));
    if (group.generation !== generation) {
      stored.catch((error: unknown) => this.#refused(name, group, error));
      return;
    }
    const calls = group.joins.takeAll();
    for (const { memberId } of calls) {
      group.unsyncedIds.add(memberId);
      this.touch(name, memberId);
    }
    this.#armSync(name, group);
    stored.then(
      () => {
        for (const { memberId, resolve } of calls) resolve(joinResult(generation, memberId));
      },
      (error: unknown) => {
        for (const { reject } of calls) reject(error);
      },
    );
  }

  /** The generation could not be stored: who waits for it has to join again, for which there is time. */
  #refused(name: string, group: ClassicGroup, error: unknown): void {
    if (this.find(name) !== group || group.rebalance === null) return;
    for (const { memberId, reject } of group.joins.takeAll()) {
      reject(error);
      this.touch(name, memberId);
    }
    const waitMs = Math.max(emptyRetryMs, group.rebalanceTimeoutMs());
    this.#timers.set(`join ${name}`, waitMs, () => this.#joinTimeIsUp(name));
  }

  /** Members that have joined must ask for their assignment in time. */
  #armSync(name: string, group: ClassicGroup): void {
    const generation = group.generation.generationId;
    if (group.unsyncedIds.size === 0) return;
    this.#timers.set(`sync ${name}`, group.rebalanceTimeoutMs(), () => {
      if (!this.#isReady() || this.find(name) !== group || group.rebalance !== null) return;
      if (group.generation.generationId !== generation) return;
      this.remove(name, [...group.unsyncedIds]);
    });
  }

  #expire(name: string, memberId: string): void {
    if (!this.#isReady()) return;
    if (this.find(name)?.members.has(memberId) === true) this.remove(name, [memberId]);
    else this.#forget(name, memberId);
  }

  #forget(name: string, memberId: string): void {
    const key = keyOf(name, memberId);
    this.#seenMs.delete(key);
    this.#timers.cancel(`session ${key}`);
  }

  #isReady(): boolean {
    return this.#options.coordinator.state === "ready";
  }
}

/** One text for group and member; a group's name holds no control character. */
function keyOf(name: string, memberId: string): string {
  return `${name}\n${memberId}`;
}

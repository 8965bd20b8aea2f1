// One group of the classic protocol: its generation, and the rebalance that leads to the next.
//
//   Empty ── a member joins ──► PreparingRebalance ── all have joined, or time is up ──► CompletingRebalance
//     ▲                             ▲  │                                                      │ the leader syncs
//     └────── the last one goes ────┼──┘◄── members come, go or change ──── Stable ◄──────────┘
//
// The generation is what is stored: who is in it, who leads it and, once the leader has said so, who does what. All
// else is memory: who has joined again, which calls are parked. A restart forgets it, and members go on with the last
// generation or begin the rebalance anew.

import { LogError } from "../base/error.ts";
import type {
  ClassicGroupState,
  GroupProtocol,
  GroupState,
  JoinGroupResult,
  SyncGroupResult,
} from "../services.ts";
import { ParkedCalls } from "./classic-parked-calls.ts";
import { metadataOf } from "./classic-protocols.ts";
import { subscribedTopicsOf } from "./classic-subscription.ts";

/** One member. Replaced as a whole, never changed; so are its bytes. */
export interface ClassicMember {
  readonly memberId: string;
  /** Names a static member; null for dynamic ones. */
  readonly instanceId: string | null;
  readonly clientId: string;
  readonly clientHost: string;
  /** Silent for this long, it is removed. */
  readonly sessionTimeoutMs: number;
  /** Not joined again after this long of a rebalance, it is removed. */
  readonly rebalanceTimeoutMs: number;
  /** In order of preference. */
  readonly protocols: readonly GroupProtocol[];
  /** What the leader gave it in this generation; empty before. */
  readonly assignment: Uint8Array;
}

/** One generation of a group. Replaced as a whole, never changed. */
export interface Generation {
  /** Grows with each; 0 before the first. */
  readonly generationId: number;
  /** `consumer`, `connect`; empty while nobody has ever joined. */
  readonly protocolType: string;
  /** The protocol that all members work with; empty without members. */
  readonly protocolName: string;
  /** Null without members. */
  readonly leaderId: string | null;
  /** By id. */
  readonly members: ReadonlyMap<string, ClassicMember>;
  /** The leader has handed out the work. */
  readonly isAssigned: boolean;
  /** Unix milliseconds since when there are no members; null when there are some or never were. */
  readonly emptySinceMs: number | null;
}

/** A group of this kind that nobody has joined yet. */
export const newGeneration: Generation = {
  generationId: 0,
  protocolType: "",
  protocolName: "",
  leaderId: null,
  members: new Map(),
  isAssigned: false,
  emptySinceMs: null,
};

/** The first rebalance of an empty group waits for more members. */
export interface InitialDelay {
  /** On the monotonic clock. */
  readonly startedAtMs: number;
  /** Somebody has come since the wait began or was last extended. */
  hasNewcomer: boolean;
}

/** The way to the next generation. */
export interface Rebalance {
  /** Everybody who is to be in it, joined again or not yet. */
  readonly members: Map<string, ClassicMember>;
  protocolType: string;
  /** Leads the next generation too if it joins again. */
  leaderId: string | null;
  /** Null when the group had members. */
  readonly initial: InitialDelay | null;
}

/** The states by the names that they have among groups of both protocols. */
const stateNames = {
  Empty: "EMPTY",
  PreparingRebalance: "PREPARING_REBALANCE",
  CompletingRebalance: "COMPLETING_REBALANCE",
  Stable: "STABLE",
} as const satisfies Partial<Record<ClassicGroupState, GroupState>>;

/** One group's state. */
export class ClassicGroup {
  generation: Generation;
  /** Null while none is under way. */
  rebalance: Rebalance | null = null;
  /** Members that have joined the rebalance and wait for its end. */
  readonly joins = new ParkedCalls<JoinGroupResult>();
  /** Members that wait for the leader's assignment. */
  readonly syncs = new ParkedCalls<SyncGroupResult>();
  /** Ids given to new members that have not come back with them yet. */
  readonly pendingIds = new Set<string>();
  /** Members that have joined the generation and not asked for their assignment yet. */
  readonly unsyncedIds = new Set<string>();

  /** @param generation The last one that is known. */
  constructor(generation: Generation) {
    this.generation = generation;
  }

  /** Where the group is; one that is gone is Dead, and then there is no such object. */
  get state(): keyof typeof stateNames {
    if (this.rebalance !== null) return "PreparingRebalance";
    if (this.generation.members.size === 0) return "Empty";
    return this.generation.isAssigned ? "Stable" : "CompletingRebalance";
  }

  /** The same, as groups of both protocols say it. */
  get stateName(): GroupState {
    return stateNames[this.state];
  }

  /** True when the group has neither members nor anybody who is about to become one. */
  get isVacant(): boolean {
    return this.members.size === 0 && this.rebalance === null && this.pendingIds.size === 0;
  }

  /** Everybody in the group by id: of the generation, or of the rebalance under way. */
  get members(): ReadonlyMap<string, ClassicMember> {
    return this.rebalance?.members ?? this.generation.members;
  }

  /** What kind of group: of the members there are, or were last. */
  get protocolType(): string {
    return this.rebalance?.protocolType ?? this.generation.protocolType;
  }

  /** Who has the instance id; null when it is not known. */
  memberIdOf(instanceId: string): string | null {
    for (const member of this.members.values()) {
      if (member.instanceId === instanceId) return member.memberId;
    }
    return null;
  }

  /** Topics that consumers in the group subscribe to, as far as their metadata can be read. */
  subscribedTopics(): ReadonlySet<string> {
    const topics = new Set<string>();
    for (const member of this.members.values()) {
      for (const topic of this.topicsOf(member)) topics.add(topic);
    }
    return topics;
  }

  /** Topics that one member subscribes to; none when it is no consumer. Sorted. */
  topicsOf({ protocols }: ClassicMember): readonly string[] {
    if (this.protocolType !== "consumer") return [];
    const topics = protocols.flatMap(({ metadata }) => subscribedTopicsOf(metadata) ?? []);
    return [...new Set(topics)].sort();
  }

  /** True when all that members need can be known: at rest, and each says what it subscribes to. */
  hasKnownTopics(): boolean {
    if (this.isVacant) return true;
    if (this.state !== "Stable" || this.protocolType !== "consumer") return false;
    return [...this.members.values()].every((member) => {
      return subscribedTopicsOf(metadataOf(member, this.generation.protocolName)) !== null;
    });
  }

  /** The largest rebalance timeout of the members; 0 without any. */
  rebalanceTimeoutMs(): number {
    let largestMs = 0;
    for (const member of this.members.values()) {
      largestMs = Math.max(largestMs, member.rebalanceTimeoutMs);
    }
    return largestMs;
  }

  /** Takes over a generation that was stored; it ends the rebalance. */
  putGeneration(generation: Generation): void {
    this.generation = generation;
    this.rebalance = null;
  }

  /** Answers every parked call with an error and forgets all that is memory only. */
  release(error: LogError): void {
    this.joins.rejectAll(error);
    this.syncs.rejectAll(error);
    this.pendingIds.clear();
    this.unsyncedIds.clear();
    this.rebalance = null;
  }
}

/** What parked calls hear when what they waited in is rebuilt or gone. */
export function rebuilt(group: string): LogError {
  return new LogError("COORDINATOR_LOAD_IN_PROGRESS", `group ${group} is being read from its log`);
}

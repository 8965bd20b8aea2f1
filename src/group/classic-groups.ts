// Groups of the classic protocol as the waist wants them: joins and syncs that wait for each other, on the same
// coordinator as the groups of the new protocol.

import type { Clock } from "../base/clock.ts";
import { LogError } from "../base/error.ts";
import type { Random } from "../base/random.ts";
import type { Coordinator } from "../coordinator/coordinator.ts";
import type { Decision } from "../coordinator/state-machine.ts";
import type {
  ClassicGroupDescription,
  ClassicGroupServices,
  GenerationMember,
  JoinGroupRequest,
  JoinGroupResult,
  LeaveResult,
  LeavingMember,
  SyncGroupRequest,
  SyncGroupResult,
} from "../services.ts";
import {
  checkGeneration,
  checkJoinRequest,
  checkMember,
  rebalancing,
  unknownMember,
} from "./classic-checks.ts";
import { assigned, syncResult } from "./classic-generation.ts";
import type { ClassicGroup } from "./classic-group.ts";
import { decideJoin } from "./classic-join.ts";
import type { ParkedCall } from "./classic-parked-calls.ts";
import { ClassicRebalances } from "./classic-rebalances.ts";
import { describeClassic } from "./classic-view.ts";
import { checkName, type Group } from "./group.ts";
import type { GroupEvent } from "./group-events.ts";
import type { GroupMachine } from "./group-machine.ts";
import { holderOf } from "./static-members.ts";
import type { GroupLimits } from "./group-context.ts";

/** What classic groups are made of. */
export interface ClassicGroupsOptions {
  readonly coordinator: Coordinator<GroupEvent>;
  readonly machine: GroupMachine;
  readonly clock: Clock;
  readonly random: Random;
  readonly limits: GroupLimits;
}

/** Classic groups over the coordinator of all groups. */
export class ClassicGroups implements ClassicGroupServices {
  readonly #options: ClassicGroupsOptions;
  readonly #coordinator: Coordinator<GroupEvent>;
  readonly #rebalances: ClassicRebalances;

  /** @param options The coordinator must have replayed its log; `restart` then begins the sessions. */
  constructor(options: ClassicGroupsOptions) {
    this.#options = options;
    this.#coordinator = options.coordinator;
    this.#rebalances = new ClassicRebalances(options);
  }

  /** When a member was last heard of, Unix milliseconds; 0 when it is not known. */
  lastSeenMs(group: string, memberId: string): number {
    return this.#rebalances.lastSeenMs(group, memberId);
  }

  /** A member has been heard of in another way, as by a commit. */
  touch(group: string, memberId: string): void {
    this.#rebalances.touch(group, memberId);
  }

  /** To be called after each replay: members have their full time again. */
  restart(): void {
    this.#rebalances.restart();
  }

  /** Refuses every call that is parked, and forgets all deadlines. */
  stop(error: LogError): void {
    this.#rebalances.stop(error);
  }

  async join(request: JoinGroupRequest): Promise<JoinGroupResult> {
    const { machine, limits, random } = this.#options;
    const { group, memberId } = request;
    checkName("group", group);
    checkJoinRequest(request, limits);
    // A member with an id belongs to a group that there is.
    if (memberId === "" || machine.find(group) !== null) {
      await this.#coordinator.run(machine.makeClassic(group));
    }
    if (request.signal?.aborted === true) throw unknownMember(memberId);
    const context = { rebalances: this.#rebalances, random, membersMax: limits.membersPerGroupMax };
    const joined = this.#coordinator.run(() => decideJoin(context, request));
    this.#rebalances.completeIfJoined(group);
    const reply = await joined;
    if (isParked(reply)) return await reply.answer;
    this.#rebalances.touch(group, reply.memberId);
    return reply;
  }

  async sync(request: SyncGroupRequest): Promise<SyncGroupResult> {
    const { group: name, memberId } = request;
    const synced = this.#coordinator.run(() => this.#decideSync(request));
    const group = this.#rebalances.find(name);
    if (group !== null && group.generation.isAssigned) this.#answerSyncs(name, group, synced);
    const reply = await synced;
    if (isParked(reply)) return await reply.answer;
    this.#rebalances.touch(name, memberId);
    return reply;
  }

  async heartbeat(member: GenerationMember): Promise<void> {
    await this.#coordinator.query(() => {
      const group = this.#speaking(member);
      this.#rebalances.touch(member.group, member.memberId);
      if (group.state === "PreparingRebalance") throw rebalancing();
    });
  }

  async leave(name: string, members: readonly LeavingMember[]): Promise<readonly LeaveResult[]> {
    const isNew = this.#options.machine.find(name)?.classic === null;
    return isNew ? await this.#removeNew(name, members) : await this.#leave(name, members);
  }

  describe(group: string): Promise<ClassicGroupDescription> {
    return this.#coordinator.query(() => describeClassic(group, this.#options.machine.find(group)));
  }

  async #leave(name: string, members: readonly LeavingMember[]): Promise<readonly LeaveResult[]> {
    const leavingIds: string[] = [];
    const left = this.#coordinator.query(() => {
      return members.map((member): LeaveResult => {
        const error = this.#checkLeaving(name, member, leavingIds);
        return { ...member, error };
      });
    });
    this.#rebalances.remove(name, leavingIds);
    this.#rebalances.completeIfJoined(name);
    return await left;
  }

  /** Members of the new protocol leave by their heartbeat, but administrators remove them this way. */
  async #removeNew(
    name: string,
    members: readonly LeavingMember[],
  ): Promise<readonly LeaveResult[]> {
    const { machine } = this.#options;
    const removed = members.map(async (member): Promise<LeaveResult> => {
      const error = await this.#coordinator.run((nowMs) => {
        const { leaver, error: refusal } = leaverOf(machine.find(name), member);
        if (leaver === null) return { events: [], reply: refusal };
        return { ...machine.expire(name, leaver, () => true)(nowMs), reply: refusal };
      });
      return { ...member, error };
    });
    return await Promise.all(removed);
  }

  /** The group that a member of its present generation speaks to. */
  #speaking(member: GenerationMember): ClassicGroup {
    const group = this.#rebalances.find(member.group);
    checkMember(group, member);
    if (group === null) throw unknownMember(member.memberId);
    checkGeneration(group, member.generationId);
    return group;
  }

  #decideSync(
    request: SyncGroupRequest,
  ): Decision<GroupEvent, SyncGroupResult | ParkedCall<SyncGroupResult>> {
    const { group: name, memberId } = request;
    const group = this.#speaking(request);
    const { generation } = group;
    checkProtocol(generation, request);
    const { state } = group;
    if (state === "PreparingRebalance") throw rebalancing();
    if (state === "CompletingRebalance" && memberId === generation.leaderId) {
      const given = request.assignments.map((one) => [one.memberId, one.assignment] as const);
      const next = assigned(generation, new Map(given));
      return {
        events: [{ kind: "classic", group: name, generation: next }],
        reply: syncResult(next, memberId),
      };
    }
    group.unsyncedIds.delete(memberId);
    if (state === "Stable") return { events: [], reply: syncResult(generation, memberId) };
    const call = group.syncs.park(memberId, rebalancing());
    this.#rebalances.touch(name, memberId);
    return { events: [], reply: call };
  }

  /** The assignment is there: answers those who wait for it once it is durable. */
  #answerSyncs(name: string, group: ClassicGroup, stored: Promise<unknown>): void {
    const { generation } = group;
    if (generation.leaderId !== null) group.unsyncedIds.delete(generation.leaderId);
    const calls = group.syncs.takeAll();
    for (const { memberId } of calls) this.#rebalances.touch(name, memberId);
    stored.then(
      () => {
        for (const { memberId, resolve } of calls) resolve(syncResult(generation, memberId));
      },
      (error: unknown) => {
        for (const { reject } of calls) reject(error);
      },
    );
  }

  /** What keeps a member from leaving; else notes its id. */
  #checkLeaving(name: string, member: LeavingMember, leavingIds: string[]): LeaveResult["error"] {
    const group = this.#rebalances.find(name);
    const { memberId, groupInstanceId } = member;
    if (memberId !== "" && this.#rebalances.arrived(name, memberId)) return null;
    const holder = groupInstanceId === null ? null : (group?.memberIdOf(groupInstanceId) ?? null);
    try {
      const known = checkMember(group, { memberId: memberId || (holder ?? ""), groupInstanceId });
      if (leavingIds.includes(known.memberId)) return "UNKNOWN_MEMBER_ID";
      leavingIds.push(known.memberId);
      return null;
    } catch (error) {
      if (error instanceof LogError) return error.code;
      throw error;
    }
  }
}

/** Which member of a group of the new protocol is meant, or why none is. */
function leaverOf(
  group: Group | null,
  { memberId, groupInstanceId }: LeavingMember,
): { readonly leaver: string | null; readonly error: LeaveResult["error"] } {
  const holder =
    group === null || groupInstanceId === null ? null : holderOf(group, groupInstanceId);
  if (holder !== null && memberId !== "" && memberId !== holder.memberId) {
    return { leaver: null, error: "FENCED_INSTANCE_ID" };
  }
  const named = groupInstanceId === null ? (group?.members.get(memberId) ?? null) : holder;
  return { leaver: named?.memberId ?? null, error: named === null ? "UNKNOWN_MEMBER_ID" : null };
}

/** @throws INCONSISTENT_GROUP_PROTOCOL */
function checkProtocol(
  generation: ClassicGroup["generation"],
  { protocolType, protocolName }: SyncGroupRequest,
): void {
  const isSame =
    (protocolType === null || protocolType === generation.protocolType) &&
    (protocolName === null || protocolName === generation.protocolName);
  if (isSame) return;
  const detail = `the group works with ${generation.protocolType}/${generation.protocolName}`;
  throw new LogError("INCONSISTENT_GROUP_PROTOCOL", detail);
}

function isParked<Result>(reply: Result | ParkedCall<Result>): reply is ParkedCall<Result> {
  return typeof reply === "object" && reply !== null && "answer" in reply;
}

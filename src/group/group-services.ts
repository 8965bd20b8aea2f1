// Consumer groups as the waist wants them: the group machine on a coordinator, sessions, waiters and topic changes.

import type { Clock } from "../base/clock.ts";
import { LogError } from "../base/error.ts";
import type { Logger } from "../base/logger.ts";
import { type Random, randomUuid } from "../base/random.ts";
import { TimerQueue } from "../base/timer-queue.ts";
import { Coordinator, type CoordinatorState } from "../coordinator/coordinator.ts";
import type { StateLog } from "../coordinator/state-log.ts";
import type { Command } from "../coordinator/state-machine.ts";
import type {
  CommittedOffset,
  GroupDescription,
  GroupHeartbeatRequest,
  GroupHeartbeatResult,
  GroupListing,
  GroupServices,
  OffsetCommitPartition,
  OffsetCommitRequest,
  OffsetCommitResult,
  OffsetFetchOptions,
  ProducerIdentity,
  TopicPartition,
  TransactionalOffsetCommit,
} from "../services.ts";
import { AssignmentWaiters } from "./assignment-waiters.ts";
import { ClassicGroups } from "./classic-groups.ts";
import type { GroupEvent } from "./group-events.ts";
import { GroupMachine } from "./group-machine.ts";
import type { GroupLimits, TopicLookup } from "./group-context.ts";
import { Sessions } from "./sessions.ts";

const topicRetryMs = 1000;

/** What group services are made of. */
export interface GroupServicesOptions {
  /** Holds the state of groups and nothing else; stays the caller's to close. */
  readonly log: StateLog;
  /** The topics there are, synchronously. */
  readonly topics: TopicLookup;
  /** Those of them that members may subscribe to by regular expressions. */
  readonly topicNames: () => Iterable<string>;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly limits: GroupLimits;
  /** As in `CoordinatorOptions`. */
  readonly snapshotGrowthBytes: number | null;
  /** Says how old offsets are; `clock` when absent. */
  readonly ageClock?: Clock;
}

/** Consumer groups over one log. */
export class GroupServicesOver implements GroupServices {
  /** The groups of the classic protocol, on the same coordinator. */
  readonly classic: ClassicGroups;
  readonly #options: GroupServicesOptions;
  readonly #machine: GroupMachine;
  readonly #coordinator: Coordinator<GroupEvent>;
  readonly #sessions: Sessions;
  readonly #waiters: AssignmentWaiters;
  readonly #timers: TimerQueue;

  private constructor(parts: {
    readonly options: GroupServicesOptions;
    readonly machine: GroupMachine;
    readonly coordinator: Coordinator<GroupEvent>;
  }) {
    this.#options = parts.options;
    this.#machine = parts.machine;
    this.#coordinator = parts.coordinator;
    this.classic = new ClassicGroups({ ...parts.options, ...parts });
    this.#waiters = new AssignmentWaiters((group, memberId) => {
      return this.#machine.find(group)?.hasNewsFor(memberId) ?? true;
    });
    this.#sessions = new Sessions(parts);
    this.#machine.observe({
      memberChanged: (group, memberId, member) => this.#sessions.changed(group, memberId, member),
      groupChanged: (group) => this.#waiters.groupChanged(group),
    });
    this.#timers = new TimerQueue(parts.options.clock);
  }

  /**
   * Replays the log, gives every member its full session time, and catches up with topics that changed meanwhile.
   * @throws KAFKA_STORAGE_ERROR or CORRUPT_MESSAGE when the log cannot be replayed.
   */
  static async open(options: GroupServicesOptions): Promise<GroupServicesOver> {
    const { clock, logger, log, snapshotGrowthBytes } = options;
    const machine = new GroupMachine(options);
    let services: GroupServicesOver | null = null;
    const coordinator = await Coordinator.open<GroupEvent>({
      name: "the group coordinator",
      machine,
      log,
      clock,
      logger,
      snapshotGrowthBytes,
      onLoaded: () => {
        if (services !== null) services.#loaded();
      },
      onFailed: () => {
        const detail = "the group coordinator cannot write its log any more";
        services?.classic.stop(new LogError("COORDINATOR_NOT_AVAILABLE", detail));
      },
    });
    services = new GroupServicesOver({ options, machine, coordinator });
    services.#loaded();
    services.#scheduleExpiry();
    return services;
  }

  /** Whether the groups can be used. */
  get state(): CoordinatorState {
    return this.#coordinator.state;
  }

  /** Members parked in `assignmentChanged`. */
  get waiterCount(): number {
    return this.#waiters.count;
  }

  async heartbeat(request: GroupHeartbeatRequest): Promise<GroupHeartbeatResult> {
    const isNew = request.memberId === "" && request.memberEpoch === 0;
    const memberId = isNew ? randomUuid(this.#options.random) : request.memberId;
    const command = this.#machine.heartbeat({ ...request, memberId });
    let isAlive = false;
    const result = this.#coordinator.run((nowMs) => {
      const decision = command(nowMs);
      isAlive = request.memberEpoch !== -1;
      return decision;
    });
    // The member counts as heard of when it spoke and not when the disk has answered.
    if (isAlive) this.#sessions.touch(request.group, memberId, this.#options.clock.nowMs());
    return await result;
  }

  assignmentChanged(group: string, memberId: string, signal: AbortSignal): Promise<void> {
    return this.#waiters.wait(group, memberId, signal);
  }

  async commitOffsets(request: OffsetCommitRequest): Promise<readonly OffsetCommitResult[]> {
    const command = this.#machine.offsets.commit(request);
    let isTaken = false;
    const committed = this.#coordinator.run((nowMs) => {
      const decision = command(nowMs);
      isTaken = true;
      return decision;
    });
    // Of members, only those of classic groups are kept alive by their commits.
    if (isTaken) this.classic.touch(request.group, request.memberId);
    return await committed;
  }

  committedOffsets(
    group: string,
    partitions: readonly TopicPartition[] | null,
    options?: OffsetFetchOptions,
  ): Promise<readonly CommittedOffset[]> {
    return this.#coordinator.query(() =>
      this.#machine.committedOffsets(group, partitions, options),
    );
  }

  alterOffsets(group: string, offsets: readonly OffsetCommitPartition[]): Promise<void> {
    return this.#coordinator.run(this.#machine.offsets.alter(group, offsets));
  }

  deleteOffsets(
    group: string,
    partitions: readonly TopicPartition[],
  ): Promise<readonly OffsetCommitResult[]> {
    return this.#coordinator.run(this.#machine.offsets.delete(group, partitions));
  }

  /**
   * TxnOffsetCommit (API 28): the offsets are kept aside until `endTransaction`. One result a partition; a group that
   * does not exist is made. That the producer is in an open transaction with the group is the caller's to check, in the
   * same turn: otherwise the transaction may end before its offsets are here, and nothing would settle them.
   *
   * @throws UNKNOWN_MEMBER_ID, ILLEGAL_GENERATION, FENCED_INSTANCE_ID, when a member is named; INVALID_GROUP_ID,
   *         POLICY_VIOLATION
   */
  commitTransactional(request: TransactionalOffsetCommit): Promise<readonly OffsetCommitResult[]> {
    return this.#coordinator.run(this.#machine.offsets.commitTransactional(request));
  }

  /**
   * Commits or drops what the producer has pending in a group, whole or not at all; durable when it resolves. Harmless
   * when repeated, and when there is nothing or no such group.
   */
  endTransaction(group: string, producer: ProducerIdentity, isCommit: boolean): Promise<void> {
    return this.#coordinator.run(this.#machine.offsets.endTransaction(group, producer, isCommit));
  }

  list(): Promise<readonly GroupListing[]> {
    return this.#coordinator.query(() => this.#machine.list());
  }

  describe(group: string): Promise<GroupDescription> {
    return this.#coordinator.query(() =>
      this.#machine.describe(group, (name, memberId) => {
        const { classic } = this.#machine.find(name) ?? { classic: null };
        return (classic === null ? this.#sessions : this.classic).lastSeenMs(name, memberId);
      }),
    );
  }

  delete(group: string): Promise<void> {
    return this.#coordinator.run(this.#machine.delete(group));
  }

  /** To be called after a topic was created or its partition count changed: its readers get a new target. */
  topicChanged(topic: string): void {
    const { patterns } = this.#machine;
    patterns.topicChanged(topic);
    for (const group of this.#machine.groups()) {
      if (group.wants(topic, patterns)) this.#refresh(group.name);
    }
  }

  /** To be called after a topic was deleted: its offsets are forgotten, its readers get a new target. */
  topicDeleted(topic: string, topicId: string): void {
    this.#eventually(`forget ${topicId}`, this.#machine.offsets.forgetTopic(topic, topicId));
    this.topicChanged(topic);
  }

  /** Takes no more calls, wakes those who wait; resolves when what was taken has been answered. */
  async close(): Promise<void> {
    this.#timers.clear();
    this.classic.stop(new LogError("COORDINATOR_NOT_AVAILABLE", "the group coordinator stops"));
    const closed = this.#coordinator.close();
    this.#waiters.wakeAll(true);
    await closed;
  }

  /** What a replay cannot know: the time that members have, and what became of topics since. */
  #loaded(): void {
    const { clock, topics } = this.#options;
    this.#sessions.restart(clock.nowMs());
    this.classic.restart();
    const gone = new Map<string, string>();
    for (const group of this.#machine.groups()) {
      this.#refresh(group.name);
      for (const offsets of [group.offsets, group.pending]) {
        for (const { topic, committed } of offsets.entries()) {
          if (topics(topic)?.topicId !== committed.topicId) gone.set(committed.topicId, topic);
        }
      }
    }
    for (const [topicId, topic] of gone) {
      this.#eventually(`forget ${topicId}`, this.#machine.offsets.forgetTopic(topic, topicId));
    }
    this.#waiters.wakeAll(false);
  }

  #refresh(group: string): void {
    this.#eventually(`topics ${group}`, this.#machine.refreshTopics(group));
  }

  /** Runs a command now or, when it is refused for the moment, later. */
  #eventually(key: string, command: Command<GroupEvent, void>): void {
    this.#coordinator.run(command).catch((error: unknown) => {
      this.#options.logger.debug({ err: error, key }, "a change of topics has to wait");
      this.#coordinator.schedule(key, topicRetryMs, command);
    });
  }

  #scheduleExpiry(): void {
    this.#timers.set("expiry", this.#options.limits.offsetsCheckIntervalMs, () => {
      this.#expireOffsets()
        .catch((error: unknown) => {
          this.#options.logger.warn({ err: error }, "lapsed offsets could not be forgotten");
        })
        .finally(() => {
          if (this.#coordinator.state !== "closed") this.#scheduleExpiry();
        });
    });
  }

  async #expireOffsets(): Promise<void> {
    const names = [...this.#machine.groups()].map((group) => group.name);
    const { clock, ageClock = clock } = this.#options;
    for (const name of names) {
      while (await this.#coordinator.run(this.#machine.offsets.expire(name, ageClock.nowMs())));
    }
  }
}

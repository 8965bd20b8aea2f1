// Share groups at work: the share machine on a coordinator, with what it needs around it. Scans find records, receivers
// wait in line for them, time makes leases lapse and delays end, and what is given up is carried away.

import { LogError } from "../base/error.ts";
import { TimerQueue } from "../base/timer-queue.ts";
import { Coordinator, type CoordinatorState } from "../coordinator/coordinator.ts";
import type { Command } from "../coordinator/state-machine.ts";
import type { TopicPartition } from "../services.ts";
import { Deliveries } from "./deliveries.ts";
import { Mover } from "./mover.ts";
import { Receivers } from "./receivers.ts";
import { Scanner } from "./scanning.ts";
import { decideSetBack, SetBackWatch } from "./set-back.ts";
import { decideSweep } from "./settling.ts";
import type { ShareCore, ShareEngineOptions } from "./share-core.ts";
import type { ShareEvent } from "./share-events.ts";
import { type ShareGroup, ShareMachine } from "./share-machine.ts";
import { noCounts, type ShareHeader, type SharePartition } from "./share-partition.ts";

interface Watch {
  readonly topicId: string | null;
  readonly stop: () => void;
}

// Steps of the wall clock are noticed within this time.
const wakeMsMax = 1000;
const sweepRunsMax = 1000;

/** Share groups over one log. */
export class ShareEngine implements ShareCore {
  /** Hands records out. */
  readonly deliveries: Deliveries;
  /** Carries records away. */
  readonly mover: Mover;
  readonly scanner: Scanner;
  readonly options: ShareEngineOptions;
  readonly #machine: ShareMachine;
  readonly #coordinator: Coordinator<ShareEvent>;
  readonly #timers: TimerQueue;
  readonly #setBack: SetBackWatch;
  readonly #lines = new Map<string, Receivers>();
  /** By group, then by place. */
  readonly #watches = new Map<string, Map<string, Watch>>();
  readonly #listeners = new Set<(group: ShareGroup) => void>();
  readonly #leaveTakers = new Set<(group: string) => void>();
  #isClosed = false;

  private constructor(parts: {
    readonly options: ShareEngineOptions;
    readonly machine: ShareMachine;
    readonly coordinator: Coordinator<ShareEvent>;
  }) {
    const { options } = parts;
    this.options = options;
    this.#machine = parts.machine;
    this.#coordinator = parts.coordinator;
    this.#timers = new TimerQueue(options.clock);
    this.#setBack = new SetBackWatch(options.clock, parts.machine.decidedMs);
    this.scanner = new Scanner({ ...options, nowMs: () => options.clock.nowMs() });
    this.deliveries = new Deliveries(this);
    this.mover = new Mover(this);
  }

  /**
   * Replays the log and goes on where the last process stopped: leases and delays have the time that is left to them.
   * @throws KAFKA_STORAGE_ERROR or CORRUPT_MESSAGE when the log cannot be replayed.
   */
  static async open(options: ShareEngineOptions): Promise<ShareEngine> {
    const { log, clock, logger, snapshotGrowthBytes } = options;
    const machine = new ShareMachine();
    let engine: ShareEngine | null = null;
    const coordinator = await Coordinator.open<ShareEvent>({
      name: "the share coordinator",
      machine,
      log,
      clock,
      logger,
      snapshotGrowthBytes,
      onLoaded: () => engine?.tendAll(),
    });
    engine = new ShareEngine({ options, machine, coordinator });
    engine.tendAll();
    return engine;
  }

  /** Whether share groups can be used. */
  get state(): CoordinatorState {
    return this.#coordinator.state;
  }

  /** True once `close` was called. */
  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** Every group. */
  groups(): Iterable<ShareGroup> {
    return this.#machine.groups();
  }

  /** How many groups have somebody in line. */
  get lineCount(): number {
    return this.#lines.size;
  }

  /** A group; null when there is none. */
  find(group: string): ShareGroup | null {
    return this.#machine.find(group);
  }

  /** A group. @throws GROUP_ID_NOT_FOUND, COORDINATOR_LOAD_IN_PROGRESS */
  need(name: string): ShareGroup {
    const group = this.find(name);
    if (group !== null) return group;
    this.checkLoaded();
    throw new LogError("GROUP_ID_NOT_FOUND", `there is no share group '${name}'`);
  }

  /** Resolves when commands are taken. @throws what a command is refused with now */
  async checkReady(): Promise<void> {
    if (this.state !== "ready") await this.query(() => undefined);
  }

  /** To be asked before it is said that there is no such group. @throws COORDINATOR_LOAD_IN_PROGRESS */
  checkLoaded(): void {
    if (this.state !== "loading") return;
    const detail = "the share coordinator is being read from its log";
    throw new LogError("COORDINATOR_LOAD_IN_PROGRESS", detail);
  }

  /** Decides, and tends the group to what has changed; resolves when it is durable. */
  run<Reply>(group: string, command: Command<ShareEvent, Reply>): Promise<Reply> {
    this.#followClock();
    const result = this.#coordinator.run(command);
    const known = this.find(group);
    if (known !== null) this.tend(known);
    return result;
  }

  /** Computes an answer and resolves to it when all it may have seen is durable. */
  query<Answer>(select: () => Answer): Promise<Answer> {
    return this.#coordinator.query(select);
  }

  /** Those who wait for records of a group. */
  lineOf(group: string): Receivers {
    const known = this.#lines.get(group);
    if (known !== undefined) return known;
    const line = new Receivers(this.options.clock);
    this.#lines.set(group, line);
    return line;
  }

  /** Forgets a line in which nobody is left: groups come and go, and anybody may ask for one that never was. */
  leaveLine(group: string, line: Receivers): void {
    if (line.count === 0 && this.#lines.get(group) === line) this.#lines.delete(group);
  }

  /** Calls `listener` after changes of a group, and when its partitions moved. It must not throw. */
  onChange(listener: (group: ShareGroup) => void): void {
    this.#listeners.add(listener);
  }

  /**
   * The share partitions of places, begun where they are new. Places that do not exist are left out.
   * @throws GROUP_ID_NOT_FOUND, COORDINATOR_LOAD_IN_PROGRESS when the group in hand is not the one there is now
   */
  begin(group: ShareGroup, places: readonly TopicPartition[]): readonly SharePartition[] {
    // One that was deleted, or read again from the log, has no partitions any more: beginning would start them over.
    if (this.need(group.name) !== group) {
      const detail = `share group '${group.name}' was read from its log again`;
      throw new LogError("COORDINATOR_LOAD_IN_PROGRESS", detail);
    }
    const fresh = places.filter((place) => {
      const known = group.find(place.topic, place.partition);
      const topicId = this.options.source.topic(place.topic)?.topicId;
      return topicId !== undefined && known?.header.topicId !== topicId;
    });
    const events = fresh.flatMap((place) => this.#beginning(group, place) ?? []);
    // To run nothing would wake the receiver that asks, which would ask again.
    if (events.length > 0) {
      this.run(group.name, () => ({ events, reply: undefined })).catch(() => undefined);
    }
    return places.flatMap((place) => {
      const partition = group.find(place.topic, place.partition);
      if (partition !== null) this.#watch(group, place);
      return partition ?? [];
    });
  }

  /** The header of a partition that begins at an offset; earlier receipts of it are void. */
  headerAt(group: ShareGroup, place: TopicPartition, frontier: number): ShareHeader | null {
    const topicId = this.options.source.topic(place.topic)?.topicId;
    if (topicId === undefined) return null;
    const known = group.find(place.topic, place.partition);
    // The clock, so that a group made anew under an old name does not honour receipts of the old one.
    const epoch = Math.max(this.options.clock.nowMs(), (known?.header.epoch ?? 0) + 1);
    return { topicId, epoch, frontier, counts: known?.header.counts ?? noCounts };
  }

  /** Does what time and changes ask for: sweeps, moves, wakes whoever waits, sets the next alarm. */
  tend(group: ShareGroup): void {
    if (this.#isClosed || this.state !== "ready") return;
    this.#followClock();
    const nowMs = this.options.clock.nowMs();
    let nextMs = Number.POSITIVE_INFINITY;
    for (const partition of group.partitions()) {
      partition.tick(nowMs);
      this.#sweep(group, partition);
      if (partition.leaving.size > 0 || partition.move !== null) this.mover.kick(group, partition);
      nextMs = Math.min(nextMs, partition.nextDueMs());
    }
    if (nextMs < Number.POSITIVE_INFINITY) {
      const delayMs = Math.min(wakeMsMax, Math.max(0, nextMs - nowMs));
      this.alarm(group, delayMs);
    }
    this.#lines.get(group.name)?.wakeFirst();
    for (const listener of this.#listeners) listener(group);
  }

  /** Lets the first receiver look again after a time. */
  wakeLater({ name }: ShareGroup, delayMs: number): void {
    this.#timers.set(`wake ${name}`, delayMs, () => this.#lines.get(name)?.wakeFirst());
  }

  /** Tends a group again after a time. */
  alarm({ name }: ShareGroup, delayMs: number): void {
    this.#timers.set(`tend ${name}`, delayMs, () => {
      const group = this.find(name);
      if (group !== null) this.tend(group);
    });
  }

  /** Tends every group, after a start. */
  tendAll(): void {
    for (const group of this.groups()) {
      for (const partition of group.partitions()) this.#watch(group, partition);
      this.tend(group);
    }
  }

  /** Calls `listener` when a group has gone. It must not throw. */
  onForgotten(listener: (group: string) => void): void {
    this.#leaveTakers.add(listener);
  }

  /** Removes a group, if it is there; resolves when that is durable. @throws what a command is refused with */
  remove(group: string): Promise<void> {
    const event: ShareEvent = { kind: "group", group, settings: null };
    const removed = this.run(group, () => ({ events: [event], reply: undefined }));
    // Now, not when it is durable: by then another may have the name.
    if (this.find(group) === null) this.#forget(group);
    return removed;
  }

  // What was watched for a group that has gone, and how it was served.
  #forget(group: string): void {
    for (const { stop } of this.#watches.get(group)?.values() ?? []) stop();
    this.#watches.delete(group);
    this.#timers.cancel(`tend ${group}`);
    this.#timers.cancel(`wake ${group}`);
    this.#lines.get(group)?.wakeAll();
    this.deliveries.forget(group);
    for (const listener of this.#leaveTakers) listener(group);
  }

  /** Takes no more commands and wakes those who wait; resolves when what was taken has been answered. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#timers.clear();
    for (const watches of this.#watches.values()) for (const { stop } of watches.values()) stop();
    for (const line of this.#lines.values()) line.wakeAll();
    await this.mover.close();
    await this.#coordinator.close();
  }

  #beginning(group: ShareGroup, place: TopicPartition): ShareEvent | null {
    const positions = this.options.source.positions(place);
    if (positions === null) return null;
    const isDead = place.topic === group.settings.deadLetterTopic;
    const isEarliest = isDead || group.settings.from === "earliest";
    const frontier = isEarliest ? positions.logStartOffset : positions.highWatermark;
    const header = this.headerAt(group, place, frontier);
    if (header === null) return null;
    return { kind: "partition", group: group.name, ...bare(place), header };
  }

  // Before anything is decided by the new time.
  #followClock(): void {
    if (this.state !== "ready") return;
    const backMs = this.#setBack.look();
    if (backMs === 0) return;
    const { clock, logger } = this.options;
    logger.warn(
      { backMs },
      "the wall clock was set back: leases keep the time that is left to them",
    );
    const time = { nowMs: clock.nowMs(), backMs };
    for (const group of this.groups()) {
      for (const partition of group.partitions()) {
        for (const decision of decideSetBack(group, partition, time)) {
          this.#coordinator
            .run(() => decision)
            .catch((error: unknown) => {
              logger.warn({ err: error, group: group.name }, "some leases last until the old time");
            });
        }
      }
    }
  }

  #sweep(group: ShareGroup, partition: SharePartition): void {
    while (partition.lapsed.size + partition.expired.size > 0) {
      const before = partition.lapsed.size + partition.expired.size;
      this.#coordinator
        .run(() => decideSweep(group, partition, sweepRunsMax))
        .catch((error: unknown) => {
          this.options.logger.warn({ err: error, group: group.name }, "a sweep has to wait");
        });
      // A command that is refused changes nothing: the next alarm tries again.
      if (partition.lapsed.size + partition.expired.size >= before) {
        this.alarm(group, wakeMsMax);
        return;
      }
      // What expired while it was held goes now that it is not.
      partition.tick(this.options.clock.nowMs());
    }
  }

  #watch(group: ShareGroup, place: TopicPartition): void {
    const watches = this.#watches.get(group.name) ?? new Map<string, Watch>();
    this.#watches.set(group.name, watches);
    const name = `${place.topic} ${place.partition}`;
    const topicId = this.options.source.topic(place.topic)?.topicId ?? null;
    const known = watches.get(name);
    if (known?.topicId === topicId) return;
    // Another topic has the name now.
    known?.stop();
    const stop = this.options.source.watch(place, () => {
      this.#lines.get(group.name)?.wakeFirst();
      for (const listener of this.#listeners) listener(group);
    });
    watches.set(name, { topicId, stop });
  }
}

function bare({ topic, partition }: TopicPartition): TopicPartition {
  return { topic, partition };
}

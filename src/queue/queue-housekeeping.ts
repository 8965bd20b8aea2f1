// What queues need though nobody asks: scans, so that delays and expiries are known without a receiver; room, where the
// oldest must go; and a hold on what retention must not take.

import { TimerQueue } from "../base/timer-queue.ts";
import type { TopicPartition } from "../services.ts";
import { PartitionChanges } from "../share/changes.ts";
import { givenUp, givingUpReasons } from "../share/giving-up.ts";
import { lengthOf } from "../share/record-run.ts";
import type { ShareEngine } from "../share/share-engine.ts";
import type { ShareGroup } from "../share/share-machine.ts";
import type { SharePartition } from "../share/share-partition.ts";
import { fullnessOf, queuePartitions } from "./counts.ts";

const intervalMs = 500;

/** Tends queues in the background. */
export class QueueHousekeeping {
  readonly #engine: ShareEngine;
  readonly #timers: TimerQueue;
  readonly #changed = new Set<string>();
  /** What is held, by queue. */
  readonly #held = new Map<string, Map<string, TopicPartition>>();
  #running: Promise<void> | null = null;
  #isClosed = false;

  constructor(engine: ShareEngine) {
    this.#engine = engine;
    this.#timers = new TimerQueue(engine.options.clock);
    engine.onChange((group) => this.#note(group));
    engine.onForgotten((group) => this.#forget(group));
    for (const group of engine.groups()) {
      this.#note(group);
      // Before retention has its first round.
      if (group.isQueue) this.#holdAll(group);
    }
  }

  /** Does no more; resolves when what runs has ended. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#timers.clear();
    await this.#running;
  }

  #forget(queue: string): void {
    this.#changed.delete(queue);
    for (const place of this.#held.get(queue)?.values() ?? []) this.#setHold(queue, place, null);
    this.#held.delete(queue);
  }

  #note(group: ShareGroup): void {
    if (!group.isQueue || this.#isClosed) return;
    this.#changed.add(group.name);
    this.#arm();
  }

  #arm(): void {
    if (!this.#timers.has("round")) this.#timers.set("round", intervalMs, () => this.#start());
  }

  #start(): void {
    // What changed during a long round waits for the next one.
    if (this.#running !== null) return this.#arm();
    this.#running = this.#round().finally(() => {
      this.#running = null;
    });
  }

  async #round(): Promise<void> {
    const names = [...this.#changed];
    this.#changed.clear();
    for (const name of names) {
      const group = this.#engine.find(name);
      if (group === null || this.#isClosed) continue;
      try {
        await this.#tend(group);
      } catch (error) {
        const { logger } = this.#engine.options;
        logger.warn({ err: error, queue: name }, "a queue cannot be tended; tried again");
        this.#note(group);
      }
    }
  }

  async #tend(group: ShareGroup): Promise<void> {
    for (const partition of group.partitions()) {
      if (!isOfQueue(group, partition)) continue;
      const before = partition.scannedTo;
      await this.#engine.scanner.scan(group, partition, Number.POSITIVE_INFINITY);
      if (group.find(partition.topic, partition.partition) !== partition) continue;
      if (partition.scannedTo !== before) this.#engine.tend(group);
      this.#hold(group, partition, partition.startOffset);
    }
    await this.#makeRoom(group);
    // Tending is a change as well, but no reason to do it again; what was appended meanwhile is.
    if (!this.#hasMore(group)) this.#changed.delete(group.name);
  }

  #hasMore(group: ShareGroup): boolean {
    return [...group.partitions()].some((partition) => {
      const end = this.#engine.scanner.endOf(group, partition);
      return end !== null && end > partition.scannedTo && isOfQueue(group, partition);
    });
  }

  async #makeRoom(group: ShareGroup): Promise<void> {
    const { overflow, maxDepth, maxBytes } = group.settings;
    if (overflow === "reject") return;
    const { depth, bytes } = fullnessOf(this.#engine, group);
    let excess = maxDepth === null ? 0 : depth - maxDepth;
    let excessBytes = maxBytes === null ? 0 : bytes - maxBytes;
    const fullestFirst = [...queuePartitions(group)].sort(
      (one, other) => other.counts.waiting - one.counts.waiting,
    );
    for (const partition of fullestFirst) {
      if (excess <= 0 && excessBytes <= 0) return;
      if (group.find(partition.topic, partition.partition) !== partition) continue;
      const changes = new PartitionChanges(group.name, partition);
      const range = { first: partition.startOffset, last: partition.scannedTo - 1 };
      for (const run of partition.within(range)) {
        if (excess <= 0 && excessBytes <= 0) break;
        if (run.fate.phase !== "waiting") continue;
        const byBytes = Math.ceil(Math.max(0, excessBytes) / Math.max(1, run.fate.bytes));
        const count = Math.min(lengthOf(run), Math.max(excess, byBytes));
        const part = { ...run, last: run.first + count - 1 };
        if (overflow === "dead-letter") {
          givenUp(changes, part, { group, reason: givingUpReasons.overflow });
        } else {
          changes.count("dropped", count);
          changes.assign(part, null);
        }
        excess -= count;
        excessBytes -= count * run.fate.bytes;
      }
      const events = changes.events();
      if (events.length > 0) {
        await this.#engine.run(group.name, () => ({ events, reply: undefined }));
      }
    }
  }

  #holdAll(group: ShareGroup): void {
    for (const partition of group.partitions()) {
      if (isOfQueue(group, partition)) this.#hold(group, partition, partition.startOffset);
    }
  }

  #hold({ name }: ShareGroup, { topic, partition }: SharePartition, offset: number): void {
    const held = this.#held.get(name) ?? new Map<string, TopicPartition>();
    this.#held.set(name, held.set(`${topic} ${partition}`, { topic, partition }));
    this.#setHold(name, { topic, partition }, offset);
  }

  #setHold(queue: string, place: TopicPartition, offset: number | null): void {
    this.#engine.options.source.hold(place, `queue ${queue}`, offset);
  }
}

// A group may read other topics beside the queue's, and had perhaps other dead letters before.
function isOfQueue({ settings }: ShareGroup, { topic }: SharePartition): boolean {
  return topic === settings.topic || topic === settings.deadLetterTopic;
}

// Hands records out: finds what can be delivered, reads it, leases it, and makes receivers wait while there is nothing.

import { LogError } from "../base/error.ts";
import { Turns } from "../broker/turns.ts";
import type { TopicPartition } from "../services.ts";
import { PartitionChanges } from "./changes.ts";
import { type DeliveryReads, type ReadWish, readWishes } from "./delivery-reads.ts";
import { decideLease, type Lease, type LeaseTerms, type Wish } from "./leasing.ts";
import { lengthOf } from "./record-run.ts";
import type { ShareCore } from "./share-core.ts";
import type { ShareGroup } from "./share-machine.ts";
import type { SharePartition } from "./share-partition.ts";
import { Throttle } from "./throttle.ts";

/** What a receiver asks for. */
export interface DeliveryRequest {
  readonly group: string;
  readonly places: readonly TopicPartition[];
  readonly max: number;
  /** Soft: the first batch comes however large. */
  readonly maxBytes: number;
  readonly waitMs: number;
  /** Null: the group's. */
  readonly leaseMs: number | null;
  readonly owner: string;
  readonly signal: AbortSignal | null;
  /**
   * What else the receiver has to say: called once, in the turn in which records are leased for it, so that one sync
   * of the disk is enough for both. It must not throw.
   */
  readonly beside?: () => void;
}

/** Leased records with the batches that hold them, on loan. */
export interface Delivered extends Lease {
  readonly batches: Uint8Array;
}

/** Answer to a receiver; `release` when the last byte has been used. */
export interface Delivery {
  readonly ranges: readonly Delivered[];
  readonly leaseMs: number;
  release(): void;
}

// What is remembered of a group between its deliveries.
interface Pace {
  readonly throttle: Throttle;
  /** Calls begin with another partition each. */
  nextPartition: number;
}

interface Attempt extends Delivery {
  /** Resolves when the leases are durable. */
  readonly durable: Promise<unknown>;
}

// More than these lie between what is known and what is delivered: they are made known first, in parts.
const passedOverMax = 1000;

/** Deliveries of one engine. */
export class Deliveries {
  readonly #engine: ShareCore;
  readonly #turns = new Turns();
  readonly #paces = new Map<string, Pace>();

  constructor(engine: ShareCore) {
    this.#engine = engine;
  }

  /**
   * Leases records; waits while there are none. The leases are durable when it resolves.
   * @throws GROUP_ID_NOT_FOUND; what the coordinator and reads throw
   */
  async receive(request: DeliveryRequest): Promise<Delivery> {
    const { clock } = this.#engine.options;
    const { group, signal } = request;
    const line = this.#engine.lineOf(group);
    const ticket = line.join();
    const deadlineMs = clock.monotonicMs() + request.waitMs;
    const beside = once(request.beside);
    // What is said while others look is not to wait for them.
    if (this.#turns.isBusy(group)) beside();
    let isNews = request.beside !== undefined;
    try {
      for (;;) {
        ticket.look();
        const attempt = await this.#turns.run(group, () => this.#attempt(request, beside));
        if (attempt.ranges.length > 0) {
          // There may be more, for those behind; nobody is to wake one who has what he came for.
          ticket.leave();
          line.wakeFirst();
          return await delivered(attempt);
        }
        attempt.release();
        // A refusal is told; it is not the same as having nothing.
        await attempt.durable;
        // What woke it may lie in a partition that is none of its own.
        if (this.#isForSome(request)) ticket.passOn();
        // What was said after the first look may let a second find something: the next record of a key.
        if (isNews) {
          isNews = false;
          continue;
        }
        const waitMs = deadlineMs - clock.monotonicMs();
        if (waitMs <= 0 || signal?.aborted === true || this.#engine.isClosed) return attempt;
        await ticket.wait(waitMs, signal);
        if (this.#engine.isClosed) return attempt;
      }
    } finally {
      ticket.leave();
      // What woke one who leaves without anything is news for the next.
      line.wakeFirst();
      this.#engine.leaveLine(group, line);
    }
  }

  /** Forgets a group that has gone: another of its name begins with a whole second's worth. */
  forget(group: string): void {
    this.#paces.delete(group);
  }

  /** Whether the group has partitions that the request does not name. */
  #isForSome({ group, places }: DeliveryRequest): boolean {
    const partitions = this.#engine.find(group)?.partitions() ?? [];
    return [...partitions].length > places.length;
  }

  async #attempt(request: DeliveryRequest, beside: () => void): Promise<Attempt> {
    try {
      return await this.#look(request, beside);
    } finally {
      beside();
    }
  }

  async #look(request: DeliveryRequest, beside: () => void): Promise<Attempt> {
    const engine = this.#engine;
    if (engine.isClosed) throw new LogError("SERVER_STOPPING", "the server is stopping");
    // Where nothing can be leased it must not look as if there were nothing.
    await engine.checkReady();
    const group = engine.need(request.group);
    const leaseMs = request.leaseMs ?? group.settings.leaseMs;
    const partitions = engine.begin(group, request.places);
    const nowMs = engine.options.clock.nowMs();
    for (const partition of partitions) partition.tick(nowMs);
    const isGone = request.signal?.aborted === true;
    const max = isGone ? 0 : Math.min(request.max, this.#allowance(group, nowMs));
    const wishes = max > 0 ? await this.#wishes(group, partitions, max) : [];
    if (wishes.length === 0) return nothing(leaseMs);
    try {
      const reads = await readWishes(engine.options.source, group, { ...request, wishes });
      if (reads.gone.size > 0) this.#forget(group, reads.gone);
      await this.#makeAllKnown(group, reads);
      // Where nothing can be read there is nothing to change either: a change would wake the one who asks.
      if (request.signal?.aborted === true || reads.parts.length === 0) {
        reads.release();
        return nothing(leaseMs);
      }
      beside();
      return this.#lease(group, reads, { leaseMs, owner: request.owner });
    } finally {
      for (const { partition, run } of wishes) partition.giveBack(run);
    }
  }

  // How many more may be handed out now.
  #allowance(group: ShareGroup, nowMs: number): number {
    const { rate, concurrency } = group.settings;
    let allowed = Number.POSITIVE_INFINITY;
    if (concurrency !== null) {
      let inFlight = 0;
      for (const { counts } of group.partitions()) inFlight += counts.leased;
      allowed = Math.max(0, concurrency - inFlight);
    }
    if (rate === null) return allowed;
    const { throttle } = this.#paceOf(group.name);
    const tokens = throttle.available(rate, nowMs);
    if (tokens <= 0) this.#engine.wakeLater(group, throttle.waitMs(rate));
    return Math.min(allowed, tokens);
  }

  // Every call begins with another partition, so that none starves behind a full one.
  async #wishes(
    group: ShareGroup,
    partitions: readonly SharePartition[],
    max: number,
  ): Promise<readonly Wish[]> {
    const start = this.#paceOf(group.name).nextPartition++;
    const wishes: Wish[] = [];
    let left = max;
    let failure: unknown = null;
    for (let index = 0; index < partitions.length && left > 0; index++) {
      const partition = partitions[(start + index) % partitions.length];
      if (partition === undefined) break;
      try {
        await this.#engine.scanner.scan(group, partition, left);
      } catch (error) {
        failure = error;
        continue;
      }
      if (group.find(partition.topic, partition.partition) !== partition) continue;
      this.#sweepFound(group, partition);
      for (let run = partition.takeReady(); run !== null; run = partition.takeReady()) {
        const last = Math.min(run.last, run.first + left - 1);
        wishes.push({ partition, run, first: run.first, last });
        left -= lengthOf({ first: run.first, last });
        if (left === 0) break;
      }
    }
    // One partition that cannot be read does not keep the others from being delivered.
    if (wishes.length === 0 && failure !== null) throw failure;
    return wishes;
  }

  // What a scan found may have expired long ago, and what lapsed this moment may be had: time comes before wishes.
  #sweepFound(group: ShareGroup, partition: SharePartition): void {
    partition.tick(this.#engine.options.clock.nowMs());
    if (partition.expired.size + partition.lapsed.size > 0) this.#engine.tend(group);
  }

  #lease(group: ShareGroup, reads: DeliveryReads, terms: LeaseTerms): Attempt {
    let leases: readonly Lease[] = [];
    const durable = this.#engine.run(group.name, (nowMs) => {
      const decision = decideLease(group, reads.parts, { ...terms, nowMs });
      if (!(decision.reply instanceof LogError)) leases = decision.reply;
      return decision;
    });
    durable.catch(() => undefined);
    let count = 0;
    for (const lease of leases) count += lengthOf(lease);
    // Nothing is taken where the group has gone meanwhile, and nothing is to be remembered of it.
    if (count > 0) this.#paceOf(group.name).throttle.take(count);
    const ranges = deliveredOf(leases, reads);
    return { ranges, leaseMs: terms.leaseMs, durable, release: () => reads.release() };
  }

  async #makeAllKnown(group: ShareGroup, reads: DeliveryReads): Promise<void> {
    const firsts = new Map<SharePartition, number>();
    for (const { partition, run } of reads.parts) {
      firsts.set(partition, Math.max(run.first, firsts.get(partition) ?? 0));
    }
    try {
      for (const [partition, first] of firsts) await this.#makeKnown(group, partition, first);
    } catch (error) {
      reads.release();
      throw error;
    }
  }

  // What a scan found before the offset becomes part of the state, a bounded number of runs at a time: they may be
  // millions, and others want their turn.
  async #makeKnown(group: ShareGroup, partition: SharePartition, offset: number): Promise<void> {
    while (group.find(partition.topic, partition.partition) === partition) {
      const changes = new PartitionChanges(group.name, partition);
      let runs = 0;
      const range = { first: partition.header.frontier, last: offset - 1 };
      for (const run of partition.within(range)) {
        if (++runs > passedOverMax) break;
        const first = Math.max(run.first, range.first);
        changes.assign({ first, last: Math.min(run.last, range.last) }, run.fate);
      }
      if (runs <= passedOverMax) return;
      const events = changes.events();
      await this.#engine.run(group.name, () => ({ events, reply: undefined }));
    }
  }

  #forget(group: ShareGroup, gone: ReadonlyMap<SharePartition, number>): void {
    for (const [partition, logStartOffset] of gone) {
      if (group.find(partition.topic, partition.partition) !== partition) continue;
      const changes = new PartitionChanges(group.name, partition);
      changes.assign({ first: partition.startOffset, last: logStartOffset - 1 }, null);
      const events = changes.events();
      this.#engine
        .run(group.name, () => ({ events, reply: undefined }))
        .catch((error: unknown) => {
          const { logger } = this.#engine.options;
          logger.warn({ err: error, group: group.name }, "records that are gone stay known");
        });
    }
  }

  #paceOf(group: string): Pace {
    const known = this.#paces.get(group);
    if (known !== undefined) return known;
    const pace: Pace = { throttle: new Throttle(), nextPartition: 0 };
    this.#paces.set(group, pace);
    return pace;
  }
}

function once(call: (() => void) | undefined): () => void {
  let left = call;
  return () => {
    const now = left;
    left = undefined;
    now?.();
  };
}

async function delivered(attempt: Attempt): Promise<Delivery> {
  try {
    await attempt.durable;
    return attempt;
  } catch (error) {
    attempt.release();
    throw error;
  }
}

function nothing(leaseMs: number): Attempt {
  return { ranges: [], leaseMs, durable: Promise.resolve(), release: () => undefined };
}

// Leases have the order of the parts that were read; some parts may have none.
function deliveredOf(leases: readonly Lease[], { parts }: DeliveryReads): readonly Delivered[] {
  let at = 0;
  return leases.map((lease) => {
    while (at < parts.length && !isOf(lease, parts[at])) at++;
    const part = parts[at++];
    if (part === undefined) throw new Error("a lease without its bytes");
    return { ...lease, batches: part.batches };
  });
}

function isOf({ topic, partition, first }: Lease, part: ReadWish | undefined): boolean {
  const place = part?.partition;
  return part?.first === first && place?.topic === topic && place.partition === partition;
}

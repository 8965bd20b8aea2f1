// The reading part of a poll: records of all partitions of a member, shared fairly, waiting for data or a new
// assignment.

import type { LogError } from "../../base/error.ts";
import type { FetchPartitionResult, FetchResult } from "../../services.ts";
import type { HttpContext } from "./http-context.ts";
import type { OwnedPartition, PollSession, StartTerms } from "./poll-session.ts";
import { resetPosition } from "./poll-session.ts";
import { fetchError, recordCostBytes } from "./reading.ts";
import { FetchedRecords } from "../../record/fetched-records.ts";
import type { PageEncoding } from "./record-page.ts";
import { RecordPage } from "./record-page.ts";

/** Bounds and form of one poll's records. */
export interface PollFetchTerms extends StartTerms {
  readonly encoding: PageEncoding;
  readonly maxRecords: number;
  readonly maxBytes: number;
}

// When the coordinator says "changed" but nothing has for us, the next question waits a little.
const quietMs = 100;

interface LostPosition {
  readonly part: OwnedPartition;
  readonly from: "earliest" | "latest";
}

let rotation = 0;

/** Collects one poll's reply. Positions do not move before the reply was sent: see `PollSession.deliver`. */
export class PollFetch {
  readonly #context: HttpContext;
  readonly #session: PollSession;
  readonly #terms: PollFetchTerms;
  readonly #page: RecordPage;
  readonly #next = new Map<OwnedPartition, number>();
  readonly #passed = new Set<OwnedPartition>();
  #bytes = 0;

  /** The session must have had its heartbeat. */
  constructor(context: HttpContext, session: PollSession, terms: PollFetchTerms) {
    this.#context = context;
    this.#session = session;
    this.#terms = terms;
    this.#page = new RecordPage(terms.encoding);
  }

  /** Records collected. */
  get count(): number {
    return this.#page.count;
  }

  /** Partitions with records, and those where records that cannot be shown were passed over: where each goes on. */
  places(): readonly { readonly owned: OwnedPartition; readonly nextOffset: number }[] {
    const places = [...this.#next].map(([owned, nextOffset]) => ({ owned, nextOffset }));
    for (const owned of this.#passed) {
      if (owned.position === null || this.#next.has(owned)) continue;
      places.push({ owned, nextOffset: owned.position });
    }
    return places;
  }

  /** Where every owned partition stands after this reply. */
  positions(): readonly object[] {
    return this.#session.owned().flatMap((owned) => {
      const offset = this.#next.get(owned) ?? owned.position;
      const { topic, partition } = owned;
      return offset === null ? [] : [{ topic, partition, offset }];
    });
  }

  /** Ends the reply. */
  close(tail: Readonly<Record<string, unknown>>): Buffer {
    return this.#page.close(tail);
  }

  /** Takes what is there. */
  async once(): Promise<void> {
    await this.#session.placePositions(this.#context.services, this.#terms);
    const hasReset = await this.#read(0, null);
    if (hasReset && this.count === 0) await this.#read(0, null);
  }

  /** Takes what is there, or waits for the first of: records, another assignment, the time, the signal. */
  async until(waitMs: number, signal: AbortSignal): Promise<void> {
    const { clock, services } = this.#context;
    const session = this.#session;
    const deadlineMs = clock.monotonicMs() + waitMs;
    await this.once();
    let beatMs = clock.monotonicMs();
    while (this.count === 0 && !signal.aborted) {
      const nowMs = clock.monotonicMs();
      const leftMs = deadlineMs - nowMs;
      if (leftMs <= 0) return;
      const beatInMs = Math.max(0, beatMs + session.heartbeatIntervalMs - nowMs);
      const hasNews = await this.#readOrNews(Math.min(leftMs, beatInMs), signal);
      if (this.count > 0 || signal.aborted) return;
      const isBeatDue = clock.monotonicMs() - beatMs >= session.heartbeatIntervalMs;
      if (!hasNews && !isBeatDue) continue;
      beatMs = clock.monotonicMs();
      if (await session.heartbeat(services)) {
        await this.once();
        return;
      }
      if (hasNews) await this.#pause(Math.min(quietMs, leftMs), signal);
    }
  }

  // One wait; true when the assignment may have changed.
  async #readOrNews(waitMs: number, signal: AbortSignal): Promise<boolean> {
    const { services } = this.#context;
    const session = this.#session;
    const round = new AbortController();
    const stop = (): void => round.abort();
    signal.addEventListener("abort", stop, { once: true });
    if (signal.aborted) stop();
    let hasNews = false;
    const watch = services.groups
      .assignmentChanged(session.group, session.memberId, round.signal)
      .then(() => {
        if (!round.signal.aborted) hasNews = true;
        stop();
      });
    try {
      const isReading = session.owned().some(({ position }) => position !== null);
      if (isReading) await this.#read(waitMs, round.signal);
      else await this.#pause(waitMs, round.signal);
    } finally {
      signal.removeEventListener("abort", stop);
      stop();
      await watch;
    }
    return hasNews;
  }

  #pause(waitMs: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const end = (): void => {
        timer.cancel();
        signal.removeEventListener("abort", end);
        resolve();
      };
      const timer = this.#context.clock.after(waitMs, end);
      signal.addEventListener("abort", end);
      if (signal.aborted) end();
    });
  }

  // True when positions outside their log were moved into it.
  async #read(waitMs: number, signal: AbortSignal | null): Promise<boolean> {
    const { services } = this.#context;
    const { maxBytes, isolation } = this.#terms;
    const owned = this.#session.owned().filter(({ position }) => position !== null);
    if (owned.length === 0) return false;
    // Each poll begins at another partition, so that a full one does not starve the others.
    const first = rotation++ % owned.length;
    const order = [...owned.slice(first), ...owned.slice(0, first)];
    const fetched = await services.data.fetch({
      maxWaitMs: waitMs,
      minBytes: waitMs > 0 ? 1 : 0,
      maxBytes,
      isolation,
      partitions: order.map(({ topic, partition, position }) => {
        return { topic, partition, fetchOffset: position ?? 0, maxBytes };
      }),
      signal,
    });
    const lost = await this.#takeAll(order, fetched);
    for (const { part, from } of lost) await resetPosition(services, part, { from, isolation });
    return lost.length > 0;
  }

  // Partitions whose position is outside their log, with where they go on.
  async #takeAll(
    order: readonly OwnedPartition[],
    fetched: FetchResult,
  ): Promise<readonly LostPosition[]> {
    const lost: LostPosition[] = [];
    let failure: LogError | null = null;
    try {
      for (const [index, part] of order.entries()) {
        const result = fetched.partitions[index];
        if (result === undefined) continue;
        const { error } = result;
        if (error === null) {
          await this.#take(part, result);
        } else if (error === "UNKNOWN_TOPIC_OR_PARTITION") {
          part.position = null;
        } else if (error === "OFFSET_BELOW_LOG_START") {
          // The records are gone; what is left starts at the log start.
          lost.push({ part, from: "earliest" });
        } else if (error === "OFFSET_OUT_OF_RANGE") {
          lost.push({ part, from: this.#terms.from });
        } else {
          failure ??= fetchError(result, part.position ?? 0);
        }
      }
      // A damaged partition does not hold back the others.
      if (failure !== null && this.count === 0) throw failure;
    } finally {
      fetched.release();
    }
    return lost;
  }

  async #take(part: OwnedPartition, result: FetchPartitionResult): Promise<void> {
    const { maxRecords, maxBytes } = this.#terms;
    const { topic, partition } = part;
    const walk = new FetchedRecords(result, part.position ?? 0);
    let count = 0;
    while (this.#page.count < maxRecords && walk.next()) {
      const { cursor } = walk;
      const recordBytes = cursor.recordEnd - cursor.recordStart;
      if (this.#page.count > 0 && this.#bytes + recordBytes > maxBytes) break;
      this.#bytes += recordBytes;
      this.#page.add(cursor, { topic, partition, form: null, isLine: false });
      walk.take();
      count++;
      const pause = this.#context.share.after(recordBytes + recordCostBytes);
      if (pause !== null) await pause;
    }
    if (count > 0) {
      this.#next.set(part, walk.nextOffset);
    } else if (walk.nextOffset !== part.position) {
      // Batches without records are passed over for good: nothing in them can be returned.
      part.position = walk.nextOffset;
      this.#passed.add(part);
    }
  }
}

// Who may append to a queue's topic: as long as there is room, and not twice under one dedup id.
//
// Dedup ids are headers of the records, so the log itself remembers them: after a start the window is read from it
// again, when the first id is asked for.

import { LogError } from "../base/error.ts";
import { FetchedRecords } from "../record/fetched-records.ts";
import type { RecordCursor } from "../record/record-cursor.ts";
import {
  type Admission,
  type AdmitRequest,
  messageHeaders,
  type Receipt,
  type TopicPartition,
} from "../services.ts";
import { nextFetchedOffset } from "../share/fetched-end.ts";
import { headerText, varveHeader } from "../share/record-reading.ts";
import type { ShareEngine } from "../share/share-engine.ts";
import type { ShareGroup } from "../share/share-machine.ts";
import { fullnessOf, queuePartitions } from "./counts.ts";
import { DedupWindow, type RecordPlace } from "./dedup-window.ts";

const readBytes = 1024 * 1024;

interface QueueState {
  /** Records that were let in and are not appended yet, and their bytes. */
  admitted: number;
  admittedBytes: number;
  window: Promise<DedupWindow> | null;
}

/** Lets producers in. */
export class Admissions {
  readonly #engine: ShareEngine;
  readonly #queues = new Map<string, QueueState>();

  constructor(engine: ShareEngine) {
    this.#engine = engine;
    engine.onForgotten((queue) => this.#queues.delete(queue));
  }

  /** @throws QUEUE_FULL */
  async admit(group: ShareGroup, request: AdmitRequest): Promise<Admission> {
    const state = this.#stateOf(group.name);
    if (group.settings.maxBytes !== null) await this.#weigh(group);
    this.#refuseIfFull(group, state, request);
    const window = request.dedupIds.length > 0 ? await this.#windowOf(group, state) : null;
    const nowMs = this.#engine.options.clock.nowMs();
    const reserved = await reserve(window, request.dedupIds, {
      nowMs,
      windowMs: group.settings.dedupWindowMs,
    });
    // Between the first look and now others may have come in.
    try {
      this.#refuseIfFull(group, state, request);
    } catch (error) {
      for (const id of reserved.fresh) window?.giveUp(id);
      throw error;
    }
    state.admitted += request.records;
    state.admittedBytes += request.bytes;
    let isOver = false;
    const end = (): boolean => {
      if (isOver) return false;
      isOver = true;
      state.admitted -= request.records;
      state.admittedBytes -= request.bytes;
      return true;
    };
    return {
      known: reserved.known,
      sent: (places) => {
        if (!end()) return;
        for (const [index, id] of reserved.fresh.entries()) {
          const place = places[index];
          if (place === undefined || place === null) window?.giveUp(id);
          else window?.keep(id, place, nowMs);
        }
      },
      failed: () => {
        if (end()) for (const id of reserved.fresh) window?.giveUp(id);
      },
    };
  }

  // What scans have not come to has no bytes yet.
  async #weigh(group: ShareGroup): Promise<void> {
    for (const partition of queuePartitions(group)) {
      await this.#engine.scanner.scan(group, partition, Number.POSITIVE_INFINITY);
    }
  }

  #refuseIfFull(
    group: ShareGroup,
    { admitted, admittedBytes }: QueueState,
    { records, bytes }: AdmitRequest,
  ): void {
    const { overflow, maxDepth, maxBytes } = group.settings;
    if (overflow !== "reject" || (maxDepth === null && maxBytes === null)) return;
    const full = fullnessOf(this.#engine, group);
    const isDeep = maxDepth !== null && full.depth + admitted + records > maxDepth;
    const isLarge = maxBytes !== null && full.bytes + admittedBytes + bytes > maxBytes;
    if (!isDeep && !isLarge) return;
    const detail = `queue '${group.name}' holds ${full.depth} records of ${full.bytes} bytes and takes no more`;
    const facts = { queue: group.name, depth: full.depth, bytes: full.bytes, retryAfterMs: 1000 };
    throw new LogError("QUEUE_FULL", detail, { facts });
  }

  #stateOf(queue: string): QueueState {
    const known = this.#queues.get(queue);
    if (known !== undefined) return known;
    const state: QueueState = { admitted: 0, admittedBytes: 0, window: null };
    this.#queues.set(queue, state);
    return state;
  }

  #windowOf(group: ShareGroup, state: QueueState): Promise<DedupWindow> {
    state.window ??= this.#readWindow(group).catch((error: unknown) => {
      state.window = null;
      throw error;
    });
    return state.window;
  }

  async #readWindow(group: ShareGroup): Promise<DedupWindow> {
    const { source, clock } = this.#engine.options;
    const window = new DedupWindow();
    const listing = source.topic(group.settings.topic ?? "");
    const sinceMs = clock.nowMs() - group.settings.dedupWindowMs;
    for (let partition = 0; partition < (listing?.partitionCount ?? 0); partition++) {
      const place = { topic: listing?.name ?? "", partition };
      const [found] = await source.listOffsets([{ ...place, timestampMs: sinceMs }]);
      if (found !== undefined && found.offset >= 0) {
        await this.#readFrom(place, found.offset, window);
      }
    }
    return window;
  }

  async #readFrom(place: TopicPartition, from: number, window: DedupWindow): Promise<void> {
    const { source, share } = this.#engine.options;
    for (let offset = from; ; ) {
      const fetched = await source.fetch({
        maxWaitMs: 0,
        minBytes: 0,
        maxBytes: readBytes,
        isolation: "read_uncommitted",
        partitions: [{ ...place, fetchOffset: offset, maxBytes: readBytes }],
        signal: null,
      });
      try {
        const [result] = fetched.partitions;
        if (result === undefined || result.error !== null || result.batches.length === 0) return;
        const records = new FetchedRecords(result, offset);
        while (records.next()) {
          note(window, records.cursor, place.partition);
          records.take();
          const pause = share.after(records.cursor.recordEnd - records.cursor.recordStart);
          if (pause !== null) await pause;
        }
        offset = nextFetchedOffset(result.batches, offset);
      } finally {
        fetched.release();
      }
    }
  }
}

function note(window: DedupWindow, cursor: RecordCursor, partition: number): void {
  while (cursor.nextHeader()) {
    if (varveHeader(cursor) !== messageHeaders.dedupId) continue;
    const id = headerText(cursor);
    const place = { partition, offset: cursor.offset };
    if (id !== null) window.keep(id, place, cursor.timestampMs);
  }
}

async function reserve(
  window: DedupWindow | null,
  ids: readonly string[],
  time: { readonly nowMs: number; readonly windowMs: number },
): Promise<{ readonly known: readonly (Receipt | null)[]; readonly fresh: readonly string[] }> {
  if (window === null) return { known: [], fresh: [] };
  const distinct = [...new Set(ids)];
  const places = new Map<string, RecordPlace | null>();
  // In one order for everybody: two requests with the same ids would otherwise wait for each other for ever.
  for (const id of [...distinct].sort()) places.set(id, await window.find(id, time));
  return {
    known: ids.map((id) => {
      const place = places.get(id) ?? null;
      return place === null ? null : { ...place, deliveries: 0, epoch: 0 };
    }),
    fresh: distinct.filter((id) => places.get(id) === null),
  };
}

// Group commit: one group of appends is on its way to the disk while the next one fills.
//
// - The first append to an idle log starts its group in a microtask, so appends of one turn go together. No timer: the
//   sync under way is the window in which a group that needs one gathers; a group that does not is written beside it.
//   What is written is the syncer's to make durable.
// - Which segment a batch goes to is settled when it is appended. A group never spans segments, so it is written whole
//   or not at all.
// - At most `unsyncedBytesMax` is written and not synced; beyond it a group waits for a sync.
// - No room (DISK_FULL): the group and all behind it are refused and their offsets taken back; nobody had seen them.
//   Any other failed write, and any failed sync, is final.

import { assert } from "../base/assert.ts";
import { LogError } from "../base/error.ts";
import { maxTimestampAt } from "../record/batch-header.ts";
import { BatchGroup, StampedBatches } from "./batch-group.ts";
import type { LogState } from "./log-state.ts";
import { LogSyncer } from "./log-syncer.ts";
import type { PendingAppend } from "./log-types.ts";
import { repeatedAppend, type SequencedBatch } from "./producer-entry.ts";
import type { ProducerKeeper } from "./producer-keeper.ts";
import { Segment } from "./segment.ts";
import { timeEntryBytes } from "./time-index.ts";

/** Largest distance of an offset from its segment's base that an index entry can hold. */
const relativeOffsetMax = 2 ** 31 - 1;

/** Largest bound a random number is drawn below. */
const jitterMsMax = 2 ** 31;

/** Where the next append will go if all before it succeed. */
interface Plan {
  readonly baseOffset: number;
  readonly jitterMs: number;
  position: number;
  /** Largest timestamp of the segment's first batch; null while unknown or empty. */
  firstTimestampMs: number | null;
  /** Index entries made since the plan began, counted as `SegmentIndexes.addBatch` makes them. */
  entryCount: number;
  bytesSinceEntry: number;
}

/** Appends and rolls of one log. */
export class LogWriter {
  readonly #state: LogState;
  readonly #keeper: ProducerKeeper;
  readonly #syncer: LogSyncer;
  readonly #queue: BatchGroup[] = [];
  #queuedBytes = 0;
  #inFlight: BatchGroup | null = null;
  #pump: Promise<void> | null = null;
  #plan: Plan;

  constructor(state: LogState, keeper: ProducerKeeper) {
    const { groupBytesMax, unsyncedBytesMax } = state.options.limits;
    assert(groupBytesMax <= unsyncedBytesMax, "a group fits the unsynced window");
    this.#state = state;
    this.#keeper = keeper;
    this.#syncer = new LogSyncer(state, (error) => this.#refuse(null, error));
    this.#plan = this.#planOfActive();
  }

  /** Bytes waiting for the disk. */
  get queuedBytes(): number {
    return this.#queuedBytes;
  }

  /** See `Log.append`. */
  append(chunks: readonly Uint8Array[], needsSync: boolean): PendingAppend {
    const state = this.#state;
    state.requireWritable();
    assert(chunks.length > 0, "an append has at least one batch");
    const plan = state.producers.plan(chunks, state.logEndOffset);
    if (plan?.kind === "duplicate") return this.#repeated(plan.batches, needsSync);
    this.#admit(chunks);
    const batches = new StampedBatches(chunks, state.logEndOffset);
    const group = this.#groupFor(batches);
    group.add(batches, needsSync);
    const safety = { written: group.written.promise, durable: group.durable.promise };
    if (plan !== null) {
      this.#keeper.noteProducer();
      state.producers.take(plan.batches, state.options.clock.nowMs(), safety);
    }
    this.#count(batches);
    state.logEndOffset = batches.nextOffset;
    this.#queuedBytes += batches.bytes;
    this.#start();
    return {
      baseOffset: batches.baseOffset,
      nextOffset: batches.nextOffset,
      ...safety,
      isDuplicate: false,
      maxTimestampMs: batches.maxTimestampMs,
    };
  }

  /**
   * Begins a new segment behind everything appended so far, unless the last segment is empty.
   * @throws DISK_FULL, KAFKA_STORAGE_ERROR
   */
  async roll(): Promise<void> {
    this.#state.requireWritable();
    if (this.#plan.position === 0) return;
    const group = this.#newGroup(true);
    this.#start();
    await group.written.promise;
  }

  /** Rolls when the first record of the last segment is older than `segmentMs` at `nowMs`. @throws as `roll` */
  async rollIfTooOld(nowMs: number): Promise<void> {
    const { active, config } = this.#state;
    if (active.written.position > 0) await active.indexes(config);
    if (this.#isTooOld(nowMs)) await this.roll();
  }

  /** Resolves when everything appended so far is durable. @throws DISK_FULL, KAFKA_STORAGE_ERROR */
  async flush(): Promise<void> {
    if (this.#state.health.state === "failed") throw this.#state.refusal();
    await this.#demandSync()?.durable.promise;
  }

  /** Resolves when nothing is on its way any more: all is durable, or refused. Appends must have been stopped. */
  async drain(): Promise<void> {
    while (this.#pump !== null) await this.#pump;
    await this.#syncer.drain();
  }

  // A retry is as safe as what it repeats, and never acknowledged before it.
  #repeated(batches: readonly SequencedBatch[], needsSync: boolean): PendingAppend {
    const pending = repeatedAppend(batches);
    if (needsSync && pending.nextOffset > this.#state.active.durable.offset) this.#demandSync();
    return pending;
  }

  // Everything appended so far is to become durable without delay; answers the group that is durable last.
  #demandSync(): BatchGroup | undefined {
    const waiting = this.#queue.at(-1) ?? this.#inFlight;
    if (waiting !== null) {
      waiting.needsSync = true;
      return waiting;
    }
    this.#syncer.demand();
    return this.#syncer.last;
  }

  #admit(chunks: readonly Uint8Array[]): void {
    const { unsyncedBytesMax, queuedBytesMax } = this.#state.options.limits;
    let bytes = 0;
    for (const chunk of chunks) bytes += chunk.length;
    if (bytes > unsyncedBytesMax) {
      const detail = `an append of ${bytes} bytes exceeds the limit of ${unsyncedBytesMax}`;
      throw new LogError("MESSAGE_TOO_LARGE", detail, {
        facts: { bytes, bytesMax: unsyncedBytesMax },
      });
    }
    if (this.#queuedBytes > 0 && this.#queuedBytes + bytes > queuedBytesMax) {
      const detail = `${this.#queuedBytes} bytes of this partition wait for the disk; retry later`;
      throw new LogError("SERVER_OVERLOADED", detail, {
        facts: { queuedBytes: this.#queuedBytes, queuedBytesMax },
      });
    }
  }

  // The group an append joins: the last one waiting, or a new one.
  #groupFor(batches: StampedBatches): BatchGroup {
    if (this.#mustRoll(batches)) return this.#newGroup(true);
    const last = this.#queue.at(-1);
    const room = this.#state.options.limits.groupBytesMax - (last?.bytes ?? 0);
    return last !== undefined && batches.bytes <= room ? last : this.#newGroup(false);
  }

  #mustRoll(batches: StampedBatches): boolean {
    const { config, active } = this.#state;
    const plan = this.#plan;
    if (plan.position === 0) return false;
    if (plan.position + batches.bytes > config.segmentBytes) return true;
    if (batches.nextOffset - 1 - plan.baseOffset > relativeOffsetMax) return true;
    if (this.#isTooOld(batches.maxTimestampMs)) return true;
    const isActive = plan.baseOffset === active.segment.baseOffset;
    const stored = isActive ? active.storedEntryCount : 0;
    const entriesMax = indexEntriesMax(config.segmentIndexBytes);
    return stored + plan.entryCount + batches.chunks.length > entriesMax;
  }

  #isTooOld(timestampMs: number): boolean {
    const { baseOffset, jitterMs, position } = this.#plan;
    const { active, config } = this.#state;
    if (position === 0) return false;
    if (baseOffset === active.segment.baseOffset) {
      this.#plan.firstTimestampMs ??= active.firstTimestampMs;
    }
    const first = this.#plan.firstTimestampMs;
    return first !== null && timestampMs - first > config.segmentMs - jitterMs;
  }

  #count(batches: StampedBatches): void {
    const plan = this.#plan;
    const [first] = batches.views;
    if (plan.position === 0 && first !== undefined)
      plan.firstTimestampMs = maxTimestampAt(first, 0);
    plan.position += batches.bytes;
    for (const chunk of batches.chunks) {
      if (plan.bytesSinceEntry > this.#state.config.indexIntervalBytes) {
        plan.entryCount++;
        plan.bytesSinceEntry = 0;
      }
      plan.bytesSinceEntry += chunk.length;
    }
  }

  #newGroup(isRoll: boolean): BatchGroup {
    const group = new BatchGroup(this.#state.logEndOffset, isRoll);
    this.#queue.push(group);
    if (isRoll) this.#plan = this.#planOf(this.#state.logEndOffset, 0);
    return group;
  }

  #planOfActive(): Plan {
    const { segment, written } = this.#state.active;
    return this.#planOf(segment.baseOffset, written.position);
  }

  #planOf(baseOffset: number, position: number): Plan {
    const { options, config } = this.#state;
    const jitterMs = options.random.below(Math.min(config.segmentJitterMs, jitterMsMax) + 1);
    const fresh = { firstTimestampMs: null, entryCount: 0, bytesSinceEntry: 0 };
    return { baseOffset, jitterMs, position, ...fresh };
  }

  #start(): void {
    this.#pump ??= this.#run();
  }

  async #run(): Promise<void> {
    try {
      // Appends of this turn of the event loop join the first group.
      await Promise.resolve();
      while (this.#state.health.state === "ok") {
        if (this.#queue[0]?.needsSync === true) await this.#syncer.ended();
        if (this.#state.health.state !== "ok") break;
        const group = this.#queue.shift();
        if (group === undefined) break;
        await this.#commit(group);
      }
      if (this.#state.health.state !== "ok") this.#refuse(null, this.#state.refusal());
    } finally {
      // In the same turn as the last look at the queue, so that no append falls between.
      this.#pump = null;
    }
  }

  async #commit(group: BatchGroup): Promise<void> {
    const state = this.#state;
    this.#inFlight = group;
    try {
      if (group.isRoll) await this.#rollActive();
      if (group.bytes > 0) await this.#write(group);
    } catch (error) {
      this.#refuse(group, error);
      return;
    } finally {
      this.#inFlight = null;
    }
    if (state.health.state !== "ok") {
      // A sync failed beside the write: the file must not be synced again and called good.
      this.#refuse(group, state.refusal());
      return;
    }
    this.#queuedBytes -= group.bytes;
    group.written.resolve();
    if (group.bytes === 0) {
      // A roll by itself: what was before it has been synced.
      group.durable.resolve();
      return;
    }
    state.options.observer.appended(group.bytes, group.recordCount);
    state.advance();
    this.#syncer.add(group);
  }

  async #write(group: BatchGroup): Promise<void> {
    const state = this.#state;
    const { active, config } = state;
    const { unsyncedBytesMax } = state.options.limits;
    if (active.unsyncedBytes + group.bytes > unsyncedBytesMax) await this.#syncer.syncAll();
    await active.prepare(group.bytes, config);
    try {
      await active.write(group, config);
    } catch (error) {
      if (!isDiskFull(error)) state.latch("a write failed; the log is closed for appends", error);
      throw error;
    }
  }

  // A crash between any two of these steps leaves either the old segment as the last, whole, or both, the new one
  // empty.
  async #rollActive(): Promise<void> {
    const state = this.#state;
    const { disk, directory } = state.options;
    const before = state.active;
    await this.#syncer.syncAll();
    await before.finish(true, state.config);
    await this.#keeper.seal();
    const segment = new Segment(directory, before.written.offset);
    segment.aborted = [];
    const file = await disk.open(segment.logPath, "write");
    try {
      await file.close();
      await disk.syncDirectory(directory);
    } catch (error) {
      // The new name may be there already: appending to the old segment would contradict it.
      state.latch("a new segment could not be made durable", error);
      throw error;
    }
    state.replaceActive(before.followedBy(segment));
    await before.close();
  }

  #refuse(group: BatchGroup | null, error: unknown): void {
    const state = this.#state;
    const isFinal = state.health.state !== "ok";
    if (!isFinal && !(error instanceof LogError)) {
      state.latch("an append failed in a way that must not happen", error);
    }
    const reason = state.health.state === "ok" ? error : state.refusal(error);
    const refused = group === null ? this.#queue.splice(0) : [group, ...this.#queue.splice(0)];
    if (state.health.state !== "ok") refused.push(...this.#syncer.giveUp());
    for (const each of refused) each.reject(reason);
    this.#queuedBytes = 0;
    state.logEndOffset = state.active.written.offset;
    state.producers.rollBackTo(state.logEndOffset);
    this.#plan = this.#planOfActive();
    if (!isFinal && !(error instanceof LogError)) throw error;
  }
}

/** How many entries both index files have room for; the last time entry of a segment is kept back. */
function indexEntriesMax(indexBytes: number): number {
  return Math.max(1, Math.floor(indexBytes / timeEntryBytes) - 1);
}

function isDiskFull(error: unknown): boolean {
  return error instanceof LogError && error.code === "DISK_FULL";
}

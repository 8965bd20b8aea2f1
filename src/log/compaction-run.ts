// One run of compaction over one log: learns the keys of what is new, then writes group after group again.

import { viewOf } from "../base/bytes.ts";
import { attributesAt, isControl, nextOffsetAt } from "../record/batch-header.ts";
import { RecordCursor } from "../record/record-cursor.ts";
import { abortedWithin } from "./aborted-lookup.ts";
import type { CompactionState } from "./compaction-file.ts";
import type { CompactionRange, SealedSegment, SegmentGroup } from "./compaction-plan.ts";
import { AbortedBatches, CompactionRules } from "./compaction-rules.ts";
import type { CompactionSwaps } from "./compaction-swaps.ts";
import { KeyOffsets } from "./key-offsets.ts";
import type { LogState } from "./log-state.ts";
import type { ProducerKeeper } from "./producer-keeper.ts";
import { readSegment } from "./segment-batches.ts";
import { SegmentCopy } from "./segment-copy.ts";

/** What a run did. Sizes are bytes. */
export interface CompactionFacts {
  /** Size of the segments it went through, before. */
  readonly bytesBefore: number;
  /** And after. */
  readonly bytesAfter: number;
  readonly bytesRead: number;
  readonly bytesWritten: number;
  /** All below this offset is compacted now. */
  readonly cleanBelow: number;
}

/** What a run works with. */
export interface CompactionWork {
  readonly state: LogState;
  readonly keeper: ProducerKeeper;
  readonly swaps: CompactionSwaps;
  /** Memory for what is known of keys, bytes. */
  readonly keyBytesMax: number;
  /** Asked after each piece of work over so many bytes: when to go on. Throws or rejects when the run is to end. */
  readonly pause: (bytes: number) => Promise<void> | null;
  /** Keeps what is known of the log on the disk. */
  readonly keep: (change: Partial<CompactionState>) => Promise<void>;
}

// Largest distance of an offset from its segment's base that an index entry can hold.
const relativeOffsetMax = 2 ** 31 - 1;

/** One run; see `go`. */
export class CompactionRun {
  readonly #work: CompactionWork;
  readonly #range: CompactionRange;
  #bytesRead = 0;
  #bytesWritten = 0;
  #bytesBefore = 0;
  #bytesAfter = 0;
  #isPrepared = false;

  constructor(work: CompactionWork, range: CompactionRange) {
    this.#work = work;
    this.#range = range;
  }

  /**
   * Compacts the range, or as much of it as the memory for keys allows.
   *
   * @returns Null when retention or a close came between; what was put in place until then stays.
   * @throws  CORRUPT_MESSAGE and the like at the first batch that cannot be read; DISK_FULL, KAFKA_STORAGE_ERROR.
   */
  async go(): Promise<CompactionFacts | null> {
    const { state } = this.#work;
    const { options, config } = state;
    const aborted = new AbortedBatches(await this.#abortedSpans());
    const { latest, mappedTo } = await this.#learnKeys(aborted);
    const rules = new CompactionRules({
      latest,
      mappedTo,
      aborted,
      producers: state.producers.durableEntries(),
      nowMs: options.clock.nowMs(),
      deleteRetentionMs: config.compaction?.deleteRetentionMs ?? Number.POSITIVE_INFINITY,
      batchBytesMax: options.limits.unsyncedBytesMax,
    });
    let left = this.#range.segments.filter(({ segment }) => segment.baseOffset < mappedTo);
    while (left.length > 0) {
      const group = await this.#rewrite(left, rules);
      if (group === null) return null;
      left = left.slice(group.segments.length);
    }
    await this.#work.keep({ cleanBelow: mappedTo, horizonMs: rules.horizonMs });
    return {
      bytesBefore: this.#bytesBefore,
      bytesAfter: this.#bytesAfter,
      bytesRead: this.#bytesRead,
      bytesWritten: this.#bytesWritten,
      cleanBelow: mappedTo,
    };
  }

  get #endOffset(): number {
    return this.#range.segments.at(-1)?.endOffset ?? 0;
  }

  async #abortedSpans(): ReturnType<typeof abortedWithin> {
    const { state, keeper } = this.#work;
    const from = state.segments.first.baseOffset;
    const range = { from, to: this.#endOffset };
    return abortedWithin(state.segments.from(from), range, (segment) =>
      keeper.loadAborted(segment),
    );
  }

  // The keys of committed records from what is dirty on, as many as there is room for.
  async #learnKeys(
    aborted: AbortedBatches,
  ): Promise<{ readonly latest: KeyOffsets; readonly mappedTo: number }> {
    const { state, keyBytesMax } = this.#work;
    const { segments, dirtyFrom } = this.#range;
    const latest = new KeyOffsets(keyBytesMax);
    const cursor = new RecordCursor();
    for (const { segment, endOffset } of segments) {
      if (endOffset <= dirtyFrom) continue;
      for await (const batch of readSegment(state.options, segment, endOffset)) {
        const view = viewOf(batch);
        const wait = this.#work.pause(batch.length);
        if (wait !== null) await wait;
        this.#bytesRead += batch.length;
        if (nextOffsetAt(view, 0) <= dirtyFrom || isControl(attributesAt(view, 0))) continue;
        if (aborted.has(view, 0)) continue;
        cursor.reset(batch);
        while (cursor.next()) {
          const { bytes, keyStart, keyEnd, offset } = cursor;
          if (keyStart < 0 || offset < dirtyFrom) continue;
          const hasRoom = latest.put(bytes.subarray(keyStart, keyEnd), offset);
          if (!hasRoom) return { latest, mappedTo: offset };
        }
      }
    }
    return { latest, mappedTo: this.#endOffset };
  }

  // Writes as many segments again as fit one; answers null when one of them is gone meanwhile.
  async #rewrite(
    left: readonly SealedSegment[],
    rules: CompactionRules,
  ): Promise<SegmentGroup | null> {
    const { state, swaps, keep } = this.#work;
    const { segmentBytes, indexIntervalBytes } = state.config;
    const baseOffset = left[0]?.segment.baseOffset ?? 0;
    const copy = await SegmentCopy.open(state.options, baseOffset, indexIntervalBytes);
    try {
      const segments: SealedSegment[] = [];
      let isChanged = false;
      for (const each of left) {
        const isFitting = copy.sizeBytes + each.sizeBytes <= segmentBytes;
        const isNear = each.endOffset - 1 - baseOffset <= relativeOffsetMax;
        if (segments.length > 0 && !(isFitting && isNear)) break;
        segments.push(each);
        if (await this.#copy(each, copy, rules)) isChanged = true;
        this.#bytesBefore += each.sizeBytes;
      }
      const endOffset = segments.at(-1)?.endOffset ?? baseOffset;
      const group = { segments, range: { baseOffset, endOffset } };
      if (!isChanged && segments.length === 1) {
        this.#bytesAfter += copy.sizeBytes;
        await copy.discard();
        return group;
      }
      await copy.finish(endOffset);
      this.#bytesAfter += copy.sizeBytes;
      if (!this.#isPrepared) {
        await swaps.prepare(this.#endOffset);
        await keep({ holesBelow: this.#endOffset });
        this.#isPrepared = true;
      }
      if (await swaps.swap(copy, group)) return group;
      await copy.discard();
      return null;
    } catch (error) {
      await copy.discard();
      throw error;
    }
  }

  // Whether anything has changed.
  async #copy(
    { segment, endOffset }: SealedSegment,
    copy: SegmentCopy,
    rules: CompactionRules,
  ): Promise<boolean> {
    let isChanged = false;
    for await (const batch of readSegment(this.#work.state.options, segment, endOffset)) {
      const kept = rules.judge(batch);
      if (kept !== batch) isChanged = true;
      if (kept === null) copy.pass(batch);
      else await copy.add(kept === batch ? batch.slice() : kept);
      const writtenBytes = kept?.length ?? 0;
      this.#bytesRead += batch.length;
      this.#bytesWritten += writtenBytes;
      const wait = this.#work.pause(batch.length + writtenBytes);
      if (wait !== null) await wait;
    }
    return isChanged;
  }
}

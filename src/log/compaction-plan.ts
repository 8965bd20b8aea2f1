// What of a log can be compacted now, and whether it is worth it.

import { viewOf } from "../base/bytes.ts";
import { batchHeaderBytes, maxTimestampAt } from "../record/batch-header.ts";
import type { CompactionState } from "./compaction-file.ts";
import type { LogReader } from "./log-reader.ts";
import type { LogState } from "./log-state.ts";
import type { Segment } from "./segment.ts";
import type { SwapRange } from "./segment-swap.ts";

/** How much a log needs compaction. Sizes are bytes. */
export interface CompactionNeed {
  readonly cleanBytes: number;
  /** Sealed and not compacted. */
  readonly dirtyBytes: number;
  /** Part of the whole that is dirty, 0 to 1. */
  readonly dirtyRatio: number;
  /** Whether it is time. */
  readonly isDue: boolean;
}

/** A sealed segment and where it ends: at the base of the one behind it. */
export interface SealedSegment {
  readonly segment: Segment;
  readonly endOffset: number;
  readonly sizeBytes: number;
}

/** What a run goes through. */
export interface CompactionRange {
  /** From the log's first on, without a gap. Never empty. */
  readonly segments: readonly SealedSegment[];
  /** All below is compacted. */
  readonly dirtyFrom: number;
  readonly need: CompactionNeed;
}

/** Neighbours that become one segment. */
export interface SegmentGroup {
  readonly segments: readonly SealedSegment[];
  readonly range: SwapRange;
}

/** Plans compactions of one log. */
export class CompactionPlanner {
  readonly #state: LogState;
  readonly #reader: LogReader;

  constructor({ state, reader }: { readonly state: LogState; readonly reader: LogReader }) {
    this.#state = state;
    this.#reader = reader;
  }

  /** What can be compacted now; null when there is nothing. @throws CORRUPT_MESSAGE, KAFKA_STORAGE_ERROR */
  async range(known: CompactionState): Promise<CompactionRange | null> {
    const { config, options } = this.#state;
    const { compaction } = config;
    const dirtyFrom = Math.max(known.cleanBelow, this.#state.segments.first.baseOffset);
    const segments = await this.#compactable(dirtyFrom);
    if (compaction === null || segments.length === 0) return null;
    let cleanBytes = 0;
    let dirtyBytes = 0;
    for (const { endOffset, sizeBytes } of segments) {
      if (endOffset > dirtyFrom) dirtyBytes += sizeBytes;
      else cleanBytes += sizeBytes;
    }
    const nowMs = options.clock.nowMs();
    const dirtyRatio = dirtyBytes / Math.max(1, cleanBytes + dirtyBytes);
    const isHorizonOver = known.horizonMs >= 0 && known.horizonMs <= nowMs;
    const isDue =
      isHorizonOver ||
      dirtyRatio > compaction.dirtyRatioMin ||
      (dirtyBytes > 0 && (await this.#isOverdue(segments, dirtyFrom, nowMs - compaction.maxLagMs)));
    return { segments, dirtyFrom, need: { cleanBytes, dirtyBytes, dirtyRatio, isDue } };
  }

  // Sealed, decided, durable, old enough, and not needed as they are by anybody.
  async #compactable(dirtyFrom: number): Promise<readonly SealedSegment[]> {
    const { segments, lastStableOffset, holds, config, options } = this.#state;
    const end = Math.min(lastStableOffset, ...holds.values());
    const youngestMs = options.clock.nowMs() - (config.compaction?.minLagMs ?? 0);
    const all = segments.all.slice();
    const found: SealedSegment[] = [];
    for (const [index, segment] of all.entries()) {
      const endOffset = all[index + 1]?.baseOffset ?? Number.POSITIVE_INFINITY;
      if (segment.isRemoved || endOffset > end) break;
      const isYoung =
        endOffset > dirtyFrom && (await this.#reader.maxTimestampOf(segment)) > youngestMs;
      if (isYoung) break;
      found.push({ segment, endOffset, sizeBytes: await segment.size(options.disk) });
    }
    return found;
  }

  async #isOverdue(
    segments: readonly SealedSegment[],
    dirtyFrom: number,
    beforeMs: number,
  ): Promise<boolean> {
    const oldest = segments.find(({ endOffset }) => endOffset > dirtyFrom);
    if (oldest === undefined || beforeMs < 0) return false;
    const file = await this.#state.options.disk.open(oldest.segment.logPath, "read");
    try {
      const header = new Uint8Array(batchHeaderBytes);
      const count = await file.read(header, 0);
      return count === header.length && maxTimestampAt(viewOf(header), 0) < beforeMs;
    } finally {
      await file.close();
    }
  }
}

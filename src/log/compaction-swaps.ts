// Puts what compaction has written in the place of the segments it was made from, on the disk and in memory, while
// nothing else is removed. Readers that hold the old ones keep them; those who come find the new one.

import { assert } from "../base/assert.ts";
import type { SegmentGroup } from "./compaction-plan.ts";
import { writeIndexes } from "./index-files.ts";
import type { LogRetention } from "./log-retention.ts";
import type { LogState } from "./log-state.ts";
import { writeAborted } from "./producer-files.ts";
import type { ProducerKeeper } from "./producer-keeper.ts";
import { Segment } from "./segment.ts";
import type { SegmentCopy } from "./segment-copy.ts";
import { commitSwap, finishSwap, type SwapRange, swapPath } from "./segment-swap.ts";

/** The parts of a log that are touched. */
export interface SwapParts {
  readonly state: LogState;
  readonly retention: LogRetention;
  readonly keeper: ProducerKeeper;
}

/** The swaps of one log. */
export class CompactionSwaps {
  readonly #parts: SwapParts;
  #isBroken = false;

  constructor(parts: SwapParts) {
    this.#parts = parts;
  }

  /** True once one could not be finished: the next opening does that, and until then there must be no further one. */
  get isBroken(): boolean {
    return this.#isBroken;
  }

  /**
   * To be awaited before the first swap of a run: nothing that is on the disk speaks of positions in segments below
   * `endOffset` any more, and a snapshot tells what only they told of producers.
   * @throws DISK_FULL, KAFKA_STORAGE_ERROR
   */
  async prepare(endOffset: number): Promise<void> {
    const { state, keeper } = this.#parts;
    await keeper.release();
    const { recoveryPoint } = keeper.checkpoint();
    assert(recoveryPoint >= endOffset, "what is compacted lies below the recovery point");
    await state.options.persistCheckpoint();
  }

  /**
   * Puts a finished copy in the place of its group.
   *
   * @returns False, and nothing is changed, when a segment of the group is gone or the log must not be changed.
   * @throws  KAFKA_STORAGE_ERROR, DISK_FULL
   */
  async swap(copy: SegmentCopy, { segments, range }: SegmentGroup): Promise<boolean> {
    const { state, retention, keeper } = this.#parts;
    const swap = async (): Promise<boolean> => {
      const isThere = segments.every(({ segment }) => !segment.isRemoved);
      if (!isThere || state.isClosed || state.health.state !== "ok") return false;
      await keeper.replaceFiles(range, async (isUsed) => {
        const segment = await this.#replace(copy, { segments, range });
        await this.#writeDerived(segment, copy, isUsed);
      });
      return true;
    };
    // A backup takes files by their names.
    return retention.alone(() => state.pins.change(swap));
  }

  async #replace(copy: SegmentCopy, { segments, range }: SegmentGroup): Promise<Segment> {
    const { state } = this.#parts;
    const { disk, directory, files } = state.options;
    const old = segments.map((each) => each.segment);
    const segment = new Segment(directory, range.baseOffset);
    const finalPath = segment.logPath;
    segment.logPath = swapPath(directory, range);
    segment.sizeBytes = copy.sizeBytes;
    segment.maxTimestampMs = copy.indexes.maxTimestampMs;
    segment.checked.add(0, copy.sizeBytes);
    // Nothing of them is left anywhere: their records lay before their markers, and all that has been compacted.
    segment.aborted = [];
    this.#isBroken = true;
    await commitSwap(disk, directory, range);
    state.segments.replace(old, segment);
    try {
      await finishSwap(disk, directory, range);
      segment.logPath = finalPath;
      this.#isBroken = false;
    } catch (error) {
      segment.logPath = await this.#whereItIs(range, finalPath);
      throw error;
    } finally {
      for (const each of old) files.forget(each.logPath);
      files.forget(swapPath(directory, range));
      state.segments.settle();
    }
    return segment;
  }

  async #whereItIs(range: SwapRange, finalPath: string): Promise<string> {
    const { disk, directory } = this.#parts.state.options;
    const path = swapPath(directory, range);
    const isThere = await disk.exists(path).catch(() => true);
    return isThere ? path : finalPath;
  }

  // What is lost of these is made again when it is asked for.
  async #writeDerived(segment: Segment, copy: SegmentCopy, isUsed: boolean): Promise<void> {
    const { disk, logger } = this.#parts.state.options;
    await writeIndexes(segment, copy.indexes, { disk, logger, isSynced: true });
    if (!isUsed) return;
    try {
      await writeAborted(disk, segment, { spans: [], storedCount: 0 });
      segment.storedAbortedCount = 0;
    } catch (error) {
      logger.warn({ err: error, path: segment.transactionIndexPath }, "an index was not written");
    }
  }
}

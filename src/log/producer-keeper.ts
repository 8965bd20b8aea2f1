// Keeps on the disk what is remembered of producers, so that a restart need not read whole logs.
//
// A snapshot is of the durable end: at each roll, when a checkpoint is taken and the log has grown much since the last
// one, and at the close. What the segments' transaction indexes must say below its offset is durable before it. A log
// that never had a producer has none of these files. The first producer of a log holds its checkpoint where it is until
// there is a snapshot: a log without one is believed to have no producers below its recovery point.

import type { LogOptions } from "./log-options.ts";
import type { LogState } from "./log-state.ts";
import type { LogCheckpoint } from "./log-types.ts";
import { readAborted, snapshotPath, writeAborted, writeSnapshot } from "./producer-files.ts";
import { type RecoveredProducers, rebuildAborted } from "./producer-recovery.ts";
import { removedError, type Segment } from "./segment.ts";
import type { AbortedSpan } from "./transaction-spans.ts";

/** A log grows this much between two snapshots that no roll asks for: so much is read at a restart. Bytes. */
const growthBytesMax = 4 << 20;

/** The producer files of one log. */
export class ProducerKeeper {
  readonly #state: LogState;
  #isUsed: boolean;
  #snapshotOffsets: number[];
  // Position of the last snapshot in the segment that is active now.
  #snapshotPosition: number;
  #hold: LogCheckpoint | null = null;
  readonly #unindexed: Set<Segment>;
  #running: Promise<unknown> = Promise.resolve();
  #isInBackground = false;

  /** @param checkpoint What the log was opened by; null without. */
  constructor(state: LogState, recovered: RecoveredProducers, checkpoint: LogCheckpoint | null) {
    this.#state = state;
    this.#isUsed = recovered.isUsed;
    this.#snapshotOffsets = [...recovered.snapshotOffsets];
    this.#unindexed = new Set(recovered.unindexed);
    const isAtEnd = recovered.snapshotOffset === state.active.durable.offset;
    this.#snapshotPosition = isAtEnd ? state.active.durable.position : 0;
    if (this.#isUsed && recovered.snapshotOffset === null) {
      this.#hold = checkpoint ?? { ...state.checkpoint(), ...atStart(state.segments.first) };
    }
  }

  /** A batch of a producer is about to be appended. */
  noteProducer(): void {
    if (this.#isUsed) return;
    this.#isUsed = true;
    this.#hold = this.#state.checkpoint();
  }

  /** The checkpoint of the log: held back as long as a restart would not look for the first producers. */
  checkpoint(): LogCheckpoint {
    this.#writeIfDue();
    const current = this.#state.checkpoint();
    const hold = this.#hold;
    if (hold === null) return current;
    // No further than the recovery point: its segment must not be taken for removed.
    return { ...hold, logStartOffset: Math.min(current.logStartOffset, hold.recoveryPoint) };
  }

  /**
   * Makes sure that sealed segments can be removed: that the checkpoint speaks of none of them, and that a snapshot
   * stays that tells what only they told.
   * @throws DISK_FULL, KAFKA_STORAGE_ERROR
   */
  async release(): Promise<void> {
    const newest = this.#snapshotOffsets.at(-1) ?? -1;
    const isToldElsewhere = newest >= this.#state.active.segment.baseOffset;
    if (this.#hold !== null || !isToldElsewhere) await this.#alone(() => this.#write());
  }

  /**
   * Writes what belongs to the active segment, all of which is durable, before another one follows.
   * @throws DISK_FULL, KAFKA_STORAGE_ERROR; the segment must stay the active one then.
   */
  async seal(): Promise<void> {
    await this.#alone(() => this.#write());
    this.#snapshotPosition = 0;
  }

  /** Writes a last snapshot; what goes wrong costs the next start time and nothing else. */
  async close(): Promise<void> {
    const { logger, directory } = this.#state.options;
    try {
      await this.#alone(() => this.#write());
    } catch (error) {
      logger.warn({ err: error, directory }, "producers could not be written while closing");
    }
  }

  /**
   * Runs work that takes away the producer files of a range of offsets, while none are written. The snapshots in it are
   * forgotten; a newer one must be there, see `release`.
   *
   * @param work Told whether the log ever had a producer.
   */
  async replaceFiles(
    { baseOffset, endOffset }: { readonly baseOffset: number; readonly endOffset: number },
    work: (isUsed: boolean) => Promise<void>,
  ): Promise<void> {
    await this.#alone(async () => {
      this.#snapshotOffsets = this.#snapshotOffsets.filter(
        (offset) => offset < baseOffset || offset >= endOffset,
      );
      await work(this.#isUsed);
    });
  }

  /** The aborted transactions of a sealed segment. @throws KAFKA_STORAGE_ERROR, OFFSET_BELOW_LOG_START */
  async loadAborted(segment: Segment): Promise<readonly AbortedSpan[]> {
    if (segment.aborted !== null) return segment.aborted;
    segment.loadingAborted ??= this.#load(segment).finally(() => {
      segment.loadingAborted = null;
    });
    return segment.loadingAborted;
  }

  /**
   * Holds the stored transaction index of a sealed segment to its batches, and writes it again when it is not theirs.
   * @returns Whether it was written again. @throws DISK_FULL, KAFKA_STORAGE_ERROR
   */
  async repairAborted(segment: Segment): Promise<boolean> {
    let isRepaired = false;
    await this.#alone(async () => {
      const { options, segments } = this.#state;
      const next = segments.after(segment);
      if (next === null) return;
      const stored = await readAborted(options.disk, segment, next.baseOffset);
      const upTo = segments.all.filter((each) => each.baseOffset <= segment.baseOffset);
      const spans = await rebuildAborted(options, upTo, this.#snapshotOffsets);
      if (segment.isRemoved || areSame(stored ?? [], spans)) return;
      await writeAborted(options.disk, segment, { spans, storedCount: 0 });
      segment.aborted = spans;
      segment.storedAbortedCount = spans.length;
      this.#unindexed.delete(segment);
      isRepaired = true;
    });
    return isRepaired;
  }

  async #load(segment: Segment): Promise<readonly AbortedSpan[]> {
    const { options, segments } = this.#state;
    const next = segments.after(segment);
    if (next === null) throw removedError(segment);
    let spans = await readAborted(options.disk, segment, next.baseOffset);
    if (spans === null) {
      spans = await this.#rebuild(options, segment);
      options.logger.warn(
        { path: segment.transactionIndexPath },
        "a transaction index is made again",
      );
    }
    if (segment.isRemoved) throw removedError(segment);
    segment.aborted = spans;
    return spans;
  }

  async #rebuild(options: LogOptions, segment: Segment): Promise<AbortedSpan[]> {
    const { segments } = this.#state;
    const upTo = segments.all.filter((each) => each.baseOffset <= segment.baseOffset);
    const spans = await rebuildAborted(options, upTo, this.#snapshotOffsets);
    // Written with the next snapshot, unless the process ends before: then it is made again.
    this.#unindexed.add(segment);
    return spans;
  }

  #writeIfDue(): void {
    const { active, health, isClosed } = this.#state;
    if (!this.#isUsed || this.#isInBackground || isClosed || health.state !== "ok") return;
    const growthBytes = active.durable.position - this.#snapshotPosition;
    if (this.#hold === null && growthBytes < growthBytesMax) return;
    this.#isInBackground = true;
    void this.#writeInBackground();
  }

  async #writeInBackground(): Promise<void> {
    const { logger, directory } = this.#state.options;
    const wasHeld = this.#hold !== null;
    try {
      await this.#alone(() => this.#write());
      // The checkpoint may go on now.
      if (wasHeld) this.#state.notify();
    } catch (error) {
      logger.warn(
        { err: error, directory },
        "producers could not be written; restarts take longer",
      );
    } finally {
      this.#isInBackground = false;
    }
  }

  #alone(work: () => Promise<void>): Promise<void> {
    const result = this.#running.then(work, work);
    this.#running = result.catch(() => undefined);
    return result;
  }

  async #write(): Promise<void> {
    const { active, producers, options, health } = this.#state;
    const { disk, directory } = options;
    if (!this.#isUsed || health.state !== "ok") return;
    const { offset, position } = active.durable;
    const entries = producers.durableEntries();
    const { segment } = active;
    for (const each of this.#unindexed) {
      if (!each.isRemoved) await writeIndex(options, each);
      this.#unindexed.delete(each);
    }
    await writeIndex(options, segment);
    if (this.#snapshotOffsets.at(-1) !== offset) {
      await writeSnapshot(disk, snapshotPath(directory, offset), entries);
      this.#snapshotOffsets.push(offset);
    }
    this.#hold = null;
    if (segment === this.#state.active.segment) this.#snapshotPosition = position;
    await this.#removeUseless();
  }

  // Of the snapshots the newest is kept, and those where a segment begins.
  async #removeUseless(): Promise<void> {
    const { segments, options, pins } = this.#state;
    // The next snapshot removes them.
    if (pins.areHeld) return;
    const { disk, directory, logger } = options;
    const bases = new Set(segments.all.map((segment) => segment.baseOffset));
    const newest = this.#snapshotOffsets.at(-1);
    const isKept = (offset: number): boolean => offset === newest || bases.has(offset);
    const useless = this.#snapshotOffsets.filter((offset) => !isKept(offset));
    this.#snapshotOffsets = this.#snapshotOffsets.filter(isKept);
    for (const offset of useless) {
      const path = snapshotPath(directory, offset);
      await disk.remove(path).catch((error: unknown) => {
        logger.debug({ err: error, path }, "an old snapshot stays until the next start");
      });
    }
  }
}

async function writeIndex({ disk }: LogOptions, segment: Segment): Promise<void> {
  const { storedAbortedCount } = segment;
  const spans = segment.aborted?.slice() ?? [];
  if (storedAbortedCount === spans.length) return;
  const storedCount = Math.max(0, storedAbortedCount);
  await writeAborted(disk, segment, { spans, storedCount });
  segment.storedAbortedCount = spans.length;
}

function atStart({ baseOffset }: Segment): Omit<LogCheckpoint, "logStartOffset"> {
  return { recoveryPoint: baseOffset, segmentBase: baseOffset, position: 0 };
}

// What readers go by; the stable offset at the time is told by nobody else.
function areSame(stored: readonly AbortedSpan[], spans: readonly AbortedSpan[]): boolean {
  const isSame = (one: AbortedSpan, other: AbortedSpan | undefined): boolean =>
    one.producerId === other?.producerId &&
    one.firstOffset === other.firstOffset &&
    one.lastOffset === other.lastOffset;
  return stored.length === spans.length && stored.every((span, at) => isSame(span, spans[at]));
}

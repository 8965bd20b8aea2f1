// Looks at sealed segments before somebody needs them: reads them through, holds them to their checksums and their
// offsets, and their indexes to them.
//
//   found                                     done
//   a damaged place in a `.log` file          reported, kept in mind, never cut, moved or removed; what this process
//                                             had checked of the segment counts no more, so readers look for themselves
//   an index that is missing or not of it     made again from the log
//   the same of a transaction index           made again from the log and the snapshot before it
//
// Reading is by `read`, in pieces, never through a map: a bad sector is then an error and not a signal.

import { attributesAt, isControl } from "../record/batch-header.ts";
import { readMarker } from "../record/control-batch.ts";
import { type DiskFile, readWhole } from "../storage/disk.ts";
import { systemCodeOf } from "../storage/storage-error.ts";
import { type SegmentDamage, verifyBatches } from "./batch-verify.ts";
import type { BatchWalk, ByteSource } from "./batch-walk.ts";
import { IndexVerdict } from "./index-verdict.ts";
import { rebuildIndexes, writeIndexes } from "./index-files.ts";
import { FileBytes } from "./log-scan.ts";
import type { LogState } from "./log-state.ts";
import { decodeOffsetIndex } from "./offset-index.ts";
import type { ProducerKeeper } from "./producer-keeper.ts";
import type { Segment } from "./segment.ts";
import { decodeTimeIndex } from "./time-index.ts";

/** A damaged place, and the file it is in. */
export interface LogDamage extends SegmentDamage {
  readonly file: string;
}

/** Told of every piece before it is read; makes the reader wait, and ends it by throwing. */
export interface ScrubPace {
  (bytes: number): Promise<void>;
}

/** What a look at one log came to. */
export interface ScrubResult {
  readonly segments: number;
  /** Indexes that were made again. */
  readonly rebuiltIndexes: number;
}

/** The parts of a log that are looked at. */
export interface ScrubParts {
  readonly state: LogState;
  readonly keeper: ProducerKeeper;
  /** Runs work while no segment is removed or replaced. */
  alone<Result>(work: () => Promise<Result>): Promise<Result>;
}

/** The looking after one log's sealed segments. */
export class LogScrub {
  readonly #state: LogState;
  readonly #keeper: ProducerKeeper;
  readonly #alone: ScrubParts["alone"];
  readonly #damage = new Map<Segment, LogDamage>();

  constructor({ state, keeper, alone }: ScrubParts) {
    this.#state = state;
    this.#keeper = keeper;
    this.#alone = alone;
  }

  /** Damaged segments that are part of the log now, by the last look at each. */
  get damage(): readonly LogDamage[] {
    for (const segment of this.#damage.keys()) {
      if (segment.isRemoved) this.#damage.delete(segment);
    }
    return [...this.#damage.values()];
  }

  /** Looks at every sealed segment once. @throws what `pace` throws; KAFKA_STORAGE_ERROR of an index */
  async run(pace: ScrubPace): Promise<ScrubResult> {
    const { segments } = this.#state;
    let count = 0;
    let rebuiltIndexes = 0;
    for (const segment of segments.all.slice(0, -1)) {
      const next = segments.after(segment);
      if (segment.isRemoved || next === null || this.#state.isClosed) continue;
      rebuiltIndexes += await this.#look(segment, { endOffset: next.baseOffset, pace });
      count++;
    }
    return { segments: count, rebuiltIndexes };
  }

  // Answers how many of its indexes were made again.
  async #look(
    segment: Segment,
    { endOffset, pace }: { readonly endOffset: number; readonly pace: ScrubPace },
  ): Promise<number> {
    const { disk } = this.#state.options;
    let file: DiskFile;
    try {
      // Not while it is being put in place under another name.
      file = await this.#alone(() => disk.open(segment.logPath, "read"));
    } catch (error) {
      // Too many open files, say, is nothing that the segment has done.
      if (systemCodeOf(error) !== "ENOENT" && systemCodeOf(error) !== "EIO") throw error;
      const { baseOffset: fromOffset } = segment;
      this.#note(segment, { position: 0, fromOffset, toOffset: endOffset, what: "read" });
      return 0;
    }
    try {
      const bytes = new PacedBytes(new FileBytes(file), pace);
      const endPosition = await segment.size(disk);
      const verdict = await this.#storedIndexes(segment, endPosition);
      let abortCount = 0;
      const damage = await verifyBatches(
        bytes,
        { ...this.#rangeOf(segment, endOffset), endPosition },
        (walk) => {
          verdict?.take(walk);
          if (isAbort(walk)) abortCount++;
        },
      );
      this.#note(segment, damage);
      if (damage !== null) return 0;
      const isRight = verdict?.isRight() === true;
      if (!isRight) await this.#rebuild(segment, { bytes, endPosition });
      return (isRight ? 0 : 1) + (await this.#lookAtAborted(segment, abortCount));
    } finally {
      await file.close();
    }
  }

  #rangeOf({ baseOffset }: Segment, endOffset: number) {
    const { holesBelow, options } = this.#state;
    const mayHaveHoles = baseOffset < holesBelow;
    return { baseOffset, endOffset, mayHaveHoles, batchBytesMax: options.limits.unsyncedBytesMax };
  }

  async #storedIndexes(segment: Segment, endPosition: number): Promise<IndexVerdict | null> {
    const { disk } = this.#state.options;
    const offsetBytes = await readWhole(disk, segment.indexPath);
    const timeBytes = await readWhole(disk, segment.timeIndexPath);
    if (offsetBytes === null || timeBytes === null) return null;
    const offsets = decodeOffsetIndex(offsetBytes, endPosition);
    const times = decodeTimeIndex(timeBytes);
    if (offsets === null || times === null) return null;
    return new IndexVerdict(segment.baseOffset, offsets, times);
  }

  async #rebuild(
    segment: Segment,
    from: { readonly bytes: ByteSource; readonly endPosition: number },
  ): Promise<void> {
    const { options, config } = this.#state;
    const { disk, logger, files } = options;
    const { indexes } = await rebuildIndexes(segment, {
      disk,
      logger,
      bytes: from.bytes,
      end: from.endPosition,
      intervalBytes: config.indexIntervalBytes,
      batchBytesMax: options.limits.unsyncedBytesMax,
    });
    indexes.seal();
    const isWritten = await this.#alone(async () => {
      if (segment.isRemoved || this.#state.isClosed) return false;
      await writeIndexes(segment, indexes, { disk, logger, isSynced: true });
      return true;
    });
    if (!isWritten) return;
    // Whoever reads next takes the new ones; who reads now notices by itself when one leads astray.
    files.forget(segment.logPath);
    segment.maxTimestampMs = null;
    logger.warn({ file: segment.indexPath }, "an index was not that of its segment: made again");
  }

  async #lookAtAborted(segment: Segment, abortCount: number): Promise<number> {
    const { disk, logger } = this.#state.options;
    const isThere = ((await disk.sizeOf(segment.transactionIndexPath)) ?? 0) > 0;
    if (abortCount === 0 && !isThere) return 0;
    if (!(await this.#alone(() => this.#keeper.repairAborted(segment)))) return 0;
    const facts = { file: segment.transactionIndexPath };
    logger.warn(facts, "a transaction index was not that of its segment: made again");
    return 1;
  }

  #note(segment: Segment, found: SegmentDamage | null): void {
    const { logger } = this.#state.options;
    const before = this.#damage.get(segment);
    this.#damage.delete(segment);
    if (found === null) {
      if (before !== undefined)
        logger.warn({ file: before.file }, "a damaged segment is whole again");
      return;
    }
    // Taken out meanwhile, or closed: the file may be gone by right.
    if (segment.isRemoved || this.#state.isClosed) return;
    const damage = { ...found, file: segment.logPath };
    this.#damage.set(segment, damage);
    segment.checked.cutAt(0);
    if (before?.position === found.position && before.what === found.what) return;
    logger.error(damage, "a sealed segment is damaged; nothing of it was changed");
  }
}

class PacedBytes implements ByteSource {
  readonly #source: ByteSource;
  readonly #pace: ScrubPace;

  constructor(source: ByteSource, pace: ScrubPace) {
    this.#source = source;
    this.#pace = pace;
  }

  async bytes(position: number, length: number): Promise<Uint8Array> {
    await this.#pace(length);
    return this.#source.bytes(position, length, false);
  }
}

function isAbort(walk: BatchWalk): boolean {
  if (!isControl(attributesAt(walk.view, walk.at))) return false;
  return readMarker(walk.view, walk.at)?.isCommit === false;
}

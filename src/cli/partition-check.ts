// Checks one partition directory: every segment, their chain, and what the checkpoint promised of it.

import { readdir, readFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { LogError } from "../base/error.ts";
import { compactionFileName, decodeCompaction } from "../log/compaction-file.ts";
import { isCleanedName, type SwapRange, swapRangeOfName } from "../log/segment-swap.ts";
import type { CheckpointEntry } from "../storage/checkpoint-file.ts";
import { readProducerSnapshot } from "./producer-files.ts";
import { checkSegment, type Problem, type SegmentReport, segmentName } from "./segment-check.ts";

/** How to look at a partition. */
export interface PartitionToCheck {
  readonly directory: string;
  /** What the data directory's checkpoint says; null when there is none. */
  readonly checkpoint: CheckpointEntry | null;
  /** True when the server was stopped in order: then nothing may be unfinished. */
  readonly isClean: boolean;
  /** True to decode every record too. */
  readonly isDeep: boolean;
  /** True where holes between offsets are no damage, wherever they are; else those that compaction left are none. */
  readonly mayHaveHoles: boolean;
  /** Only the segment with this base offset; null for all. */
  readonly onlyBase: number | null;
  /** Told of the bytes of each segment when they have been read. */
  readonly onBytes: (bytes: number) => void;
}

/** What was found. */
export interface PartitionReport {
  /** The directory's name. */
  readonly name: string;
  readonly segments: number;
  readonly batches: number;
  readonly records: number;
  /** Bytes of the segments, indexes not counted. */
  readonly bytes: number;
  readonly firstOffset: number;
  readonly nextOffset: number;
  /** Damage. */
  readonly problems: readonly Problem[];
  /** What is worth knowing and no damage. */
  readonly notes: readonly Problem[];
}

interface Names {
  /** Ascending. */
  readonly segments: readonly CheckedSegment[];
  /** Below, compaction may have left holes. */
  readonly holesBelow: number;
  readonly present: ReadonlySet<string>;
}

const segmentPattern = /^(\d{20})\.log$/;
const derivedPattern = /^(\d{20})\.(index|timeindex|txnindex)$/;
const snapshotPattern = /^\d{20}\.snapshot$/;
const knownPattern = /^(partition\.metadata|leader-epoch-checkpoint)$|\.(deleted|tmp)$/;

interface CheckedSegment {
  readonly baseOffset: number;
  /** The file that stands for it and maybe others, while a compaction is put in place; null for its own. */
  readonly swap: { readonly name: string; readonly endOffset: number } | null;
}

/** Reads a whole partition. Throws what the file system throws. */
export async function checkPartition(partition: PartitionToCheck): Promise<PartitionReport> {
  const check = new PartitionCheck(partition);
  const names = await check.list();
  for (const segment of names.segments) {
    if (partition.onlyBase !== null && partition.onlyBase !== segment.baseOffset) continue;
    try {
      await check.segment(segment, names);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
      check.lost(segment);
    }
  }
  return check.report();
}

class PartitionCheck {
  readonly #partition: PartitionToCheck;
  readonly #problems: Problem[] = [];
  readonly #notes: Problem[] = [];
  #segments = 0;
  #batches = 0;
  #records = 0;
  #bytes = 0;
  #firstOffset = -1;
  #nextOffset = -1;

  constructor(partition: PartitionToCheck) {
    this.#partition = partition;
  }

  async list(): Promise<Names> {
    const { directory } = this.#partition;
    const names = await readdir(directory);
    const bases: number[] = [];
    const swaps: (SwapRange & { readonly name: string })[] = [];
    for (const name of names.sort()) {
      const base = Number(segmentPattern.exec(name)?.[1] ?? Number.NaN);
      const range = swapRangeOfName(name);
      if (Number.isSafeInteger(base)) bases.push(base);
      else if (range !== null) swaps.push({ ...range, name });
      else if (isCleanedName(name)) this.#note(name, null, "is an unfinished compaction");
      else if (name === compactionFileName) continue;
      else if (snapshotPattern.test(name)) await this.#checkSnapshot(name);
      else if (derivedPattern.test(name) || knownPattern.test(name)) continue;
      else this.#note(name, null, "is no file of a log; left alone");
    }
    const present = new Set(names);
    for (const name of names) {
      const base = derivedPattern.exec(name)?.[1];
      if (base !== undefined && !present.has(`${base}.log`)) {
        this.#note(name, null, "is an index without its segment");
      }
    }
    const holesBelow = await this.#holesBelow(present);
    return { segments: this.#segmentsOf(bases, swaps), holesBelow, present };
  }

  // Files that a compacted segment stands for, which is about to take their place, count no more.
  #segmentsOf(
    bases: readonly number[],
    swaps: readonly (SwapRange & { readonly name: string })[],
  ): readonly CheckedSegment[] {
    const isCovered = (base: number): boolean =>
      swaps.some(({ baseOffset, endOffset }) => base >= baseOffset && base < endOffset);
    const segments: CheckedSegment[] = bases
      .filter((base) => !isCovered(base))
      .map((baseOffset) => ({ baseOffset, swap: null }));
    for (const { name, ...swap } of swaps) {
      this.#note(name, null, "is a compacted segment that a server is putting in its place");
      segments.push({ baseOffset: swap.baseOffset, swap: { name, endOffset: swap.endOffset } });
    }
    return segments.sort((one, other) => one.baseOffset - other.baseOffset);
  }

  async #holesBelow(present: ReadonlySet<string>): Promise<number> {
    if (this.#partition.mayHaveHoles) return Number.POSITIVE_INFINITY;
    if (!present.has(compactionFileName)) return 0;
    const bytes = await readFile(join(this.#partition.directory, compactionFileName));
    const state = decodeCompaction(bytes);
    if (state !== null) return state.holesBelow;
    this.#problem(compactionFileName, null, "does not match its checksum; holes are not reported");
    return Number.POSITIVE_INFINITY;
  }

  async segment({ baseOffset, swap }: CheckedSegment, names: Names): Promise<void> {
    const { directory, isDeep } = this.#partition;
    const { segments, present, holesBelow } = names;
    const isActive = baseOffset === segments.at(-1)?.baseOffset;
    const next = segments.find((each) => each.baseOffset > baseOffset);
    const mayHaveHoles = (next?.baseOffset ?? Number.POSITIVE_INFINITY) <= holesBelow;
    const hasIndex = (ending: ".index" | ".timeindex" | ".txnindex"): boolean =>
      swap === null && present.has(segmentName(baseOffset, ending));
    const hasOffsetIndex = hasIndex(".index");
    const hasTimeIndex = hasIndex(".timeindex");
    // Of a log in use, or killed, the last one may be half written; whoever opens the log knows how far it counts.
    const isSettled = !isActive || this.#partition.isClean;
    const hasTransactionIndex = isSettled && hasIndex(".txnindex");
    if (!isActive && !(hasOffsetIndex && hasTimeIndex)) {
      this.#note(segmentName(baseOffset, ".log"), null, "lacks an index; a server makes it again");
    }
    this.#checkGap(baseOffset);
    const report = await checkSegment({
      directory,
      baseOffset,
      ...(swap === null ? {} : { fileName: swap.name }),
      isDeep,
      mayHaveHoles: mayHaveHoles || this.#partition.mayHaveHoles,
      hasOffsetIndex,
      hasTimeIndex,
      hasTransactionIndex,
    });
    this.#problems.push(...report.problems);
    this.#checkEnd(baseOffset, report, isActive);
    this.#segments++;
    this.#batches += report.batches;
    this.#records += report.records;
    this.#bytes += report.fileBytes;
    this.#partition.onBytes(report.fileBytes);
    if (this.#firstOffset < 0) this.#firstOffset = baseOffset;
    this.#nextOffset = report.nextOffset;
  }

  /** A server has taken a segment away, or put another in its place, since the directory was listed. */
  lost({ baseOffset }: CheckedSegment): void {
    this.#note(segmentName(baseOffset, ".log"), null, "went while it was to be checked");
    this.#nextOffset = -1;
  }

  report(): PartitionReport {
    if (this.#partition.onlyBase === null) this.#checkPromises();
    return {
      name: basename(this.#partition.directory),
      segments: this.#segments,
      batches: this.#batches,
      records: this.#records,
      bytes: this.#bytes,
      firstOffset: Math.max(this.#firstOffset, 0),
      nextOffset: Math.max(this.#nextOffset, 0),
      problems: this.#problems,
      notes: this.#notes,
    };
  }

  async #checkSnapshot(name: string): Promise<void> {
    try {
      await readProducerSnapshot(join(this.#partition.directory, name));
    } catch (error) {
      if (!(error instanceof LogError)) throw error;
      this.#problem(name, null, "does not match its checksum; a server reads the batches instead");
    }
  }

  #checkGap(baseOffset: number): void {
    if (this.#nextOffset < 0 || baseOffset === this.#nextOffset) return;
    if (baseOffset > this.#nextOffset && this.#partition.mayHaveHoles) return;
    const detail =
      baseOffset > this.#nextOffset
        ? `offsets ${this.#nextOffset} to ${baseOffset - 1} are missing before this segment`
        : `begins at offset ${baseOffset}, inside the segment before, which ends at ${this.#nextOffset}`;
    this.#problem(segmentName(baseOffset, ".log"), null, detail);
  }

  #checkEnd(baseOffset: number, report: SegmentReport, isActive: boolean): void {
    const name = segmentName(baseOffset, ".log");
    const { end, tornBatch, tornOffset } = report;
    if (report.fileBytes === 0 && !isActive)
      this.#problem(name, 0, "is empty, though not the last");
    // Without a recovery point nothing tells a torn write from damage: a batch cut short is the former, others are not.
    const recoveryPoint = this.#partition.checkpoint?.recoveryPoint ?? null;
    const mayBeUnfinished = (offset: number): boolean =>
      isActive && !this.#partition.isClean && offset >= (recoveryPoint ?? 0);
    if (tornBatch !== null && tornOffset !== null) {
      const isUnfinished = recoveryPoint !== null && mayBeUnfinished(tornOffset);
      if (isUnfinished && end.kind !== "damage") this.#notes.push(unfinished(tornBatch));
      else this.#problems.push(tornBatch);
    }
    if (end.kind === "end") return;
    const detail = `${end.detail}; ${end.leftBytes} bytes from here on cannot be read`;
    const isUnfinished =
      mayBeUnfinished(report.nextOffset) && (end.kind === "cut" || recoveryPoint !== null);
    const found = { file: join(this.#partition.directory, name), position: end.position, detail };
    if (isUnfinished) this.#notes.push(unfinished(found));
    else this.#problems.push(found);
  }

  #checkPromises(): void {
    const { checkpoint } = this.#partition;
    if (checkpoint === null) return;
    const { recoveryPoint, logStartOffset } = checkpoint;
    if (this.#segments === 0) {
      if (recoveryPoint > logStartOffset) {
        const range = `${logStartOffset} to ${recoveryPoint - 1}`;
        this.#problem(null, null, `has no segment, though the checkpoint knows offsets ${range}`);
      }
      return;
    }
    if (this.#firstOffset > logStartOffset) {
      const range = `${logStartOffset} to ${this.#firstOffset - 1}`;
      this.#problem(null, null, `offsets ${range} are missing: the log should begin there`);
    }
    if (this.#nextOffset < recoveryPoint) {
      const range = `${this.#nextOffset} to ${recoveryPoint - 1}`;
      this.#problem(null, null, `offsets ${range} were on the disk and are missing`);
    }
  }

  #problem(name: string | null, position: number | null, detail: string): void {
    this.#problems.push({ file: this.#pathOf(name), position, detail });
  }

  #note(name: string, position: number | null, detail: string): void {
    this.#notes.push({ file: this.#pathOf(name), position, detail });
  }

  #pathOf(name: string | null): string {
    const { directory } = this.#partition;
    return name === null ? directory : join(directory, name);
  }
}

function unfinished(problem: Problem): Problem {
  const detail = `${problem.detail} (an unfinished write: recovery cuts it, or a server is writing it now)`;
  return { ...problem, detail };
}

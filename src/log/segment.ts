// One segment: its names on disk and what is known of it. The list of a log's segments, and how to find one by offset.

import { assert } from "../base/assert.ts";
import { LogError } from "../base/error.ts";
import type { Disk } from "../storage/disk.ts";
import { PositionRanges } from "./position-ranges.ts";
import type { SegmentIndexes } from "./segment-indexes.ts";
import type { AbortedSpan } from "./transaction-spans.ts";

const digits = 20;
const logName = /^(\d{20})\.log$/;
const derivedName = /^(\d{20})\.(index|timeindex|txnindex)$/;
const transactionIndexName = /^(\d{20})\.txnindex$/;
const snapshotName = /^(\d{20})\.snapshot$/;

/** The 20-digit name that an offset gives to the files of a segment. */
export function segmentName(baseOffset: number): string {
  return String(baseOffset).padStart(digits, "0");
}

/** The base offset a `.log` file name tells; null for any other name. */
export function baseOffsetOfName(name: string): number | null {
  return offsetOf(logName.exec(name));
}

/** The base offset an `.index`, `.timeindex` or `.txnindex` file name tells; null for any other name. */
export function baseOffsetOfDerivedName(name: string): number | null {
  return offsetOf(derivedName.exec(name));
}

/** The base offset a `.txnindex` file name tells; null for any other name. */
export function baseOffsetOfTransactionIndexName(name: string): number | null {
  return offsetOf(transactionIndexName.exec(name));
}

/** The offset a `.snapshot` file name tells; null for any other name. */
export function offsetOfSnapshotName(name: string): number | null {
  return offsetOf(snapshotName.exec(name));
}

function offsetOf(match: RegExpExecArray | null): number | null {
  const offset = Number(match?.[1] ?? Number.NaN);
  return Number.isSafeInteger(offset) ? offset : null;
}

/** One segment of a log. */
export class Segment {
  readonly baseOffset: number;
  /** Where its batches are; of a compacted segment that is not in its place yet, a file of another name. */
  logPath: string;
  readonly indexPath: string;
  readonly timeIndexPath: string;
  readonly transactionIndexPath: string;
  /** The snapshot of producers at its base offset. */
  readonly snapshotPath: string;
  /** Parts that are known to be good: written by this process, or checked since it started. */
  readonly checked = new PositionRanges();
  /** Size of a sealed segment; null until it is asked for, and while the segment is active. */
  sizeBytes: number | null = null;
  /** Largest timestamp of a sealed segment; null until it is asked for. */
  maxTimestampMs: number | null = null;
  /** True once retention or trim has taken it out of the log. */
  isRemoved = false;
  /** True once compaction has put another one in its place: its files may be that one's by now. */
  isReplaced = false;
  /** Transactions whose ABORT marker it holds, in the order of the markers; null until they are loaded. */
  aborted: AbortedSpan[] | null = null;
  /** How many of them the transaction index on the disk has, durably; -1 when that is unknown. */
  storedAbortedCount = -1;
  /** Their loading, so that they are loaded once. */
  loadingAborted: Promise<readonly AbortedSpan[]> | null = null;
  /** The indexes being loaded, so that they are loaded once. */
  loading: Promise<SegmentIndexes> | null = null;

  constructor(directory: string, baseOffset: number) {
    const stem = `${directory}/${segmentName(baseOffset)}`;
    this.baseOffset = baseOffset;
    this.logPath = `${stem}.log`;
    this.indexPath = `${stem}.index`;
    this.timeIndexPath = `${stem}.timeindex`;
    this.transactionIndexPath = `${stem}.txnindex`;
    this.snapshotPath = `${stem}.snapshot`;
  }

  /** The segment's files, the data last: without data the others mean nothing. */
  get paths(): readonly string[] {
    const { indexPath, timeIndexPath, transactionIndexPath, snapshotPath, logPath } = this;
    return [indexPath, timeIndexPath, transactionIndexPath, snapshotPath, logPath];
  }

  /** Adds aborted transactions whose markers follow; those of the segment are known. */
  addAborted(spans: readonly AbortedSpan[]): void {
    for (const span of spans) this.aborted?.push(span);
  }

  /** Size of the `.log` file of a sealed segment, asked of the disk once. 0 when the file is missing. */
  async size(disk: Disk): Promise<number> {
    this.sizeBytes ??= (await disk.sizeOf(this.logPath)) ?? 0;
    return this.sizeBytes;
  }
}

/** The error of reading what retention or trim has taken away. */
export function removedError(segment: Segment, cause?: unknown): LogError {
  const detail = `segment ${segment.baseOffset} has been removed`;
  return new LogError("OFFSET_BELOW_LOG_START", detail, { cause });
}

/** The segments of a log by base offset, ascending; the last one is active. Never empty. */
export class SegmentList {
  #segments: Segment[];
  #version = 0;
  #settling: { readonly promise: Promise<void>; readonly resolve: () => void } | null = null;

  constructor(segments: readonly Segment[]) {
    assert(segments.length > 0, "a log has at least one segment");
    this.#segments = [...segments];
  }

  /** How many there are. */
  get count(): number {
    return this.#segments.length;
  }

  /** Changes when segments are replaced, and again when the new one has got its place. */
  get version(): number {
    return this.#version;
  }

  /** All of them, oldest first; not to be kept over an await. */
  get all(): readonly Segment[] {
    return this.#segments;
  }

  /** The oldest. */
  get first(): Segment {
    return this.#at(0);
  }

  /** The active one. */
  get last(): Segment {
    return this.#at(this.#segments.length - 1);
  }

  /** The segment that holds an offset: the last whose base offset is not above it; the first when all are above. */
  floor(offset: number): Segment {
    return this.#at(Math.max(0, this.#floorIndex(offset)));
  }

  /** The segment after the given one; null after the last, or when it has been removed. */
  after(segment: Segment): Segment | null {
    const index = this.#floorIndex(segment.baseOffset);
    return this.#segments[index] === segment ? (this.#segments[index + 1] ?? null) : null;
  }

  /** The segments from the one that holds an offset on, oldest first; a copy. */
  from(offset: number): readonly Segment[] {
    return this.#segments.slice(Math.max(0, this.#floorIndex(offset)));
  }

  /** Adds the new active segment. */
  append(segment: Segment): void {
    assert(segment.baseOffset > this.last.baseOffset, "segments ascend");
    this.#segments.push(segment);
  }

  /** Takes out all sealed segments that end at or below an offset; returns them, oldest first. */
  removeBelow(offset: number): readonly Segment[] {
    let count = 0;
    while (count < this.#segments.length - 1 && this.#at(count + 1).baseOffset <= offset) count++;
    const removed = this.#segments.splice(0, count);
    for (const segment of removed) segment.isRemoved = true;
    return removed;
  }

  /** Puts one segment in the place of sealed neighbours; `settle` follows when its files have got their place. */
  replace(old: readonly Segment[], by: Segment): void {
    const index = old[0] === undefined ? -1 : this.#segments.indexOf(old[0]);
    const isHere = old.every((segment, at) => this.#segments[index + at] === segment);
    const isSealed = index + old.length < this.#segments.length;
    assert(index >= 0 && isHere && isSealed, "what is replaced are sealed neighbours");
    this.#segments.splice(index, old.length, by);
    for (const segment of old) {
      segment.isRemoved = true;
      segment.isReplaced = true;
    }
    this.#version++;
    let resolve = (): void => undefined;
    const promise = new Promise<void>((done) => {
      resolve = done;
    });
    this.#settling = { promise, resolve };
  }

  /** The segment that was put in place will stay where it is now. */
  settle(): void {
    this.#version++;
    this.#settling?.resolve();
    this.#settling = null;
  }

  /** Resolves when no segment is on its way to its place. */
  async settled(): Promise<void> {
    await this.#settling?.promise;
  }

  #floorIndex(offset: number): number {
    let low = 0;
    let high = this.#segments.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#at(middle).baseOffset <= offset) low = middle + 1;
      else high = middle;
    }
    return low - 1;
  }

  #at(index: number): Segment {
    const segment = this.#segments[index];
    assert(segment !== undefined, `no segment at ${index}`);
    return segment;
  }
}

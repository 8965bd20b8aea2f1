// The names in a partition's directory: which are segments, which are remains that can go. Unknown names stay
// untouched.

import { LogError } from "../base/error.ts";
import type { Disk } from "../storage/disk.ts";
import type { LogEnd } from "./active-segment.ts";
import type { LogOptions } from "./log-options.ts";
import {
  baseOffsetOfDerivedName,
  baseOffsetOfName,
  baseOffsetOfTransactionIndexName,
  offsetOfSnapshotName,
  Segment,
  segmentName,
} from "./segment.ts";
import { finishSwaps, isCleanedName } from "./segment-swap.ts";
import { compactionFileName } from "./compaction-file.ts";

const redoName = /^(\d{20})-(\d{1,16})-(\d{1,16})\.redo$/;
const deletedName =
  /^\d{20}(\.((log|index|timeindex|txnindex|snapshot)\.deleted|snapshot\.tmp)|-\d{1,16}(\.swap\.deleted|-\d{1,16}\.redo\.tmp))$/;

/** A redo file: which segment it is for, and where in it its bytes belong. */
export interface RedoFile {
  readonly path: string;
  readonly baseOffset: number;
  readonly from: LogEnd;
}

/** What a directory holds for a log. */
export interface DirectoryContent {
  /** Ascending. */
  readonly segments: readonly Segment[];
  /** Left by recoveries that did not come to their end. */
  readonly redoFiles: readonly RedoFile[];
  /** Offsets of the snapshots of producers, ascending. */
  readonly snapshotOffsets: readonly number[];
  /** Base offsets of the segments that have a transaction index. */
  readonly transactionIndexes: ReadonlySet<number>;
  /** Whether the log was ever compacted. */
  readonly hasCompaction: boolean;
}

/**
 * Lists a directory once. Finishes what a compaction had begun to put in place; removes `.deleted` files, unfinished
 * snapshots, copies and compactions, and indexes without a log.
 * @throws KAFKA_STORAGE_ERROR
 */
export async function listDirectory(options: LogOptions): Promise<DirectoryContent> {
  const { disk, directory } = options;
  let names = await disk.list(directory);
  if (await finishSwaps(options, names)) names = await disk.list(directory);
  const bases = new Set<number>();
  const redoFiles: RedoFile[] = [];
  const snapshotOffsets: number[] = [];
  const transactionIndexes = new Set<number>();
  for (const name of names) {
    const base = baseOffsetOfName(name);
    if (base !== null) bases.add(base);
    const snapshotOffset = offsetOfSnapshotName(name);
    if (snapshotOffset !== null) snapshotOffsets.push(snapshotOffset);
    const indexed = baseOffsetOfTransactionIndexName(name);
    if (indexed !== null) transactionIndexes.add(indexed);
    const redo = redoName.exec(name);
    if (redo === null) continue;
    const [baseOffset = 0, offset = 0, position = 0] = redo.slice(1).map(Number);
    redoFiles.push({ path: `${directory}/${name}`, baseOffset, from: { offset, position } });
  }
  for (const name of names) {
    const base = baseOffsetOfDerivedName(name);
    const isOrphan = base !== null && !bases.has(base);
    const isLeft = deletedName.test(name) || isCleanedName(name);
    if (isOrphan || isLeft) await disk.remove(`${directory}/${name}`);
  }
  const segments = [...bases].sort((a, b) => a - b).map((base) => new Segment(directory, base));
  snapshotOffsets.sort((a, b) => a - b);
  const hasCompaction = names.includes(compactionFileName);
  return { segments, redoFiles, snapshotOffsets, transactionIndexes, hasCompaction };
}

/** Makes the directory and an empty segment that begins at offset 0, durably. @throws KAFKA_STORAGE_ERROR, DISK_FULL */
export async function createFirstSegment(options: LogOptions): Promise<Segment> {
  const { disk, directory } = options;
  await disk.makeDirectory(directory);
  const segment = new Segment(directory, 0);
  const file = await disk.open(segment.logPath, "write");
  try {
    await file.sync();
  } finally {
    await file.close();
  }
  await disk.syncDirectory(directory);
  await disk.syncDirectory(parentOf(directory));
  return segment;
}

/** Removes a segment's files, the data last. @throws KAFKA_STORAGE_ERROR */
export async function removeSegment(disk: Disk, segment: Segment): Promise<void> {
  for (const path of segment.paths) await disk.remove(path);
}

/** What a directory without any segment means. */
export function noSegmentsError(directory: string, expectedOffset: number): LogError {
  const detail =
    expectedOffset === 0
      ? `no segment in ${directory}`
      : `no segment in ${directory}, though records up to offset ${expectedOffset} were durable`;
  return new LogError("KAFKA_STORAGE_ERROR", detail, { facts: { expectedOffset } });
}

/** Where the cut-off end of a segment is kept: one name for each cut. */
export function quarantinePath(directory: string, segment: Segment, cut: TailCut): string {
  const name = `${segmentName(segment.baseOffset)}-${cut.position}-${cut.nowMs}.tail`;
  return `${directory}/quarantine/${name}`;
}

/** Where the bytes of a segment from a recovery point on are kept while they are written again in place. */
export function redoPath(directory: string, segment: Segment, from: LogEnd): string {
  return `${directory}/${segmentName(segment.baseOffset)}-${from.offset}-${from.position}.redo`;
}

/** A cut: where, and when. */
export interface TailCut {
  readonly position: number;
  readonly nowMs: number;
}

/** The directory of a path. */
export function parentOf(path: string): string {
  const cut = path.lastIndexOf("/");
  return cut <= 0 ? "." : path.slice(0, cut);
}

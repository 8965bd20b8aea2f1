// The names in a partition's directory: which are segments, which are remains that can go. Unknown names stay untouched.

import { LogError } from "../base/error.ts";
import type { Disk } from "../storage/disk.ts";
import type { LogOptions } from "./log-options.ts";
import { baseOffsetOfDerivedName, baseOffsetOfName, Segment, segmentName } from "./segment.ts";

const deletedName = /^\d{20}\.(log|index|timeindex)\.deleted$/;

/**
 * The segments on disk, ascending. Removes `.deleted` files and indexes without a log.
 * @throws KAFKA_STORAGE_ERROR
 */
export async function listSegments(options: LogOptions): Promise<readonly Segment[]> {
  const { disk, directory } = options;
  const names = await disk.list(directory);
  const bases = new Set<number>();
  for (const name of names) {
    const base = baseOffsetOfName(name);
    if (base !== null) bases.add(base);
  }
  for (const name of names) {
    const base = baseOffsetOfDerivedName(name);
    const isOrphan = base !== null && !bases.has(base);
    if (isOrphan || deletedName.test(name)) await disk.remove(`${directory}/${name}`);
  }
  return [...bases].sort((a, b) => a - b).map((base) => new Segment(directory, base));
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

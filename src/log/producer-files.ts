// The files beside the segments that hold what is remembered of producers: `.snapshot` and `.txnindex`. Derived data:
// whatever cannot be read or cannot be true is made again from the log.

import { type Disk, readWhole, replaceWhole } from "../storage/disk.ts";
import type { ProducerEntry } from "./producer-entry.ts";
import { decodeSnapshot, encodeSnapshot } from "./producer-snapshot.ts";
import { type Segment, segmentName } from "./segment.ts";
import { abortedEntryBytes, decodeAborted, encodeAborted } from "./transaction-index.ts";
import type { AbortedSpan } from "./transaction-spans.ts";

/** The snapshot of what all batches below `offset` leave. */
export function snapshotPath(directory: string, offset: number): string {
  return `${directory}/${segmentName(offset)}.snapshot`;
}

/** Writes a snapshot; it is whole and durable when this resolves. @throws DISK_FULL, KAFKA_STORAGE_ERROR */
export async function writeSnapshot(
  disk: Disk,
  path: string,
  entries: readonly ProducerEntry[],
): Promise<void> {
  await replaceWhole(disk, path, encodeSnapshot(entries));
}

/** Reads a snapshot; null when it is missing or damaged. @throws KAFKA_STORAGE_ERROR */
export async function readSnapshot(
  disk: Disk,
  path: string,
  seenMs: number,
): Promise<readonly ProducerEntry[] | null> {
  const bytes = await readWhole(disk, path);
  return bytes === null ? null : decodeSnapshot(bytes, seenMs);
}

/**
 * Reads the transaction index of a segment, as far as it speaks of markers below `endOffset`.
 * @returns Null when it is missing or damaged. @throws KAFKA_STORAGE_ERROR
 */
export async function readAborted(
  disk: Disk,
  segment: Segment,
  endOffset: number,
): Promise<AbortedSpan[] | null> {
  const bytes = await readWhole(disk, segment.transactionIndexPath);
  if (bytes === null) return null;
  return decodeAborted(bytes, { from: segment.baseOffset, to: endOffset });
}

/**
 * Writes a transaction index behind its first `storedCount` entries, which are there already; all of it is durable when
 * this resolves, but for the name of a new file.
 * @throws DISK_FULL, KAFKA_STORAGE_ERROR
 */
export async function writeAborted(
  disk: Disk,
  segment: Segment,
  { spans, storedCount }: { readonly spans: readonly AbortedSpan[]; readonly storedCount: number },
): Promise<void> {
  const file = await disk.open(segment.transactionIndexPath, "write");
  try {
    const tail = encodeAborted(spans, storedCount);
    const position = storedCount * abortedEntryBytes;
    await file.write([tail], position);
    await file.truncate(position + tail.length);
    await file.sync();
  } finally {
    await file.close();
  }
}

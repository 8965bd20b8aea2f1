// The file `compaction` of a partition: how far its log has been compacted. Replaced whole, one line of text.
//
//   varve-compaction 1 <CRC-32C of the rest, 8 hex digits> <holes below> <clean below> <horizon>
//
// Below the first offset batches may be missing inside a segment: it is written before such a segment is put in place,
// so that above it a missing batch is damage. The other two are derived: lost, the log is compacted again from its
// start.

import { crc32c } from "../base/crc32c.ts";
import { type Disk, readWhole, replaceWhole } from "../storage/disk.ts";

/** The name of the file. */
export const compactionFileName = "compaction";

/** How far a log has been compacted. */
export interface CompactionState {
  /** Batches may be missing inside segments below this offset, and only there. */
  readonly holesBelow: number;
  /** All below has been compacted. */
  readonly cleanBelow: number;
  /** When the first tombstone or marker that was kept so far can go, Unix milliseconds; -1 when there is none. */
  readonly horizonMs: number;
}

/** A log that never was. */
export const neverCompacted: CompactionState = { holesBelow: 0, cleanBelow: 0, horizonMs: -1 };

const pattern = /^varve-compaction 1 ([0-9a-f]{8}) ((\d{1,16}) (\d{1,16}) (-1|\d{1,16}))\n$/;

/** The bytes of the file. */
export function encodeCompaction(state: CompactionState): Uint8Array {
  const body = `${state.holesBelow} ${state.cleanBelow} ${state.horizonMs}`;
  const crc = crc32c(Buffer.from(body)).toString(16).padStart(8, "0");
  return Buffer.from(`varve-compaction 1 ${crc} ${body}\n`);
}

/** Reads what `encodeCompaction` wrote; null when a single bit is not as it was. */
export function decodeCompaction(bytes: Uint8Array): CompactionState | null {
  const match = pattern.exec(Buffer.from(bytes).toString("latin1"));
  const body = match?.[2] ?? "";
  if (match === null || crc32c(Buffer.from(body)) !== Number.parseInt(match[1] ?? "", 16)) {
    return null;
  }
  const [holesBelow = 0, cleanBelow = 0, horizonMs = -1] = match.slice(3).map(Number);
  return { holesBelow, cleanBelow, horizonMs };
}

/**
 * The file of a directory. Missing, nothing was compacted; damaged, holes may be anywhere and nothing counts as clean.
 * @throws KAFKA_STORAGE_ERROR
 */
export async function readCompaction(disk: Disk, directory: string): Promise<CompactionState> {
  const bytes = await readWhole(disk, `${directory}/${compactionFileName}`);
  if (bytes === null) return neverCompacted;
  return decodeCompaction(bytes) ?? { ...neverCompacted, holesBelow: Number.MAX_SAFE_INTEGER };
}

/** Writes the file of a directory; durable when it resolves. @throws DISK_FULL, KAFKA_STORAGE_ERROR */
export async function writeCompaction(
  disk: Disk,
  directory: string,
  state: CompactionState,
): Promise<void> {
  await replaceWhole(disk, `${directory}/${compactionFileName}`, encodeCompaction(state));
}

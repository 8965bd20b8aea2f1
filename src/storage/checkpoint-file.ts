// The checkpoint: for each partition the facts that let its log be opened without a scan. One small text file.
//
//   varve-checkpoint <version> <CRC-32C of all that follows the first line, 8 hex digits> <entry count>
//   <topic>-<partition> <recovery point> <log start offset> <segment base> <position>
//   ...
//
// A checkpoint may lag behind the logs, never lead: losing it costs a scan and nothing else.

import { crc32c } from "../base/crc32c.ts";
import { parsePartitionName } from "./partition-name.ts";

/** What is remembered of one log. Offsets count records, `position` counts bytes. */
export interface CheckpointEntry {
  /** Everything below was synced when this was taken. */
  readonly recoveryPoint: number;
  /** Oldest readable offset. */
  readonly logStartOffset: number;
  /** Base offset of the segment that holds the recovery point. */
  readonly segmentBase: number;
  /** Where in that segment the recovery point's batch begins, or its end when nothing follows. */
  readonly position: number;
}

/** A checkpoint as read from its file. */
export interface Checkpoint {
  /** By partition directory name. */
  readonly entries: ReadonlyMap<string, CheckpointEntry>;
  /** The checksum in its first line; names this very content. */
  readonly crc: number;
}

const headerPattern = /^varve-checkpoint 1 ([0-9a-f]{8}) (0|[1-9][0-9]{0,8})$/;
const entryPattern = /^(\S+) (\d{1,16}) (\d{1,16}) (\d{1,16}) (\d{1,16})$/;

/** The bytes of a checkpoint, entries in order of name; the same entries give the same bytes. */
export function encodeCheckpoint(entries: ReadonlyMap<string, CheckpointEntry>): {
  readonly bytes: Uint8Array;
  readonly crc: number;
} {
  const lines = [...entries].map(
    ([name, { recoveryPoint, logStartOffset, segmentBase, position }]) =>
      `${name} ${recoveryPoint} ${logStartOffset} ${segmentBase} ${position}\n`,
  );
  const body = Buffer.from(lines.toSorted().join(""));
  const crc = crc32c(body);
  const header = `varve-checkpoint 1 ${hexOfCrc(crc)} ${entries.size}\n`;
  return { bytes: Buffer.concat([Buffer.from(header), body]), crc };
}

/** Reads what `encodeCheckpoint` wrote; null when a single bit is not as it was. */
export function decodeCheckpoint(bytes: Uint8Array): Checkpoint | null {
  const headerEnd = bytes.indexOf(0x0a);
  if (headerEnd < 0) return null;
  const header = headerPattern.exec(Buffer.from(bytes.subarray(0, headerEnd)).toString("latin1"));
  const crc = Number.parseInt(header?.[1] ?? "", 16);
  const body = bytes.subarray(headerEnd + 1);
  if (header === null || crc32c(body) !== crc) return null;
  const entries = new Map<string, CheckpointEntry>();
  for (const line of Buffer.from(body).toString("latin1").split("\n").slice(0, -1)) {
    const match = entryPattern.exec(line);
    const name = match?.[1];
    if (match === null || name === undefined || parsePartitionName(name) === null) return null;
    const [recoveryPoint, logStartOffset, segmentBase, position] = match.slice(2).map(Number);
    entries.set(name, {
      recoveryPoint: recoveryPoint ?? 0,
      logStartOffset: logStartOffset ?? 0,
      segmentBase: segmentBase ?? 0,
      position: position ?? 0,
    });
  }
  return entries.size === Number(header[2]) ? { entries, crc } : null;
}

/** A checksum as it is written in files: 8 hexadecimal digits. */
export function hexOfCrc(crc: number): string {
  return crc.toString(16).padStart(8, "0");
}

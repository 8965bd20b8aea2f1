// Is this the beginning of a stored batch? The checks that need no other file, on bytes that may be damaged.
//
// The batch checksum leaves out base offset, leader epoch and magic, so these are checked here and by the caller's
// chain of offsets: together they catch every single flipped bit.

import { crc32c } from "../base/crc32c.ts";
import {
  batchBytesAt,
  batchHeaderBytes,
  batchMagic,
  checksummedFrom,
  crcAt,
  lastOffsetDeltaAt,
  leaderEpochAt,
  magicAt,
  recordCountAt,
} from "../record/batch-header.ts";

/** The leader epoch of every stored batch: one node never changes hands. */
export const storedLeaderEpoch = 0;

/** What is wrong with the bytes where a batch should be. */
export type FrameDamage = "length" | "format" | "epoch" | "count" | "checksum" | "offset";

/**
 * What rules out that a whole batch begins at `at` and ends at or before `end`; null when its header can be believed
 * so far. Reads the header only; offset and checksum are for the caller.
 */
export function frameDamage(view: DataView, at: number, end: number): FrameDamage | null {
  if (end - at < batchHeaderBytes) return "length";
  const size = batchBytesAt(view, at);
  if (size < batchHeaderBytes || size > end - at) return "length";
  return headerDamage(view, at);
}

/** Like `frameDamage` for a header whose batch may end behind the bytes at hand: the length is left to the caller. */
export function headerDamage(view: DataView, at: number): FrameDamage | null {
  if (magicAt(view, at) !== batchMagic) return "format";
  if (leaderEpochAt(view, at) !== storedLeaderEpoch) return "epoch";
  const lastDelta = lastOffsetDeltaAt(view, at);
  const count = recordCountAt(view, at);
  // Compaction may leave fewer records than offsets, never more.
  if (lastDelta < 0 || count < 0 || count > lastDelta + 1) return "count";
  return null;
}

/** True when the checksum of the whole batch at `at` matches its bytes; its length must have been checked. */
export function isChecksumGood(bytes: Uint8Array, view: DataView, at: number): boolean {
  const end = at + batchBytesAt(view, at);
  return crc32c(bytes, at + checksummedFrom, end) === crcAt(view, at);
}

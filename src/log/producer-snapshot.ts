// The bytes of a `.snapshot` file: what is remembered of producers after all batches below the offset in its name.
//
//   version i16 (1) | crc u32 (CRC-32C of all that follows) | count i32 | entries
//   entry   producerId i64 | producerEpoch i16 | lastSequence i32 | lastOffset i64 | offsetDelta i32 | timestamp i64
//           | coordinatorEpoch i32 | currentTxnFirstOffset i64
//
// Of the batches of a producer only the last is kept; -1 stands for what there is not. The format is Kafka's.
// Source: Kafka, `ProducerStateManager`.

import { readInt64Nearest, viewOf, writeInt64 } from "../base/bytes.ts";
import { crc32c } from "../base/crc32c.ts";
import { alreadySafe, type ProducerEntry, sequenceBefore } from "./producer-entry.ts";

const version = 1;
const headBytes = 10;
const checksummedFrom = 6;
const entryBytes = 46;

/** The bytes of a snapshot of these entries, in their order. */
export function encodeSnapshot(entries: readonly ProducerEntry[]): Uint8Array {
  const bytes = new Uint8Array(headBytes + entries.length * entryBytes);
  const view = viewOf(bytes);
  view.setInt16(0, version);
  view.setInt32(checksummedFrom, entries.length);
  let at = headBytes;
  for (const entry of entries) {
    const last = entry.batches.at(-1) ?? null;
    writeInt64(view, at, entry.producerId);
    view.setInt16(at + 8, entry.producerEpoch);
    view.setInt32(at + 10, last?.lastSequence ?? -1);
    writeInt64(view, at + 14, last?.lastOffset ?? -1);
    view.setInt32(at + 22, last === null ? 0 : last.lastOffset - last.baseOffset);
    writeInt64(view, at + 26, entry.lastTimestampMs);
    view.setInt32(at + 34, entry.coordinatorEpoch);
    writeInt64(view, at + 38, entry.currentTransactionStart);
    at += entryBytes;
  }
  view.setUint32(2, crc32c(bytes, checksummedFrom));
  return bytes;
}

/**
 * The entries of a snapshot; null when a single bit is not as it was written, or the version is another.
 *
 * @param seenMs When the producers count as last heard of; Unix milliseconds.
 */
export function decodeSnapshot(bytes: Uint8Array, seenMs: number): readonly ProducerEntry[] | null {
  const view = viewOf(bytes);
  if (bytes.length < headBytes || view.getInt16(0) !== version) return null;
  const count = view.getInt32(checksummedFrom);
  if (bytes.length !== headBytes + count * entryBytes) return null;
  if (crc32c(bytes, checksummedFrom) !== view.getUint32(2)) return null;
  const entries: ProducerEntry[] = [];
  for (let at = headBytes; at < bytes.length; at += entryBytes) {
    const entry = entryAt(view, at, seenMs);
    if (entry === null) return null;
    entries.push(entry);
  }
  return entries;
}

function entryAt(view: DataView, at: number, seenMs: number): ProducerEntry | null {
  const producerId = readInt64Nearest(view, at);
  const lastSequence = view.getInt32(at + 10);
  const lastOffset = readInt64Nearest(view, at + 14);
  const offsetDelta = view.getInt32(at + 22);
  const lastTimestampMs = readInt64Nearest(view, at + 26);
  const currentTransactionStart = readInt64Nearest(view, at + 38);
  // With a true checksum these are what somebody wrote, but maybe not with this program's bounds.
  const isSafe = [producerId, lastOffset, lastTimestampMs, currentTransactionStart].every((value) =>
    Number.isSafeInteger(value),
  );
  if (!isSafe || producerId < 0) return null;
  const hasBatch = lastSequence >= 0 && offsetDelta >= 0 && lastOffset >= offsetDelta;
  const batch = {
    firstSequence: hasBatch ? sequenceBefore(lastSequence, offsetDelta) : -1,
    lastSequence,
    baseOffset: lastOffset - offsetDelta,
    lastOffset,
    timestampMs: lastTimestampMs,
    safety: alreadySafe,
  };
  return {
    producerId,
    producerEpoch: view.getInt16(at + 8),
    coordinatorEpoch: view.getInt32(at + 34),
    lastTimestampMs,
    lastSeenMs: seenMs,
    currentTransactionStart,
    batches: hasBatch ? [batch] : [],
  };
}

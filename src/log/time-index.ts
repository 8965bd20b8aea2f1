// The time index of one segment: from a timestamp to the offset where a scan for it can begin.
//
// Entry, big-endian: timestamp i64 (largest of the segment up to here), relativeOffset i32 (last offset of the batch
// that holds it, minus the segment's base). Timestamps ascend strictly, offsets too. Derived data, as the offset index.
// Source: Kafka's storage module, TimeIndex; the file is written without its padding.

import { readInt64Nearest, viewOf, writeInt64 } from "../base/bytes.ts";

/** Bytes of an entry. */
export const timeEntryBytes = 12;

const capacityAtFirst = 8;

/** Entries in memory. */
export class TimeIndex {
  #timestamps: Float64Array;
  #relativeOffsets: Int32Array;
  #count = 0;

  constructor(capacity = capacityAtFirst) {
    this.#timestamps = new Float64Array(Math.max(1, capacity));
    this.#relativeOffsets = new Int32Array(Math.max(1, capacity));
  }

  /** How many entries there are. */
  get count(): number {
    return this.#count;
  }

  /** Bytes the entries take in memory. */
  get memoryBytes(): number {
    return this.#timestamps.byteLength + this.#relativeOffsets.byteLength;
  }

  /** Timestamp of an entry, Unix milliseconds. */
  timestampOf(entry: number): number {
    return this.#timestamps[entry] ?? -1;
  }

  /** Relative offset of an entry. */
  relativeOffsetOf(entry: number): number {
    return this.#relativeOffsets[entry] ?? -1;
  }

  /**
   * Adds an entry when it is later than the last one (or, in an empty index, not before 1970) in time and in offset.
   */
  appendIfLater(timestampMs: number, relativeOffset: number): void {
    const last = this.#count - 1;
    const lastTimestampMs = last < 0 ? -1 : this.timestampOf(last);
    const lastOffset = last < 0 ? -1 : this.relativeOffsetOf(last);
    if (timestampMs <= lastTimestampMs || relativeOffset <= lastOffset) return;
    if (this.#count === this.#timestamps.length) this.#grow();
    this.#timestamps[this.#count] = timestampMs;
    this.#relativeOffsets[this.#count] = relativeOffset;
    this.#count++;
  }

  /** The last entry whose timestamp is at most the given one; -1 when there is none. */
  floor(timestampMs: number): number {
    let low = 0;
    let high = this.#count;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.timestampOf(middle) <= timestampMs) low = middle + 1;
      else high = middle;
    }
    return low - 1;
  }

  /** The entries from `fromEntry` on as the bytes of the file. */
  encode(fromEntry = 0): Uint8Array {
    const bytes = new Uint8Array((this.#count - fromEntry) * timeEntryBytes);
    const view = viewOf(bytes);
    for (let entry = fromEntry; entry < this.#count; entry++) {
      const at = (entry - fromEntry) * timeEntryBytes;
      writeInt64(view, at, this.timestampOf(entry));
      view.setInt32(at + 8, this.relativeOffsetOf(entry));
    }
    return bytes;
  }

  #grow(): void {
    const timestamps = new Float64Array(this.#timestamps.length * 2);
    timestamps.set(this.#timestamps);
    this.#timestamps = timestamps;
    const relativeOffsets = new Int32Array(this.#relativeOffsets.length * 2);
    relativeOffsets.set(this.#relativeOffsets);
    this.#relativeOffsets = relativeOffsets;
  }
}

/**
 * The entries of an index file, or null when the file cannot be right: odd length, or anything that does not ascend.
 */
export function decodeTimeIndex(bytes: Uint8Array): TimeIndex | null {
  if (bytes.length % timeEntryBytes !== 0) return null;
  const index = new TimeIndex(bytes.length / timeEntryBytes);
  const view = viewOf(bytes);
  for (let at = 0; at < bytes.length; at += timeEntryBytes) {
    const timestampMs = readInt64Nearest(view, at);
    const relativeOffset = view.getInt32(at + 8);
    if (!Number.isSafeInteger(timestampMs)) return null;
    const countBefore = index.count;
    index.appendIfLater(timestampMs, relativeOffset);
    if (index.count === countBefore) return null;
  }
  return index;
}

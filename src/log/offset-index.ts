// The sparse offset index of one segment: from an offset to the place where a scan for it can begin.
//
// Entry, big-endian: relativeOffset i32 (last offset of the batch, minus the segment's base), position i32 (where that
// batch begins in the .log). Both ascend strictly. Derived data: a bad file is dropped and made again.
// Source: Kafka's storage module, OffsetIndex; the file is written without its padding.

import { assert } from "../base/assert.ts";
import { viewOf } from "../base/bytes.ts";

/** Bytes of an entry. */
export const offsetEntryBytes = 8;

const capacityAtFirst = 16;

/** Entries in memory, two 32-bit numbers each. */
export class OffsetIndex {
  #entries: Int32Array;
  #count = 0;

  constructor(capacity = capacityAtFirst) {
    this.#entries = new Int32Array(Math.max(1, capacity) * 2);
  }

  /** How many entries there are. */
  get count(): number {
    return this.#count;
  }

  /** Bytes the entries take in memory. */
  get memoryBytes(): number {
    return this.#entries.byteLength;
  }

  /** Relative last offset of the batch of an entry. */
  relativeOffsetOf(entry: number): number {
    return this.#entries[entry * 2] ?? -1;
  }

  /** Position of the batch of an entry. */
  positionOf(entry: number): number {
    return this.#entries[entry * 2 + 1] ?? 0;
  }

  /** Adds an entry; both numbers are above those of the entry before. */
  append(relativeOffset: number, position: number): void {
    const last = this.#count - 1;
    const isAscending =
      last < 0 ||
      (relativeOffset > this.relativeOffsetOf(last) && position > this.positionOf(last));
    assert(isAscending, `offset index goes back to ${relativeOffset} at ${position}`);
    if (this.#count * 2 === this.#entries.length) {
      const larger = new Int32Array(this.#entries.length * 2);
      larger.set(this.#entries);
      this.#entries = larger;
    }
    this.#entries[this.#count * 2] = relativeOffset;
    this.#entries[this.#count * 2 + 1] = position;
    this.#count++;
  }

  /** The last entry whose relative offset is at most the given one; -1 when there is none. */
  floor(relativeOffset: number): number {
    let low = 0;
    let high = this.#count;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.relativeOffsetOf(middle) <= relativeOffset) low = middle + 1;
      else high = middle;
    }
    return low - 1;
  }

  /** The last entry whose position is at most the given one; -1 when there is none. */
  floorPosition(position: number): number {
    let low = 0;
    let high = this.#count;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.positionOf(middle) <= position) low = middle + 1;
      else high = middle;
    }
    return low - 1;
  }

  /** The entries from `fromEntry` on as the bytes of the file. */
  encode(fromEntry = 0): Uint8Array {
    const bytes = new Uint8Array((this.#count - fromEntry) * offsetEntryBytes);
    const view = viewOf(bytes);
    for (let word = fromEntry * 2; word < this.#count * 2; word++) {
      view.setInt32((word - fromEntry * 2) * 4, this.#entries[word] ?? 0);
    }
    return bytes;
  }
}

/**
 * The entries of an index file, or null when the file cannot be right: odd length, an entry at or past
 * `segmentBytes`, or anything that does not ascend.
 */
export function decodeOffsetIndex(bytes: Uint8Array, segmentBytes: number): OffsetIndex | null {
  if (bytes.length % offsetEntryBytes !== 0) return null;
  const count = bytes.length / offsetEntryBytes;
  const index = new OffsetIndex(count);
  const view = viewOf(bytes);
  let lastOffset = -1;
  let lastPosition = 0;
  for (let at = 0; at < bytes.length; at += offsetEntryBytes) {
    const relativeOffset = view.getInt32(at);
    const position = view.getInt32(at + 4);
    // The first batch of a segment never gets an entry, so no position is 0.
    if (relativeOffset <= lastOffset || position <= lastPosition) return null;
    if (position >= segmentBytes) return null;
    index.append(relativeOffset, position);
    lastOffset = relativeOffset;
    lastPosition = position;
  }
  return index;
}

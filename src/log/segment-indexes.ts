// Both indexes of one segment, kept while it is written: when entries are made, and the segment's largest timestamp.
//
// Timing is Kafka's: the batch is counted into the largest timestamp; if more than the interval has been written since
// the last entry, the batch gets an offset entry and the largest timestamp a time entry; then its size is counted.
// So the first batch never gets an entry.

import {
  lastOffsetDeltaAt,
  batchBytesAt,
  maxTimestampAt,
  baseOffsetAt,
} from "../record/batch-header.ts";
import { OffsetIndex } from "./offset-index.ts";
import { TimeIndex } from "./time-index.ts";

/** The offset and time index of a segment, and what has to be known to go on with them. */
export class SegmentIndexes {
  readonly baseOffset: number;
  readonly offsets: OffsetIndex;
  readonly times: TimeIndex;
  /** Largest timestamp so far, Unix milliseconds; -1 without records. */
  maxTimestampMs = -1;
  /** Last offset of the batch that holds it, minus the base offset. */
  maxTimestampRelativeOffset = -1;
  #bytesSinceEntry = 0;

  constructor(baseOffset: number, offsets = new OffsetIndex(), times = new TimeIndex()) {
    this.baseOffset = baseOffset;
    this.offsets = offsets;
    this.times = times;
    const last = times.count - 1;
    if (last < 0) return;
    this.maxTimestampMs = times.timestampOf(last);
    this.maxTimestampRelativeOffset = times.relativeOffsetOf(last);
  }

  /** Bytes taken in memory. */
  get memoryBytes(): number {
    return this.offsets.memoryBytes + this.times.memoryBytes;
  }

  /** Counts the batch at `at` of the view, which begins at `position` of the segment. */
  addBatch(view: DataView, at: number, place: IndexPlace): void {
    const relativeOffset = this.#countTime(view, at);
    if (this.#bytesSinceEntry > place.intervalBytes) {
      this.offsets.append(relativeOffset, place.position);
      this.times.appendIfLater(this.maxTimestampMs, this.maxTimestampRelativeOffset);
      this.#bytesSinceEntry = 0;
    }
    this.#bytesSinceEntry += batchBytesAt(view, at);
  }

  /** Goes on behind the batch at `at` of the view, which the last offset entry names. */
  resumeAfter(view: DataView, at: number): void {
    this.#countTime(view, at);
    this.#bytesSinceEntry = batchBytesAt(view, at);
  }

  #countTime(view: DataView, at: number): number {
    const relativeOffset = baseOffsetAt(view, at) + lastOffsetDeltaAt(view, at) - this.baseOffset;
    const timestampMs = maxTimestampAt(view, at);
    if (timestampMs > this.maxTimestampMs) {
      this.maxTimestampMs = timestampMs;
      this.maxTimestampRelativeOffset = relativeOffset;
    }
    return relativeOffset;
  }

  /** Makes the last time entry, so that the file tells the segment's largest timestamp. */
  seal(): void {
    this.times.appendIfLater(this.maxTimestampMs, this.maxTimestampRelativeOffset);
  }
}

/** Where a batch stands, and how far apart entries are. */
export interface IndexPlace {
  position: number;
  intervalBytes: number;
}

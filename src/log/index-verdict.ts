// Whether index files are those of a segment, found out while its batches pass by.

import { maxTimestampAt } from "../record/batch-header.ts";
import type { BatchWalk } from "./batch-walk.ts";
import type { OffsetIndex } from "./offset-index.ts";
import type { TimeIndex } from "./time-index.ts";

/**
 * Every offset entry must name a batch that begins at its position and ends with its offset; every time entry the last
 * offset of a batch that holds the largest time so far; and the last time entry the largest of the whole segment.
 */
export class IndexVerdict {
  readonly #baseOffset: number;
  readonly #offsets: OffsetIndex;
  readonly #times: TimeIndex;
  #offsetEntry = 0;
  #timeEntry = 0;
  #maxTimestampMs = -1;
  #isWrong = false;

  constructor(baseOffset: number, offsets: OffsetIndex, times: TimeIndex) {
    this.#baseOffset = baseOffset;
    this.#offsets = offsets;
    this.#times = times;
  }

  /** Looks at the next batch of the segment. */
  take(walk: BatchWalk): void {
    const lastOffset = walk.nextOffset - 1 - this.#baseOffset;
    const timestampMs = maxTimestampAt(walk.view, walk.at);
    this.#maxTimestampMs = Math.max(this.#maxTimestampMs, timestampMs);
    while (this.#offsetEntry < this.#offsets.count) {
      const position = this.#offsets.positionOf(this.#offsetEntry);
      if (position > walk.position) break;
      const isIt = this.#offsets.relativeOffsetOf(this.#offsetEntry) === lastOffset;
      if (position < walk.position || !isIt) this.#isWrong = true;
      this.#offsetEntry++;
    }
    while (this.#timeEntry < this.#times.count) {
      const relativeOffset = this.#times.relativeOffsetOf(this.#timeEntry);
      if (relativeOffset > lastOffset) break;
      const entryMs = this.#times.timestampOf(this.#timeEntry);
      const isIt = relativeOffset === lastOffset && entryMs === timestampMs;
      if (!isIt || entryMs !== this.#maxTimestampMs) this.#isWrong = true;
      this.#timeEntry++;
    }
  }

  /** After the last batch: true when everything agrees. */
  isRight(): boolean {
    const isAllSeen =
      this.#offsetEntry === this.#offsets.count && this.#timeEntry === this.#times.count;
    const last = this.#times.count - 1;
    const lastMs = last < 0 ? -1 : this.#times.timestampOf(last);
    return !this.#isWrong && isAllSeen && lastMs === this.#maxTimestampMs;
  }
}

// Which aborted transactions touch a range of offsets: what readers of committed records are told with the batches.

import type { Segment } from "./segment.ts";
import type { AbortedSpan } from "./transaction-spans.ts";

/** Offsets from `from` to below `to`. */
export interface OffsetRange {
  readonly from: number;
  readonly to: number;
}

/**
 * The aborted transactions whose marker is at or above `range.from` and that begin below `range.to`, by first offset.
 *
 * @param segments From the one that holds `range.from` on, as they were when the range was read.
 * @param range    Ends at or below the last stable offset of that time, so that all in it is decided.
 * @param load     The aborted transactions of a segment that are not in memory yet; throws when it is gone.
 */
export async function abortedWithin(
  segments: readonly Segment[],
  range: OffsetRange,
  load: (segment: Segment) => Promise<readonly AbortedSpan[]>,
): Promise<readonly AbortedSpan[]> {
  const found: AbortedSpan[] = [];
  for (const segment of segments) {
    const spans = segment.aborted ?? (await load(segment));
    if (!collect(spans, range, found)) break;
  }
  return found.sort((one, other) => one.firstOffset - other.firstOffset);
}

// False when no transaction of a later segment can begin below `to`.
function collect(
  spans: readonly AbortedSpan[],
  { from, to }: OffsetRange,
  found: AbortedSpan[],
): boolean {
  for (let index = firstEndingAt(spans, from); index < spans.length; index++) {
    const span = spans[index];
    if (span === undefined) break;
    if (span.firstOffset < to) found.push(span);
    if (span.lastStableOffset >= to) return false;
  }
  return true;
}

// Markers ascend: the index of the first one at or above an offset.
function firstEndingAt(spans: readonly AbortedSpan[], offset: number): number {
  let low = 0;
  let high = spans.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((spans[middle]?.lastOffset ?? offset) < offset) low = middle + 1;
    else high = middle;
  }
  return low;
}

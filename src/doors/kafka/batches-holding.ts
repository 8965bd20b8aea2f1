// The stored batches that hold some records, out of what was read: the others are not worth their way.

import { viewOf } from "../../base/bytes.ts";
import {
  baseOffsetAt,
  batchBytesAt,
  batchHeaderBytes,
  nextOffsetAt,
} from "../../record/batch-header.ts";

/** Offsets from the first to the last. */
export interface Offsets {
  readonly firstOffset: number;
  readonly lastOffset: number;
}

/** A stored batch and the offsets it spans. */
export interface SpannedBatch extends Offsets {
  readonly bytes: Uint8Array;
}

/** Every whole batch of the sources once, by offset. */
export function spannedBatches(sources: readonly Uint8Array[]): readonly SpannedBatch[] {
  const found: SpannedBatch[] = [];
  for (const source of sources) {
    const view = viewOf(source);
    for (let at = 0; at + batchHeaderBytes <= source.length; ) {
      const bytes = batchBytesAt(view, at);
      if (bytes < batchHeaderBytes || at + bytes > source.length) break;
      found.push({
        firstOffset: baseOffsetAt(view, at),
        lastOffset: nextOffsetAt(view, at) - 1,
        bytes: source.subarray(at, at + bytes),
      });
      at += bytes;
    }
  }
  found.sort((one, other) => one.firstOffset - other.firstOffset);
  // Two reads may have had a batch in common.
  let end = -1;
  return found.filter(({ lastOffset }) => {
    if (lastOffset <= end) return false;
    end = lastOffset;
    return true;
  });
}

/** The batches that have an offset of one of the ranges, one after the other. Both are in order of offset. */
export function batchesHolding(
  batches: readonly SpannedBatch[],
  ranges: readonly Offsets[],
): Uint8Array {
  const chosen: Uint8Array[] = [];
  let next = 0;
  for (const { firstOffset, lastOffset, bytes } of batches) {
    while ((ranges[next]?.lastOffset ?? Number.POSITIVE_INFINITY) < firstOffset) next++;
    const range = ranges[next];
    if (range === undefined) break;
    if (range.firstOffset <= lastOffset) chosen.push(bytes);
  }
  return joined(chosen);
}

// What lies beside each other in memory goes out as it lies there.
function joined(pieces: readonly Uint8Array[]): Uint8Array {
  const [first] = pieces;
  if (first === undefined) return new Uint8Array(0);
  let end = first.byteOffset;
  for (const piece of pieces) {
    if (piece.buffer !== first.buffer || piece.byteOffset !== end) return Buffer.concat(pieces);
    end += piece.length;
  }
  return new Uint8Array(first.buffer, first.byteOffset, end - first.byteOffset);
}

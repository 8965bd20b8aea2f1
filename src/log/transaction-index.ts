// The bytes of a `.txnindex` file: the aborted transactions whose markers a segment holds, in the order of the markers.
//
//   entry   version i16 (0) | producerId i64 | firstOffset i64 | lastOffset i64 (of the marker) | lastStableOffset i64
//
// The format is Kafka's and has no checksum: what can be held against the segment's bounds and the order is.
// Source: Kafka, `AbortedTxn`.

import { readInt64Nearest, viewOf, writeInt64 } from "../base/bytes.ts";
import type { AbortedSpan } from "./transaction-spans.ts";

/** Bytes of one entry. */
export const abortedEntryBytes = 34;

const version = 0;

/** The bytes of entries, from index `from` on. */
export function encodeAborted(spans: readonly AbortedSpan[], from = 0): Uint8Array {
  const bytes = new Uint8Array((spans.length - from) * abortedEntryBytes);
  const view = viewOf(bytes);
  let at = 0;
  for (const span of spans.slice(from)) {
    view.setInt16(at, version);
    writeInt64(view, at + 2, span.producerId);
    writeInt64(view, at + 10, span.firstOffset);
    writeInt64(view, at + 18, span.lastOffset);
    writeInt64(view, at + 26, span.lastStableOffset);
    at += abortedEntryBytes;
  }
  return bytes;
}

/**
 * The entries of a file whose markers lie in the segment from `range.from` to below `range.to`.
 *
 * @returns Null when an entry before the first one at or above `range.to` cannot be true: the file is damaged.
 */
export function decodeAborted(
  bytes: Uint8Array,
  range: { readonly from: number; readonly to: number },
): AbortedSpan[] | null {
  const view = viewOf(bytes);
  const spans: AbortedSpan[] = [];
  let least = range.from;
  for (let at = 0; at < bytes.length; at += abortedEntryBytes) {
    if (at + abortedEntryBytes > bytes.length) return null;
    const span = {
      producerId: readInt64Nearest(view, at + 2),
      firstOffset: readInt64Nearest(view, at + 10),
      lastOffset: readInt64Nearest(view, at + 18),
      lastStableOffset: readInt64Nearest(view, at + 26),
    };
    if (view.getInt16(at) !== version || !isPossible(span, least)) return null;
    if (span.lastOffset >= range.to) return spans;
    spans.push(span);
    least = span.lastOffset + 1;
  }
  return spans;
}

function isPossible(span: AbortedSpan, leastMarker: number): boolean {
  const { producerId, firstOffset, lastOffset, lastStableOffset } = span;
  const isSafe = [producerId, firstOffset, lastOffset, lastStableOffset].every(
    (value) => Number.isSafeInteger(value) && value >= 0,
  );
  return (
    isSafe &&
    lastOffset >= leastMarker &&
    firstOffset < lastOffset &&
    lastStableOffset <= lastOffset + 1
  );
}

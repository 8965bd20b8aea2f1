// The bytes of a `.txnindex` file: the aborted transactions whose markers a segment holds, in the order of the markers.
//
//   entry     version i16 (0) | producerId i64 | firstOffset i64 | lastOffset i64 (the marker's) | lastStableOffset i64
//   trailer   magic u32 | count u32 | CRC-32C u32 of all that comes before it
//
// The entries are Kafka's, which has no checksum for them. The trailer is ours (decision 0028): shorter than an entry,
// so that Kafka's tools take it for the end of the file. Source: Kafka, `AbortedTxn`, `TransactionIndex`.

import { readInt64Nearest, viewOf, writeInt64 } from "../base/bytes.ts";
import { crc32c } from "../base/crc32c.ts";
import type { AbortedSpan } from "./transaction-spans.ts";

/** Bytes of one entry. */
export const abortedEntryBytes = 34;

const abortedTrailerBytes = 12;

const version = 0;
// "VTXI"
const trailerMagic = 0x56545849;

/** The bytes of a file of these entries, from the entry with index `from` on. */
export function encodeAborted(spans: readonly AbortedSpan[], from = 0): Uint8Array {
  const bytes = new Uint8Array(spans.length * abortedEntryBytes + abortedTrailerBytes);
  const view = viewOf(bytes);
  let at = 0;
  for (const span of spans) {
    view.setInt16(at, version);
    writeInt64(view, at + 2, span.producerId);
    writeInt64(view, at + 10, span.firstOffset);
    writeInt64(view, at + 18, span.lastOffset);
    writeInt64(view, at + 26, span.lastStableOffset);
    at += abortedEntryBytes;
  }
  view.setUint32(at, trailerMagic);
  view.setUint32(at + 4, spans.length);
  view.setUint32(at + 8, crc32c(bytes.subarray(0, at + 8)));
  return bytes.subarray(from * abortedEntryBytes);
}

/** The part of a file that is looked at: entries of markers from `from` to below `to`. */
export interface MarkerRange {
  /** Base offset of the segment. */
  readonly from: number;
  readonly to: number;
}

/**
 * The entries of a file whose markers lie in a range.
 *
 * @returns Null when the file is not whole, to the bit, or an entry below `range.to` cannot be true.
 */
export function decodeAborted(bytes: Uint8Array, range: MarkerRange): AbortedSpan[] | null {
  const end = bytes.length - abortedTrailerBytes;
  if (end < 0 || !isTrailerTrue(bytes, viewOf(bytes), end)) return null;
  return decodeEntries(bytes.subarray(0, end), range);
}

/**
 * Entries without a trailer, as Kafka and earlier versions write them: they may be shown, but not believed.
 *
 * @returns Null when an entry before the first one at or above `range.to` cannot be true.
 */
export function decodeEntries(bytes: Uint8Array, range: MarkerRange): AbortedSpan[] | null {
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

function isTrailerTrue(bytes: Uint8Array, view: DataView, at: number): boolean {
  return (
    view.getUint32(at) === trailerMagic &&
    view.getUint32(at + 4) * abortedEntryBytes === at &&
    view.getUint32(at + 8) === crc32c(bytes.subarray(0, at + 8))
  );
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

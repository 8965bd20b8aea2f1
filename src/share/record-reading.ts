// Reads one record's wishes out of its headers.

import { murmur2 } from "../base/murmur2.ts";
import type { RecordCursor } from "../record/record-cursor.ts";
import { deadLetterHeaders, messageHeaders, priorityMax } from "../services.ts";
import { freshFate, type RecordFate } from "./record-run.ts";

/** How a queue looks at its records. */
export interface ReadingTerms {
  /** Records of one key wait for each other. */
  readonly isOrdered: boolean;
  readonly nowMs: number;
  /** Its name. */
  readonly queue: string;
}

/**
 * The fate of the record under the cursor, which was not delivered yet; null when it is for another queue. Headers that
 * make no sense do not count.
 */
export function fateOfRecord(
  cursor: RecordCursor,
  { isOrdered, nowMs, queue }: ReadingTerms,
): RecordFate | null {
  const { bytes, keyStart, keyEnd } = cursor;
  const fresh = freshFate(cursor.recordEnd - cursor.recordStart);
  const isKeyed = isOrdered && keyStart >= 0;
  const keyHash = isKeyed ? murmur2(bytes.subarray(keyStart, keyEnd)) >>> 0 : -1;
  if (cursor.headerCount === 0) return isKeyed ? { ...fresh, keyHash } : fresh;
  let { dueMs, expiresAtMs, priority } = fresh;
  while (cursor.nextHeader()) {
    switch (varveHeader(cursor)) {
      case messageHeaders.deliverAt:
        dueMs = numberOf(cursor) ?? dueMs;
        break;
      case messageHeaders.expiresAt:
        expiresAtMs = numberOf(cursor) ?? expiresAtMs;
        break;
      case messageHeaders.priority:
        priority = Math.min(numberOf(cursor) ?? priority, priorityMax);
        break;
      case messageHeaders.forQueue:
        if (headerText(cursor) !== queue) return null;
        break;
    }
  }
  // What is due by now need not be told from what was never delayed.
  return { ...fresh, keyHash, dueMs: dueMs > nowMs ? dueMs : 0, expiresAtMs, priority };
}

/** The name of the header under the cursor if it is one of ours, else empty. */
export function varveHeader({ bytes, headerKeyStart, headerKeyEnd }: RecordCursor): string {
  if (bytes[headerKeyStart] !== 0x76 || bytes[headerKeyStart + 5] !== 0x2d) return "";
  return textOf(bytes, headerKeyStart, headerKeyEnd);
}

/** The value of the header under the cursor as text; null when it has none. */
export function headerText({
  bytes,
  headerValueStart,
  headerValueEnd,
}: RecordCursor): string | null {
  if (headerValueStart < 0) return null;
  return textOf(bytes, headerValueStart, headerValueEnd);
}

/** Whether the record under the cursor is a dead letter of the queue. */
export function isDeadLetterOf(cursor: RecordCursor, queue: string): boolean {
  let isOfQueue = false;
  while (cursor.nextHeader()) {
    if (varveHeader(cursor) === deadLetterHeaders.queue) isOfQueue = headerText(cursor) === queue;
  }
  return isOfQueue;
}

function textOf(bytes: Uint8Array, start: number, end: number): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("utf8", start, end);
}

function numberOf(cursor: RecordCursor): number | null {
  const text = headerText(cursor) ?? "";
  const value = /^\d{1,16}$/.test(text) ? Number(text) : Number.NaN;
  return Number.isSafeInteger(value) ? value : null;
}

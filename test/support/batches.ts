// Batches from plain records and back, for the tests of every part.

import { viewOf } from "../../src/base/bytes.ts";
import { BatchBuilder, type BuildOptions } from "../../src/record/batch-builder.ts";
import {
  batchBytesAt,
  setBaseOffset,
  setLeaderEpoch,
  updateCrc,
} from "../../src/record/batch-header.ts";
import { RecordCursor } from "../../src/record/record-cursor.ts";

/** A record as a test writes it; what is absent is null, empty, or 1700000000000. */
export interface TestRecord {
  readonly key?: string | Uint8Array | null;
  readonly value?: string | Uint8Array | null;
  readonly timestampMs?: number;
  readonly headers?: readonly { readonly key: string; readonly value: string | null }[];
}

/** Where a batch goes and how it is built. */
export interface TestBatchOptions extends BuildOptions {
  /** 0 when absent. */
  readonly baseOffset?: number;
  /** As clients send it (-1) when absent. */
  readonly leaderEpoch?: number;
  /** Part of its producer's transaction; false when absent. */
  readonly isTransactional?: boolean;
}

/** A record as it was read; text is UTF-8. */
export interface ReadRecord {
  readonly offset: number;
  readonly key: string | null;
  readonly value: string | null;
  readonly timestampMs: number;
  readonly headers: readonly { readonly key: string; readonly value: string | null }[];
}

/** One batch of the given records. */
export function batchOf(
  records: readonly TestRecord[],
  options: TestBatchOptions = {},
): Uint8Array {
  const builder = new BatchBuilder();
  for (const record of records) {
    builder.append({
      timestampMs: record.timestampMs ?? 1_700_000_000_000,
      key: record.key ?? null,
      value: record.value ?? null,
      headers: record.headers ?? [],
    });
  }
  const batch = builder.build(options);
  const view = viewOf(batch);
  setBaseOffset(view, 0, options.baseOffset ?? 0);
  setLeaderEpoch(view, 0, options.leaderEpoch ?? -1);
  if (options.isTransactional === true) {
    view.setUint16(21, view.getUint16(21) | 0x10);
    updateCrc(batch);
  }
  return batch;
}

/** The batches that stand back to back in `bytes`, as views. */
export function batchesOf(bytes: Uint8Array): readonly Uint8Array[] {
  const view = viewOf(bytes);
  const batches: Uint8Array[] = [];
  for (let at = 0; at < bytes.length; at += batchBytesAt(view, at)) {
    batches.push(bytes.subarray(at, at + batchBytesAt(view, at)));
  }
  return batches;
}

/** All records of the batches that stand back to back in `bytes`. */
export function recordsOf(bytes: Uint8Array): readonly ReadRecord[] {
  const cursor = new RecordCursor();
  const records: ReadRecord[] = [];
  const textAt = (start: number, end: number): string | null =>
    start < 0 ? null : Buffer.from(cursor.bytes.subarray(start, end)).toString();
  for (const batch of batchesOf(bytes)) {
    cursor.reset(batch);
    while (cursor.next()) {
      const headers: { key: string; value: string | null }[] = [];
      while (cursor.nextHeader()) {
        const key = textAt(cursor.headerKeyStart, cursor.headerKeyEnd) ?? "";
        headers.push({ key, value: textAt(cursor.headerValueStart, cursor.headerValueEnd) });
      }
      records.push({
        offset: cursor.offset,
        key: textAt(cursor.keyStart, cursor.keyEnd),
        value: textAt(cursor.valueStart, cursor.valueEnd),
        timestampMs: cursor.timestampMs,
        headers,
      });
    }
  }
  return records;
}

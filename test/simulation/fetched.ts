// What a reader makes of fetched bytes, from the protocol's own rules: the offsets it has been told of, the records in
// them, and (committed only) not those of aborted transactions.

import { viewOf } from "../../src/base/bytes.ts";
import type { FetchPartitionResult } from "../../src/services.ts";
import { batchesOf, recordsOf } from "../support/batches.ts";
import { contentText, type SeenRecord } from "./history.ts";

/** The part of a partition that a fetch told of. */
export interface Fetched {
  readonly records: readonly SeenRecord[];
  /** First offset that the answer says nothing about. */
  readonly end: number;
  /** What is wrong with the batches themselves; null when nothing is. */
  readonly problem: string | null;
}

interface Header {
  readonly baseOffset: number;
  readonly nextOffset: number;
  readonly isTransactional: boolean;
  readonly isControl: boolean;
  readonly producerId: number;
}

/** Opens the batches of a fetch from `from` on; those of a compacted log may have holes between them. */
export function openFetched(
  result: FetchPartitionResult,
  from: number,
  mayHaveHoles = false,
): Fetched {
  const aborted = [...result.abortedTransactions].sort((a, b) => a.firstOffset - b.firstOffset);
  const undone = new Set<number>();
  const records: SeenRecord[] = [];
  let end = from;
  let isFirst = true;
  for (const batch of batchesOf(result.batches)) {
    const header = headerOf(batch);
    const isNext = isFirst
      ? (header.baseOffset <= from || mayHaveHoles) && header.nextOffset > from
      : header.baseOffset === end || (mayHaveHoles && header.baseOffset > end);
    if (!isNext) {
      const problem = `${isFirst ? "asked for" : "after"} ${end} came ${header.baseOffset}`;
      return { records, end, problem };
    }
    isFirst = false;
    end = header.nextOffset;
    while ((aborted[0]?.firstOffset ?? Infinity) < header.nextOffset) {
      undone.add(aborted.shift()?.producerId ?? -1);
    }
    if (header.isControl) {
      undone.delete(header.producerId);
      continue;
    }
    if (header.isTransactional && undone.has(header.producerId)) continue;
    for (const { offset, value, key, timestampMs, headers } of recordsOf(batch)) {
      if (offset < from) continue;
      const pairs = headers.map((each) => [each.key, each.value] as const);
      const content = contentText({ value, key, timestampMs, headers: pairs });
      records.push({ offset, content });
    }
  }
  return { records, end, problem: null };
}

function headerOf(batch: Uint8Array): Header {
  const view = viewOf(batch);
  const attributes = view.getUint16(21);
  const baseOffset = Number(view.getBigInt64(0));
  return {
    baseOffset,
    nextOffset: baseOffset + view.getInt32(23) + 1,
    isTransactional: (attributes & 0x10) !== 0,
    isControl: (attributes & 0x20) !== 0,
    producerId: Number(view.getBigInt64(43)),
  };
}

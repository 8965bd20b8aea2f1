// What a queue holds, counted.

import { FetchedRecords } from "../record/fetched-records.ts";
import type { QueueCounts } from "../services.ts";
import { isOfDeadLetters } from "../share/moved-records.ts";
import { noCounts, type ShareCounts, type SharePartition } from "../share/share-partition.ts";
import type { ShareEngine } from "../share/share-engine.ts";
import type { ShareGroup } from "../share/share-machine.ts";

/** How full a queue is. */
export interface Fullness {
  /** Records that are not settled. */
  readonly depth: number;
  readonly bytes: number;
}

/** How full a queue is, as far as scans have come; what lies behind them counts by offset. */
export function fullnessOf(engine: ShareEngine, group: ShareGroup): Fullness {
  let depth = 0;
  let bytes = 0;
  for (const partition of queuePartitions(group)) {
    const { counts, scannedTo } = partition;
    const unseen = Math.max(0, (engine.scanner.endOf(group, partition) ?? scannedTo) - scannedTo);
    const known = counts.waiting + counts.leased;
    depth += known + unseen;
    bytes += counts.bytes + (known > 0 ? (counts.bytes / known) * unseen : 0);
  }
  return { depth, bytes: Math.round(bytes) };
}

/** The partitions that hold a queue's messages: no dead letters, and nothing else that its group reads. */
export function queuePartitions(group: ShareGroup): readonly SharePartition[] {
  return [...group.partitions()].filter(({ topic }) => topic === group.settings.topic);
}

/** Counts a queue whose partitions have been scanned. */
export async function countsOf(engine: ShareEngine, group: ShareGroup): Promise<QueueCounts> {
  const totals: { -readonly [Name in keyof ShareCounts]: number } = { ...noCounts };
  let [inFlight, delayed, dead] = [0, 0, 0];
  let oldestMs = Number.POSITIVE_INFINITY;
  for (const partition of group.partitions()) {
    const { waiting, leaving } = partition.counts;
    if (isOfDeadLetters(group, partition)) dead += waiting + leaving;
  }
  for (const partition of queuePartitions(group)) {
    const { counts, header } = partition;
    inFlight += counts.leased;
    delayed += counts.delayed;
    for (const name of Object.keys(totals) as (keyof ShareCounts)[]) {
      totals[name] += header.counts[name];
    }
    oldestMs = Math.min(oldestMs, await timeOfOldest(engine, partition));
  }
  const { delivered, acked, nacked, lapsed, expired, dropped } = totals;
  const nowMs = engine.options.clock.nowMs();
  return {
    ...fullnessOf(engine, group),
    inFlight,
    delayed,
    dead,
    oldestAgeMs: oldestMs === Number.POSITIVE_INFINITY ? null : Math.max(0, nowMs - oldestMs),
    delivered,
    acked,
    nacked,
    lapsed,
    expired,
    dropped,
  };
}

const oneRecordBytes = 1;

async function timeOfOldest(engine: ShareEngine, partition: SharePartition): Promise<number> {
  const { counts, startOffset: offset, topic, partition: number } = partition;
  if (counts.waiting + counts.leased === 0) return Number.POSITIVE_INFINITY;
  const fetched = await engine.options.source.fetch({
    maxWaitMs: 0,
    minBytes: 0,
    maxBytes: oneRecordBytes,
    isolation: "read_uncommitted",
    partitions: [{ topic, partition: number, fetchOffset: offset, maxBytes: oneRecordBytes }],
    signal: null,
  });
  try {
    const [result] = fetched.partitions;
    if (result === undefined || result.error !== null) return Number.POSITIVE_INFINITY;
    const records = new FetchedRecords(result, offset);
    return records.next() ? records.cursor.timestampMs : Number.POSITIVE_INFINITY;
  } finally {
    fetched.release();
  }
}

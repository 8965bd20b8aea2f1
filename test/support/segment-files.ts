// Writes segment files with their indexes, as the log writes them, for tests that read or damage files.

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { OffsetIndex } from "../../src/log/offset-index.ts";
import { TimeIndex } from "../../src/log/time-index.ts";
import type { CodecName } from "../../src/record/compression.ts";
import { batchOf } from "./batches.ts";

/** What to write. */
export interface SegmentPlan {
  readonly base: number;
  readonly batches: number;
  readonly recordsInBatch: number;
  readonly codec?: CodecName;
  /** Default true. */
  readonly withIndexes?: boolean;
}

/** The name of a segment's file. */
export function nameOf(base: number, ending: string): string {
  return String(base).padStart(20, "0") + ending;
}

/** Writes a segment into a directory. Every second batch gets an index entry; timestamps grow by 1 s a batch. */
export function writeSegment(directory: string, plan: SegmentPlan): void {
  const { base, recordsInBatch, codec = "none" } = plan;
  const batches: Uint8Array[] = [];
  const offsets = new OffsetIndex();
  const times = new TimeIndex();
  let position = 0;
  for (let index = 0; index < plan.batches; index++) {
    const first = base + index * recordsInBatch;
    const timestampMs = 1_700_000_000_000 + first * 1_000;
    const records = Array.from({ length: recordsInBatch }, (_, at) => ({
      key: at % 2 === 0 ? `key ${at}` : null,
      value: `value of offset ${first + at}`,
      timestampMs: timestampMs + at,
      headers: [{ key: "h", value: "1" }],
    }));
    const batch = batchOf(records, { codec, baseOffset: first, leaderEpoch: 0 });
    const lastOffset = first + recordsInBatch - 1 - base;
    if (index % 2 === 1) {
      offsets.append(lastOffset, position);
      times.appendIfLater(timestampMs + recordsInBatch - 1, lastOffset);
    }
    batches.push(batch);
    position += batch.length;
  }
  writeFileSync(join(directory, nameOf(base, ".log")), Buffer.concat(batches));
  if (plan.withIndexes === false) return;
  writeFileSync(join(directory, nameOf(base, ".index")), offsets.encode());
  writeFileSync(join(directory, nameOf(base, ".timeindex")), times.encode());
}

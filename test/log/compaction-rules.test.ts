import { describe, expect, test } from "vitest";
import { viewOf } from "../../src/base/bytes.ts";
import {
  AbortedBatches,
  CompactionRules,
  type CompactionTerms,
} from "../../src/log/compaction-rules.ts";
import { KeyOffsets } from "../../src/log/key-offsets.ts";
import type { ProducerEntry } from "../../src/log/producer-entry.ts";
import { setBaseOffset } from "../../src/record/batch-header.ts";
import { deleteHorizonOf } from "../../src/record/batch-rewrite.ts";
import { buildMarkerBatch } from "../../src/record/control-batch.ts";
import { batchOf, recordsOf, type TestRecord } from "../support/batches.ts";

const producer = { producerId: 4, producerEpoch: 0, baseSequence: 0 };

function termsOf(latest: Record<string, number>, more: Partial<CompactionTerms> = {}) {
  const offsets = new KeyOffsets(1 << 16);
  for (const [key, offset] of Object.entries(latest)) offsets.put(Buffer.from(key), offset);
  return {
    latest: offsets,
    mappedTo: 1000,
    aborted: new AbortedBatches([]),
    producers: [],
    nowMs: 5000,
    deleteRetentionMs: 100,
    batchBytesMax: 1 << 20,
    ...more,
  };
}

const entryOf = (lastOffset: number | null): ProducerEntry =>
  ({
    producerId: 4,
    producerEpoch: 0,
    batches: lastOffset === null ? [] : [{ lastOffset }],
  }) as unknown as ProducerEntry;

function markerAt(offset: number, isCommit = true): Uint8Array {
  const marker = { producerId: 4, producerEpoch: 0, coordinatorEpoch: 0, isCommit };
  const batch = buildMarkerBatch(marker, 1000);
  setBaseOffset(viewOf(batch), 0, offset);
  return batch;
}

const dataAt = (baseOffset: number, records: readonly TestRecord[] = [{ key: "a", value: "1" }]) =>
  batchOf(records, { baseOffset, producer, isTransactional: true });

describe("compaction rules: records", () => {
  test("the latest of a key stays; at or above the mapped part everything does", () => {
    const rules = new CompactionRules(termsOf({ a: 12, b: 10 }, { mappedTo: 12 }));
    const batch = batchOf(
      [
        { key: "b", value: "10" },
        { key: "a", value: "11" },
        { key: "a", value: "12" },
        { key: "c", value: "13" },
      ],
      { baseOffset: 10 },
    );
    const kept = rules.judge(batch) ?? new Uint8Array(0);
    expect(recordsOf(kept).map(({ offset }) => offset)).toEqual([10, 12, 13]);
    const above = batchOf([{ key: "b", value: "x" }], { baseOffset: 12 });
    expect(rules.judge(above)).toBe(above);
    expect(rules.judge(batchOf([{ key: "a", value: "x" }], { baseOffset: 3 }))).toBeNull();
  });

  test("tombstones: get a horizon once, and go when it is over", () => {
    const terms = termsOf({ a: 10 });
    const rules = new CompactionRules(terms);
    const first = rules.judge(batchOf([{ key: "a" }], { baseOffset: 10 })) ?? new Uint8Array(0);
    expect(deleteHorizonOf(first)).toBe(5100);
    expect(rules.horizonMs).toBe(5100);
    const later = new CompactionRules({ ...terms, nowMs: 5099 });
    expect(later.judge(first)).toBe(first);
    expect(later.horizonMs).toBe(5100);
    const over = new CompactionRules({ ...terms, nowMs: 5100 });
    expect(over.judge(first)).toBeNull();
    expect(over.horizonMs).toBe(-1);
  });

  test("a batch that would grow beyond what can be read again: stays as it is", () => {
    const records = [{ key: "a", value: "1" }, { key: "b" }];
    const batch = batchOf(records, { baseOffset: 10 });
    const rules = new CompactionRules(termsOf({ a: 10 }, { batchBytesMax: batch.length }));
    expect(rules.judge(batch)).toBe(batch);
  });
});

describe("compaction rules: producers and transactions", () => {
  test("an emptied batch stays as long as it tells its producer's last sequence", () => {
    const batch = batchOf([{ key: "a", value: "1" }], { baseOffset: 10, producer });
    const last = new CompactionRules(termsOf({ a: 99 }, { producers: [entryOf(10)] }));
    const kept = last.judge(batch) ?? new Uint8Array(0);
    expect(kept).toHaveLength(61);
    expect(last.judge(kept)).toEqual(kept);
    const older = new CompactionRules(termsOf({ a: 99 }, { producers: [entryOf(11)] }));
    expect(older.judge(batch)).toBeNull();
    expect(older.judge(kept)).toBeNull();
  });

  test("aborted records go, those of the same producer before and after stay", () => {
    const span = { producerId: 4, firstOffset: 10, lastOffset: 20, lastStableOffset: 21 };
    const aborted = new AbortedBatches([span, { ...span, firstOffset: 30, lastOffset: 40 }]);
    const rules = new CompactionRules(termsOf({}, { aborted }));
    const stays = [5, 10, 19, 25, 30, 41].map((offset) => rules.judge(dataAt(offset)) !== null);
    expect(stays).toEqual([true, false, false, true, false, true]);
    const plain = batchOf([{ key: "a", value: "1" }], { baseOffset: 11 });
    expect(rules.judge(plain)).toBe(plain);
  });

  test("a marker stays while records of its transaction do; then it gets a horizon", () => {
    const rules = new CompactionRules(termsOf({ a: 99 }));
    const full = dataAt(10, [{ key: "b", value: "stays" }]);
    expect(rules.judge(full)).toBe(full);
    const marker = markerAt(11);
    expect(rules.judge(marker)).toBe(marker);
    expect(rules.judge(dataAt(12))).toBeNull();
    const fading = rules.judge(markerAt(13)) ?? new Uint8Array(0);
    expect(deleteHorizonOf(fading)).toBe(5100);
    const over = new CompactionRules(termsOf({}, { nowMs: 5100 }));
    expect(over.judge(fading)).toBeNull();
  });

  test("a marker is all that tells the epoch of its producer: it stays", () => {
    const rules = new CompactionRules(termsOf({}, { producers: [entryOf(null)] }));
    const marker = markerAt(11);
    expect(rules.judge(marker)).toBe(marker);
  });
});

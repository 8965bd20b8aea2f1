import fc from "fast-check";
import { beforeAll, describe, expect, test } from "vitest";
import { viewOf } from "../../src/base/bytes.ts";
import {
  attributesAt,
  baseOffsetAt,
  baseSequenceAt,
  batchBytesAt,
  hasDeleteHorizon,
  isTransactional,
  lastOffsetDeltaAt,
  maxTimestampAt,
  producerIdAt,
  recordCountAt,
  stampAppendTime,
} from "../../src/record/batch-header.ts";
import {
  deleteHorizonOf,
  emptiedBatch,
  fillerBatch,
  type RecordFate,
  rewriteBatch,
  withHorizon,
} from "../../src/record/batch-rewrite.ts";
import { isChecksumGood } from "../../src/log/batch-frame.ts";
import { codecNames, prepareCompression } from "../../src/record/compression.ts";
import { buildMarkerBatch, readMarker } from "../../src/record/control-batch.ts";
import { batchOf, recordsOf } from "../support/batches.ts";

beforeAll(() => prepareCompression());

const record = fc.record({
  key: fc.option(fc.string({ maxLength: 5 })),
  value: fc.option(fc.string({ maxLength: 40 })),
  timestampMs: fc.nat(2 ** 40),
  headers: fc.array(fc.record({ key: fc.string(), value: fc.option(fc.string()) }), {
    maxLength: 2,
  }),
});

const isGood = (batch: Uint8Array): boolean => isChecksumGood(batch, viewOf(batch), 0);

describe("rewritten batches", () => {
  test("any records of any codec: what stays is as it was, at its offset", () => {
    const property = fc.property(
      fc.array(record, { minLength: 1, maxLength: 12 }),
      fc.infiniteStream(fc.constantFrom<RecordFate>("goes", "stays", "fades")),
      fc.record({ codec: fc.constantFrom(...codecNames), usesAppendTime: fc.boolean() }),
      (records, fates, { codec, usesAppendTime }) => {
        const batch = batchOf(records, { codec, baseOffset: 77, leaderEpoch: 0 });
        if (usesAppendTime) stampAppendTime(batch, 5000);
        const before = recordsOf(batch);
        const chosen = before.map(() => fates.next().value ?? "goes");
        let asked = 0;
        const result = rewriteBatch(batch, {
          fateOf: () => chosen[asked++] ?? "goes",
          horizonMs: 1_700_000_000_000,
        });
        const kept = before.filter((_, index) => chosen[index] !== "goes");
        expect(asked).toBe(before.length);
        expect(result.recordCount).toBe(kept.length);
        expect(recordsOf(result.batch)).toEqual(kept);
        const view = viewOf(result.batch);
        expect(isGood(result.batch)).toBe(true);
        expect(batchBytesAt(view, 0)).toBe(result.batch.length);
        expect([baseOffsetAt(view, 0), lastOffsetDeltaAt(view, 0)]).toEqual([
          77,
          records.length - 1,
        ]);
        const isFading = chosen.includes("fades");
        expect(deleteHorizonOf(result.batch)).toBe(isFading ? 1_700_000_000_000 : null);
        if (kept.length === 0 || usesAppendTime) return;
        expect(maxTimestampAt(view, 0)).toBe(Math.max(...kept.map((each) => each.timestampMs)));
      },
    );
    fc.assert(property, { numRuns: 200 });
  });

  test("nothing to change: the very same batch", () => {
    const batch = batchOf([{ key: "a" }, { key: "b" }], { codec: "gzip" });
    const stay = { fateOf: (): RecordFate => "stays", horizonMs: 1 };
    expect(rewriteBatch(batch, stay).batch).toBe(batch);
  });

  test("a horizon stays what it is, whatever comes later, and no later than can be written", () => {
    const batch = batchOf([{ key: "a" }, { key: "b" }]);
    const fade = (horizonMs: number) => ({ fateOf: (): RecordFate => "fades", horizonMs });
    const first = rewriteBatch(batch, fade(5)).batch;
    expect(deleteHorizonOf(first)).toBe(5);
    expect(rewriteBatch(first, fade(9)).batch).toBe(first);
    const far = rewriteBatch(batch, fade(Number.POSITIVE_INFINITY)).batch;
    expect(deleteHorizonOf(far)).toBe(2 ** 52);
    expect(recordsOf(far)).toEqual(recordsOf(batch));
  });
});

describe("batches without records", () => {
  const producer = { producerId: 4, producerEpoch: 1, baseSequence: 8 };
  const options = { producer, isTransactional: true, codec: "lz4", baseOffset: 9 } as const;
  const batch = batchOf([{ key: "a" }, { key: "b", timestampMs: 5 }], options);

  test("emptied: offsets, producer, sequence and transaction stay", () => {
    const empty = emptiedBatch(batch);
    const view = viewOf(empty);
    expect([empty.length, recordCountAt(view, 0), lastOffsetDeltaAt(view, 0)]).toEqual([61, 0, 1]);
    expect([producerIdAt(view, 0), baseSequenceAt(view, 0)]).toEqual([4, 8]);
    expect(isTransactional(attributesAt(view, 0))).toBe(true);
    expect(isGood(empty)).toBe(true);
    expect(recordsOf(empty)).toEqual([]);
  });

  test("filler: only the offsets stay, of a marker too", () => {
    const marker = { producerId: 4, producerEpoch: 1, coordinatorEpoch: 2, isCommit: true };
    for (const from of [batch, buildMarkerBatch(marker, 7)]) {
      const filler = fillerBatch(from);
      const view = viewOf(filler);
      expect([producerIdAt(view, 0), baseSequenceAt(view, 0)]).toEqual([-1, -1]);
      expect(attributesAt(view, 0)).toBe(0);
      expect(baseOffsetAt(view, 0)).toBe(baseOffsetAt(viewOf(from), 0));
      expect(isGood(filler)).toBe(true);
      expect(recordsOf(filler)).toEqual([]);
    }
  });
});

test("a marker with a horizon says what it said, and when", () => {
  for (const timestampMs of [0, 1000, 1_700_000_000_000]) {
    for (const isCommit of [true, false]) {
      const marker = { producerId: 4, producerEpoch: 1, coordinatorEpoch: 70_000, isCommit };
      const batch = buildMarkerBatch(marker, timestampMs);
      const fading = withHorizon(batch, 1_800_000_000_000);
      expect(hasDeleteHorizon(attributesAt(viewOf(fading), 0))).toBe(true);
      expect(readMarker(viewOf(fading), 0)).toEqual({ coordinatorEpoch: 70_000, isCommit });
      expect(recordsOf(fading)[0]?.timestampMs).toBe(timestampMs);
      expect(isGood(fading)).toBe(true);
      expect(withHorizon(fading, 1)).toBe(fading);
    }
  }
});

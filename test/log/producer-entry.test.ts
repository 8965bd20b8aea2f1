import { describe, expect, test } from "vitest";
import { viewOf } from "../../src/base/bytes.ts";
import {
  alreadySafe,
  batchesMax,
  checkProducer,
  entryAfter,
  findDuplicate,
  type ProducerEntry,
  producerBatchAt,
  repeatedAppend,
  sequenceAfter,
  sequenceBefore,
} from "../../src/log/producer-entry.ts";
import { buildMarkerBatch } from "../../src/record/control-batch.ts";
import { batchOf } from "../support/batches.ts";
import { type ProducerBatchOptions, producerBatch } from "../support/producer-batches.ts";

const place = { baseOffset: 0, seenMs: 50, safety: alreadySafe };

function read(bytes: Uint8Array): NonNullable<ReturnType<typeof producerBatchAt>> {
  const batch = producerBatchAt(viewOf(bytes), 0);
  if (batch === null) throw new Error("the batch has no producer");
  return batch;
}

function of(options: Omit<ProducerBatchOptions, "id">): ReturnType<typeof read> {
  return read(producerBatch({ id: 1, ...options }));
}

function after(...batches: readonly Omit<ProducerBatchOptions, "id">[]): ProducerEntry {
  let entry: ProducerEntry | null = null;
  let baseOffset = 0;
  for (const options of batches) {
    entry = entryAfter(entry, of(options), { ...place, baseOffset });
    baseOffset += options.count ?? 1;
  }
  if (entry === null) throw new Error("no batch");
  return entry;
}

function refusal(entry: ProducerEntry | null, batch: ReturnType<typeof read>): unknown {
  try {
    checkProducer(entry, batch);
    return null;
  } catch (error) {
    return error;
  }
}

describe("producer entry: sequences", () => {
  test("after 2^31 - 1 comes 0, and back", () => {
    expect(sequenceAfter(2 ** 31 - 1, 1)).toBe(0);
    expect(sequenceAfter(2 ** 31 - 2, 3)).toBe(1);
    expect(sequenceBefore(1, 3)).toBe(2 ** 31 - 2);
    expect(sequenceBefore(5, 2)).toBe(3);
  });

  test("unknown: anything; known: the next one, over the wrap too", () => {
    expect(refusal(null, of({ sequence: 77 }))).toBeNull();
    const entry = after({ sequence: 2 ** 31 - 2, count: 2 });
    expect(refusal(entry, of({ sequence: 0 }))).toBeNull();
    expect(refusal(entry, of({ sequence: 1 }))).toMatchObject({
      code: "OUT_OF_ORDER_SEQUENCE_NUMBER",
      facts: { expectedSequence: 0, baseSequence: 1, producerId: 1 },
    });
  });

  test("a newer epoch begins at 0 and forgets the batches of the older, which is fenced", () => {
    const entry = after({ sequence: 0 }, { sequence: 1 });
    expect(refusal(entry, of({ epoch: 1, sequence: 2 }))).toMatchObject({
      code: "OUT_OF_ORDER_SEQUENCE_NUMBER",
    });
    const newer = entryAfter(entry, of({ epoch: 1, sequence: 0 }), { ...place, baseOffset: 2 });
    expect(newer.batches.map(({ baseOffset }) => baseOffset)).toEqual([2]);
    expect(refusal(newer, of({ epoch: 0, sequence: 2 }))).toMatchObject({
      code: "INVALID_PRODUCER_EPOCH",
    });
  });

  test("the last batches are found again, an older one is out of order", () => {
    const sent = Array.from({ length: batchesMax + 1 }, (_, sequence) => ({ sequence }));
    const entry = after(...sent);
    expect(findDuplicate(entry, of({ sequence: 0 }))).toBeNull();
    for (let sequence = 1; sequence <= batchesMax; sequence++) {
      expect(findDuplicate(entry, of({ sequence }))?.baseOffset).toBe(sequence);
    }
    expect(findDuplicate(entry, of({ sequence: 1, count: 2 }))).toBeNull();
    expect(findDuplicate(entry, of({ sequence: 1, epoch: 1 }))).toBeNull();
    expect(findDuplicate(null, of({ sequence: 1 }))).toBeNull();
  });

  test("what was appended before is answered as one append", () => {
    const { batches } = after(
      { sequence: 0, count: 2, timestampMs: 9 },
      { sequence: 2, timestampMs: 4 },
    );
    expect(repeatedAppend(batches)).toMatchObject({
      baseOffset: 0,
      nextOffset: 3,
      isDuplicate: true,
      maxTimestampMs: 9,
    });
  });
});

describe("producer entry: transactions", () => {
  const marker = { producerId: 1, producerEpoch: 0, coordinatorEpoch: 3, isCommit: true };
  const open = after({ sequence: 0, isTransactional: true });

  test("the first batch opens, a marker ends and keeps the sequences", () => {
    expect(open.currentTransactionStart).toBe(0);
    const more = entryAfter(open, of({ sequence: 1, isTransactional: true }), {
      ...place,
      baseOffset: 1,
    });
    expect(more.currentTransactionStart).toBe(0);
    const ended = entryAfter(more, read(buildMarkerBatch(marker, 70)), { ...place, baseOffset: 2 });
    expect(ended).toMatchObject({
      currentTransactionStart: -1,
      coordinatorEpoch: 3,
      lastTimestampMs: 70,
      lastSeenMs: 50,
    });
    expect(refusal(ended, of({ sequence: 2 }))).toBeNull();
  });

  test("a batch outside of it: refused", () => {
    expect(refusal(open, of({ sequence: 1 }))).toMatchObject({ code: "INVALID_TXN_STATE" });
  });

  test("older markers: fenced by producer epoch and by coordinator epoch", () => {
    const ended = entryAfter(
      open,
      read(buildMarkerBatch({ ...marker, producerEpoch: 2 }, 0)),
      place,
    );
    expect(ended.batches).toEqual([]);
    expect(refusal(ended, read(buildMarkerBatch(marker, 0)))).toMatchObject({
      code: "INVALID_PRODUCER_EPOCH",
    });
    const older = { ...marker, producerEpoch: 2, coordinatorEpoch: 2 };
    expect(refusal(ended, read(buildMarkerBatch(older, 0)))).toMatchObject({
      code: "TRANSACTION_COORDINATOR_FENCED",
      facts: { coordinatorEpoch: 2, lastCoordinatorEpoch: 3 },
    });
    expect(refusal(null, read(buildMarkerBatch(marker, 0)))).toBeNull();
  });

  test("batches without a producer, and other control batches: nothing to remember", () => {
    expect(producerBatchAt(viewOf(batchOf([{ value: "x" }])), 0)).toBeNull();
    const other = buildMarkerBatch(marker, 0);
    other[69] = 5;
    expect(producerBatchAt(viewOf(other), 0)).toBeNull();
  });
});

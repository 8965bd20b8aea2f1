import { describe, expect, test } from "vitest";
import { viewOf } from "../../src/base/bytes.ts";
import { setBaseOffset } from "../../src/record/batch-header.ts";
import { buildMarkerBatch } from "../../src/record/control-batch.ts";
import { type FetchedBatches, FetchedRecords } from "../../src/record/fetched-records.ts";
import { batchOf } from "../support/batches.ts";

const one = (value: string, baseOffset: number): Uint8Array =>
  batchOf([{ value }, { value }, { value }], { baseOffset });

function transactional(producerId: number, baseOffset: number): Uint8Array {
  const producer = { producerId, producerEpoch: 0, baseSequence: 0 };
  return batchOf([{ value: "t" }, { value: "t" }], {
    producer,
    isTransactional: true,
    baseOffset,
  });
}

function marker(producerId: number, baseOffset: number): Uint8Array {
  const names = { producerId, producerEpoch: 0, coordinatorEpoch: 0, isCommit: false };
  const batch = buildMarkerBatch(names, 0);
  setBaseOffset(viewOf(batch), 0, baseOffset);
  return batch;
}

function fetched(
  batches: readonly Uint8Array[],
  abortedTransactions: FetchedBatches["abortedTransactions"] = [],
): FetchedBatches {
  return { topic: "t", partition: 3, batches: Buffer.concat(batches), abortedTransactions };
}

/** Offsets of all records, each taken. */
function walked(records: FetchedRecords): readonly number[] {
  const offsets: number[] = [];
  while (records.next()) {
    offsets.push(records.cursor.offset);
    records.take();
  }
  return offsets;
}

describe("fetched records", () => {
  test("from the middle of a batch: records below are passed over", () => {
    const records = new FetchedRecords(fetched([one("a", 4), one("b", 7)]), 5);
    expect(walked(records)).toEqual([5, 6, 7, 8, 9]);
    expect(records.nextOffset).toBe(10);
    expect(records.next()).toBe(false);
  });

  test("a record that is not taken: is the next to read", () => {
    const records = new FetchedRecords(fetched([one("a", 0)]), 0);
    records.next();
    records.take();
    records.next();
    expect(records.nextOffset).toBe(1);
    expect(new FetchedRecords(fetched([]), 9).nextOffset).toBe(9);
  });

  test("control batches and aborted transactions: passed over, and read on behind them", () => {
    const log = [transactional(1, 0), transactional(2, 2), marker(1, 4), one("a", 5), marker(2, 8)];
    const aborted = [{ producerId: 1, firstOffset: 0 }];
    const records = new FetchedRecords(fetched(log, aborted), 0);
    expect(walked(records)).toEqual([2, 3, 5, 6, 7]);
    expect(records.nextOffset).toBe(9);
    const hidden = new FetchedRecords(fetched(log.slice(0, 1), aborted), 0);
    expect(hidden.next()).toBe(false);
    expect(hidden.nextOffset).toBe(2);
  });

  test("bytes that cannot be read: KAFKA_STORAGE_ERROR that says where", () => {
    const broken = one("b", 3);
    // More records than there are.
    viewOf(broken).setInt32(57, 99);
    const records = new FetchedRecords(fetched([one("a", 0), broken]), 0);
    expect(() => walked(records)).toThrow(
      expect.objectContaining({
        code: "KAFKA_STORAGE_ERROR",
        facts: { topic: "t", partition: 3, offset: 6 },
      }),
    );
  });
});

describe("fetched records: stored bytes that rotted", () => {
  const storageError = expect.objectContaining({ code: "KAFKA_STORAGE_ERROR" });

  test.each([0, -12, -13, -200, 2 ** 31 - 1])(
    "a batch of length %d: refused, not read for ever",
    (length) => {
      const bytes = Buffer.concat([one("a", 4), one("b", 7)]);
      bytes.writeInt32BE(length, one("a", 4).length + 8);
      const result = { topic: "t", partition: 3, batches: bytes, abortedTransactions: [] };
      expect(() => walked(new FetchedRecords(result, 4))).toThrow(storageError);
      // Passing over batches takes the same steps.
      expect(() => walked(new FetchedRecords(result, 100))).toThrow(storageError);
    },
  );

  test("a header that passes its record: the store's fault, not the reader's", () => {
    const batch = batchOf([{ value: "v", headers: [{ key: "h", value: "1" }] }]);
    // The length of the header's name, four bytes before the end.
    batch[batch.length - 4] = 40;
    const records = new FetchedRecords(fetched([batch]), 0);
    expect(records.next()).toBe(true);
    expect(() => records.cursor.nextHeader()).toThrow(storageError);
  });
});

import { expect, test } from "vitest";
import { viewOf } from "../../src/base/bytes.ts";
import { setBaseOffset, setLeaderEpoch } from "../../src/record/batch-header.ts";
import { buildMarkerBatch, markerBatchBytes, readMarker } from "../../src/record/control-batch.ts";
import { RecordCursor } from "../../src/record/record-cursor.ts";
import { batchOf } from "../support/batches.ts";

const marker = { producerId: 9, producerEpoch: 0, coordinatorEpoch: 0, isCommit: true };

test("marker: the bytes of a COMMIT as Kafka stores it", () => {
  const batch = buildMarkerBatch(marker, 1_700_000_000_000);
  setBaseOffset(viewOf(batch), 0, 5);
  setLeaderEpoch(viewOf(batch), 0, 0);
  expect(Buffer.from(batch).toString("hex")).toBe(
    "0000000000000005000000420000000002" +
      "2d6ed699003000000000" +
      "0000018bcfe568000000018bcfe56800" +
      "00000000000000090000ffffffff00000001" +
      "200000000800000001" +
      "0c00000000000000",
  );
  expect(batch.length).toBe(markerBatchBytes);
});

test("marker: what is built is read, by the cursor too", () => {
  for (const isCommit of [true, false]) {
    const batch = buildMarkerBatch({ ...marker, coordinatorEpoch: 70_000, isCommit }, 5);
    expect(readMarker(viewOf(batch), 0)).toEqual({ coordinatorEpoch: 70_000, isCommit });
    const cursor = new RecordCursor();
    cursor.reset(batch);
    expect(cursor.next()).toBe(true);
    expect([cursor.keyEnd - cursor.keyStart, cursor.valueEnd - cursor.valueStart]).toEqual([4, 6]);
    expect(cursor.next()).toBe(false);
  }
});

test("marker: other control batches, and what is cut short, end no transaction", () => {
  const batch = buildMarkerBatch(marker, 5);
  batch[69] = 2;
  expect(readMarker(viewOf(batch), 0)).toBeNull();
  expect(readMarker(viewOf(batch.subarray(0, 77)), 0)).toBeNull();
  const records = batchOf([{ key: "k", value: "a longer value" }]);
  expect(readMarker(viewOf(records), 0)).toBeNull();
});

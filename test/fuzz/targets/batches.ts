// Record batches: as clients send them, as they are stored, and record by record.

import { viewOf } from "../../../src/base/bytes.ts";
import { prepareBatches } from "../../../src/broker/append-check.ts";
import { BatchBuilder } from "../../../src/record/batch-builder.ts";
import { checkBatch, checkRecords } from "../../../src/record/batch-check.ts";
import {
  attributesAt,
  batchBytesAt,
  batchHeaderBytes,
  codecOf,
  updateCrc,
} from "../../../src/record/batch-header.ts";
import { codecNames } from "../../../src/record/compression.ts";
import { buildMarkerBatch } from "../../../src/record/control-batch.ts";
import { RecordCursor } from "../../../src/record/record-cursor.ts";
import { batchOf, type TestRecord } from "../../support/batches.ts";
import { clientBatch, commitMarker } from "../../support/batch-vectors.ts";
import { type FuzzTarget, holds, sameBytes } from "../target.ts";

const records: readonly TestRecord[] = [
  { key: "k", value: "v", headers: [{ key: "h", value: "1" }] },
  { key: null, value: null },
  { key: "", value: "x".repeat(70), headers: [] },
  { key: "kk", value: "w", timestampMs: 1_700_000_000_300, headers: [{ key: "n", value: null }] },
];
const producer = { producerId: 9, producerEpoch: 1, baseSequence: 4 };
const expandedBytesMax = 64 * 1024;

/** Batches of all kinds, small. */
export function sampleBatches(): readonly Uint8Array[] {
  const marker = { producerId: 9, producerEpoch: 0, coordinatorEpoch: 3, isCommit: true };
  return [
    clientBatch,
    commitMarker,
    buildMarkerBatch({ ...marker, isCommit: false }, 1_700_000_000_000),
    batchOf(records),
    batchOf(records, { producer }),
    batchOf(records, { producer, isTransactional: true, baseOffset: 77, leaderEpoch: 0 }),
    ...codecNames.map((codec) => batchOf(records, { codec })),
  ];
}

/** Makes the first batch's length and checksum fit its bytes, mostly. */
export function repairBatch(input: Buffer): void {
  if (input.length < batchHeaderBytes) return;
  input.writeInt32BE(input.length - 12, 8);
  updateCrc(input);
}

const bound = {
  text: `64 KiB, what compressed records may expand to (${expandedBytesMax}, twice), and 8 bytes a byte`,
  bytes: (length: number) => 65_536 + 2 * expandedBytesMax + 8 * length,
};

const rules = {
  isKeyRequired: false,
  timestampMinMs: -Infinity,
  timestampMaxMs: Infinity,
  maxDecompressedBytes: expandedBytesMax,
};
const builder = new BatchBuilder();

/** A batch as a client sends it: checked from the header to the last record, then built again from its records. */
export const clientBatches: FuzzTarget = {
  name: "batch-check",
  bound,
  refusals: [
    "CORRUPT_MESSAGE",
    "INVALID_RECORD",
    "INVALID_TIMESTAMP",
    "MESSAGE_TOO_LARGE",
    "UNSUPPORTED_COMPRESSION_TYPE",
  ],
  weight: 3,
  samples: sampleBatches,
  repair: repairBatch,
  run(input) {
    const batchBytes = checkBatch(input, 0, { batchBytesMax: 1 << 20 });
    holds(batchBytes >= batchHeaderBytes && batchBytes <= input.length, "a size beyond the bytes");
    const batch = input.subarray(0, batchBytes);
    checkRecords(batch, rules);
    const codec = codecOf(attributesAt(viewOf(batch), 0));
    if (codec === 0) rebuilt(batch);
    return 1 + codec;
  },
};

const cursor = new RecordCursor();

// What was read of the records makes the same records again, unless the client wrote them in a longer way than needed.
function rebuilt(batch: Uint8Array): void {
  builder.reset();
  cursor.reset(batch);
  while (cursor.next()) {
    const { bytes, keyStart, keyEnd, valueStart, valueEnd, timestampMs } = cursor;
    const key = keyStart < 0 ? null : bytes.subarray(keyStart, keyEnd);
    const value = valueStart < 0 ? null : bytes.subarray(valueStart, valueEnd);
    while (cursor.nextHeader());
    builder.append({ timestampMs, key, value, headers: [] });
  }
  const once = builder.build();
  cursor.reset(once);
  let count = 0;
  while (cursor.next()) count++;
  holds(count === builder.count, "another number of records");
  sameBytes(once, builder.build(), "a builder that builds another batch the second time");
}

/** Whatever stands in a batch: the cursor goes through it or refuses. */
export const batchCursor: FuzzTarget = {
  name: "record-cursor",
  bound,
  refusals: [
    "CORRUPT_MESSAGE",
    "INVALID_RECORD",
    "MESSAGE_TOO_LARGE",
    "UNSUPPORTED_COMPRESSION_TYPE",
  ],
  weight: 3,
  samples: sampleBatches,
  repair(input) {
    if (input.length >= batchHeaderBytes) input.writeInt32BE(input.length - 12, 8);
  },
  run(input) {
    cursor.reset(input, { maxDecompressedBytes: expandedBytesMax });
    const { length } = cursor.bytes;
    let previous = -1;
    let headers = 0;
    while (cursor.next()) {
      const { recordStart, recordEnd, keyStart, keyEnd, valueStart, valueEnd, offset } = cursor;
      holds(offset > previous || previous < 0, "offsets go back");
      previous = offset;
      holds(recordStart < recordEnd && recordEnd <= length, "a record beyond the bytes");
      holds(keyStart < 0 || (keyStart > recordStart && keyEnd <= recordEnd), "a key beyond");
      holds(
        valueStart < 0 || (valueStart > recordStart && valueEnd <= recordEnd),
        "a value beyond",
      );
      while (cursor.nextHeader()) {
        holds(cursor.headerKeyEnd <= recordEnd, "a header's key beyond");
        holds(cursor.headerValueEnd <= recordEnd, "a header's value beyond");
        headers++;
      }
    }
    return 1 + Math.min(headers, 3) + 4 * (input[22] ?? 0);
  },
};

const nowMs = 1_700_000_000_000;

/** What the broker makes of a client's bytes: the topic's codec, its own time. */
export const preparedBatches: FuzzTarget = {
  name: "batch-prepare",
  bound,
  refusals: clientBatches.refusals,
  weight: 0.3,
  samples: sampleBatches,
  repair: repairBatch,
  run(input) {
    const codec = ([...codecNames.slice(1), "producer", "uncompressed"] as const)[
      (input[60] ?? 0) % 6
    ];
    const common = {
      batchBytesMax: 1 << 20,
      timestampBeforeMsMax: 1e12,
      timestampAfterMsMax: 1e12,
    };
    const usesAppendTime = (input[59] ?? 0) % 2 === 1;
    const how = { ...common, codec: codec ?? "producer", codecLevel: null, usesAppendTime };
    // What is appended belongs to the log, which writes into it.
    const batches = prepareBatches([Buffer.from(input)], how as never, nowMs);
    for (const batch of batches) {
      holds(batchBytesAt(viewOf(batch), 0) === batch.length, "a prepared batch of another size");
      cursor.reset(batch);
      while (cursor.next()) while (cursor.nextHeader());
    }
    return batches.length;
  },
};

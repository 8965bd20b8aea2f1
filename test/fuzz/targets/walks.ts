// Stored batches back to back: as recovery walks them, as readers go through what was fetched, and as the tools do.

import { viewOf } from "../../../src/base/bytes.ts";
import { IndexFile } from "../../../src/cli/index-file.ts";
import { SegmentReader } from "../../../src/cli/segment-reader.ts";
import { BatchWalk } from "../../../src/log/batch-walk.ts";
import { producerBatchAt } from "../../../src/log/producer-entry.ts";
import { holdsBatch, scanBatches } from "../../../src/log/log-scan.ts";
import { attributesAt, batchHeaderBytes, isControl } from "../../../src/record/batch-header.ts";
import { markerBatchBytes, readMarker } from "../../../src/record/control-batch.ts";
import { FetchedRecords } from "../../../src/record/fetched-records.ts";
import type { DiskFile } from "../../../src/storage/disk.ts";
import { batchOf } from "../../support/batches.ts";
import { commitMarker } from "../../support/batch-vectors.ts";
import { type FuzzTarget, holds } from "../target.ts";
import { repairBatch, sampleBatches } from "./batches.ts";

const stored = { leaderEpoch: 0 };
const producer = { producerId: 9, producerEpoch: 0, baseSequence: 0 };

// Batches with ascending offsets, as a segment has them; some of an aborted transaction.
function sampleSegment(): Buffer {
  return Buffer.concat([
    batchOf([{ value: "a" }, { value: "b" }], stored),
    batchOf([{ key: "k", value: "c" }], { ...stored, baseOffset: 2, codec: "snappy" }),
    batchOf([{ value: "d" }], { ...stored, producer, isTransactional: true, baseOffset: 3 }),
    batchOf([{ value: "e" }], { ...stored, baseOffset: 4 }),
    commitMarker,
    batchOf([{ value: "f".repeat(40) }], { ...stored, baseOffset: 6 }),
  ]);
}

const segments = (): readonly Uint8Array[] => [
  sampleSegment(),
  batchOf([{ value: "a" }], stored),
  commitMarker,
];

const bound = {
  text: "192 KiB, and 16 bytes a byte: pieces of the file",
  bytes: (length: number) => 196_608 + 16 * length,
};

/** A file that is bytes in memory. */
function fileOf(bytes: Uint8Array): DiskFile {
  const read = (target: Uint8Array, position: number): Promise<number> => {
    const piece = bytes.subarray(position, position + target.length);
    target.set(piece);
    return Promise.resolve(piece.length);
  };
  return {
    path: "segment",
    read,
    size: () => Promise.resolve(bytes.length),
  } as unknown as DiskFile;
}

/** Recovery's walk over a segment file. */
export const segmentWalks: FuzzTarget = {
  name: "segment-walk",
  bound,
  refusals: ["KAFKA_STORAGE_ERROR"],
  weight: 0.5,
  isNoted: true,
  samples: segments,
  async run(input) {
    const size = input.length;
    const walk = new BatchWalk(
      { bytes: (position, length) => Promise.resolve(input.subarray(position, position + length)) },
      {
        position: 0,
        end: size,
        expectedOffset: 0,
        isExact: (input[16] ?? 0) === 2,
        isWhole: (size & 1) === 0,
        batchBytesMax: 4096,
        pieceBytes: 64 + (size & 127),
        isHot: false,
      },
    );
    let position = -1;
    let count = 0;
    for (let step = walk.step(); step !== "end" && step !== "damage"; step = walk.step()) {
      if (step === "load") {
        await walk.load();
        continue;
      }
      holds(walk.position > position, "a walk that stands still");
      holds(walk.position + walk.batchBytes <= size, "a batch beyond the end");
      ({ position } = walk);
      count++;
    }
    const limits = { size, batchBytesMax: 4096 };
    const scan = await scanBatches(fileOf(input), { position: 0, offset: 0 }, limits);
    holds(scan.end.position <= size, "an end beyond the end");
    if (scan.damage !== null) {
      const from = { position: scan.end.position, leastOffset: scan.end.offset };
      return 1 + ((await holdsBatch(fileOf(input), from, limits)) ? 1 : 0);
    }
    return 3 + Math.min(count, 6);
  },
};

const aborted = [{ producerId: 9, firstOffset: 3 }];

/** What a reader does with fetched batches. */
export const fetchedRecords: FuzzTarget = {
  name: "fetched-records",
  bound: {
    text: "192 KiB, what records may expand to (22 bytes a byte by snappy), and 16 bytes a byte",
    bytes: (length) => 196_608 + 300 * length,
  },
  refusals: ["KAFKA_STORAGE_ERROR"],
  samples: segments,
  run(input) {
    const isFiltered = (input.length & 1) === 0;
    const batches = {
      topic: "t",
      partition: 0,
      batches: input,
      abortedTransactions: isFiltered ? aborted : [],
    };
    const records = new FetchedRecords(batches, input.length & 3);
    let count = 0;
    let next = records.nextOffset;
    while (records.next()) {
      holds(records.cursor.offset >= next, "a record that was read before");
      while (records.cursor.nextHeader());
      records.take();
      next = records.nextOffset;
      count++;
    }
    holds(records.nextOffset >= next, "a reader that goes back");
    return 1 + Math.min(count, 6);
  },
};

/** What batches say of producers and transactions; nothing is thrown. */
export const producerBatches: FuzzTarget = {
  name: "markers",
  bound: { text: "64 KiB: an object or two", bytes: () => 65_536 },
  refusals: [],
  samples: () => [commitMarker, ...sampleBatches()],
  repair: repairBatch,
  run(input) {
    if (input.length < batchHeaderBytes) return 0;
    const view = viewOf(input);
    const batch = producerBatchAt(view, 0);
    const marker = isControl(attributesAt(view, 0)) ? readMarker(view, 0) : null;
    holds(marker === null || input.length >= markerBatchBytes, "a marker in too few bytes");
    if (batch === null) return 1;
    holds(batch.marker === null || marker !== null, "a marker that is none");
    return 2 + (marker === null ? 0 : marker.isCommit ? 2 : 1);
  },
};

/** `varve dump` and `varve check` on a segment file and on index files; the first byte says which. */
export const toolFiles: FuzzTarget = {
  name: "tool-files",
  bound: {
    text: "192 KiB and 64 bytes a byte: what is shown of each batch and entry",
    bytes: (length) => 196_608 + 64 * length,
  },
  refusals: [],
  weight: 0.5,
  isNoted: true,
  samples: () => [
    Buffer.concat([Buffer.from([0]), sampleSegment()]),
    Buffer.concat([
      Buffer.from([1]),
      Buffer.from("0000000900001000000000130000200000000000", "hex"),
    ]),
    Buffer.concat([
      Buffer.from([2]),
      Buffer.from("000000e8d4a510000000000900000000000000000000000000", "hex"),
    ]),
  ],
  async run(input) {
    const bytes = input.subarray(1);
    const kind = (input[0] ?? 0) % 3;
    if (kind === 0) {
      const read = (target: Uint8Array, ...place: [number, number, number]) => {
        const [at, length, position] = place;
        const piece = bytes.subarray(position, position + length);
        target.set(piece, at);
        return Promise.resolve({ bytesRead: piece.length });
      };
      const reader = new SegmentReader({ read, close: () => Promise.resolve() }, bytes.length);
      let count = 0;
      let position = -1;
      for (let batch = await reader.next(); batch !== null; batch = await reader.next()) {
        holds(batch.position > position, "a reader that stands still");
        ({ position } = batch);
        count++;
      }
      holds(reader.end !== null && reader.end.position <= bytes.length, "no end");
      return 1 + Math.min(count, 6);
    }
    const index = kind === 1 ? IndexFile.ofOffsets(bytes, 100) : IndexFile.ofTimes(bytes, 100);
    for (let entry = 0; entry < index.count; entry++) {
      const { offset } = kind === 1 ? index.offsetEntry(entry) : index.timeEntry(entry);
      holds(Number.isSafeInteger(offset), "an offset that is not exact");
    }
    return 8 + kind * 4 + Math.min(index.count, 3);
  },
};

// The small files of a data directory: indexes, snapshots, the checkpoint, and who the directory is.

import { crc32c } from "../../../src/base/crc32c.ts";
import { decodePartitionMetadata } from "../../../src/broker/partition-metadata.ts";
import { decodeOffsetIndex, OffsetIndex } from "../../../src/log/offset-index.ts";
import { decodeSnapshot, encodeSnapshot } from "../../../src/log/producer-snapshot.ts";
import { alreadySafe, type ProducerEntry } from "../../../src/log/producer-entry.ts";
import { decodeTimeIndex, TimeIndex } from "../../../src/log/time-index.ts";
import { decodeAborted, encodeAborted } from "../../../src/log/transaction-index.ts";
import {
  decodeCheckpoint,
  encodeCheckpoint,
  hexOfCrc,
} from "../../../src/storage/checkpoint-file.ts";
import { checkpointNamedBy } from "../../../src/storage/data-directory.ts";
import {
  clusterIdIn,
  decodeFormat,
  encodeFormat,
  encodeMetaProperties,
} from "../../../src/storage/format-file.ts";
import {
  asideName,
  isRetiredName,
  parsePartitionName,
  partitionNameOf,
} from "../../../src/storage/partition-name.ts";
import { type FuzzTarget, holds, sameBytes } from "../target.ts";

const small = (fixed: number, perByte: number, text: string): FuzzTarget["bound"] => ({
  text,
  bytes: (length) => fixed + perByte * length,
});
const segmentBytes = 1 << 20;

/** `.index` */
export const offsetIndexes: FuzzTarget = {
  name: "offset-index",
  bound: small(
    65_536,
    4,
    "64 KiB and 4 bytes a byte: the entries, as many as the file's size says",
  ),
  refusals: [],
  samples: () => {
    const index = new OffsetIndex();
    for (let entry = 1; entry < 12; entry++) index.append(entry * 9, entry * 4100);
    return [index.encode(), new Uint8Array(0)];
  },
  run(input) {
    const index = decodeOffsetIndex(input, segmentBytes);
    if (index === null) return 0;
    sameBytes(index.encode(), input, "another file");
    holds(index.floorPosition(segmentBytes) === index.count - 1, "a search that misses the end");
    return 1;
  },
};

/** `.timeindex` */
export const timeIndexes: FuzzTarget = {
  name: "time-index",
  bound: offsetIndexes.bound,
  refusals: [],
  samples: () => {
    const index = new TimeIndex();
    for (let entry = 1; entry < 12; entry++) index.appendIfLater(1e12 + entry * 50, entry * 9);
    return [index.encode(), new Uint8Array(0)];
  },
  run(input) {
    const index = decodeTimeIndex(input);
    if (index === null) return 0;
    sameBytes(index.encode(), input, "another file");
    return 1;
  },
};

/** `.txnindex` */
export const transactionIndexes: FuzzTarget = {
  name: "transaction-index",
  bound: small(65_536, 8, "64 KiB and 8 bytes a byte: an object for each entry of 34 bytes"),
  refusals: [],
  samples: () => [
    encodeAborted([
      { producerId: 1, firstOffset: 3, lastOffset: 9, lastStableOffset: 3 },
      { producerId: 2, firstOffset: 8, lastOffset: 40, lastStableOffset: 41 },
    ]),
  ],
  run(input) {
    const spans = decodeAborted(input, { from: 0, to: 1_000_000 });
    if (spans === null) return 0;
    const bytes = encodeAborted(spans);
    sameBytes(bytes, input.subarray(0, bytes.length), "another file");
    return 1 + Math.min(spans.length, 3);
  },
};

const entry: ProducerEntry = {
  producerId: 9,
  producerEpoch: 1,
  coordinatorEpoch: 2,
  lastTimestampMs: 5,
  lastSeenMs: 7,
  currentTransactionStart: -1,
  batches: [
    {
      firstSequence: 3,
      lastSequence: 5,
      baseOffset: 10,
      lastOffset: 12,
      timestampMs: 5,
      safety: alreadySafe,
    },
  ],
};

/** `.snapshot` */
export const producerSnapshots: FuzzTarget = {
  name: "producer-snapshot",
  bound: small(65_536, 12, "64 KiB and 12 bytes a byte: objects for each entry of 46 bytes"),
  refusals: [],
  samples: () => [
    encodeSnapshot([entry, { ...entry, producerId: 10, batches: [], currentTransactionStart: 44 }]),
    encodeSnapshot([]),
  ],
  repair(input) {
    if (input.length < 10) return;
    input.writeInt32BE(Math.floor((input.length - 10) / 46), 6);
    input.writeUInt32BE(crc32c(input, 6), 2);
  },
  run(input) {
    const entries = decodeSnapshot(input, 7);
    if (entries === null) return 0;
    const bytes = encodeSnapshot(entries);
    const again = decodeSnapshot(bytes, 7);
    holds(again !== null, "a snapshot that its own program does not read");
    sameBytes(bytes, encodeSnapshot(again ?? []), "another snapshot the second time");
    for (const { batches } of entries) {
      for (const { firstSequence, baseOffset, lastOffset } of batches) {
        holds(firstSequence >= 0 && baseOffset >= 0 && lastOffset >= baseOffset, "no such batch");
      }
    }
    return 1 + Math.min(entries.length, 3);
  },
};

/** `checkpoint` */
export const checkpoints: FuzzTarget = {
  name: "checkpoint",
  bound: small(131_072, 64, "128 KiB and 64 bytes a byte: an entry and its name for each line"),
  refusals: [],
  words: [
    "varve-checkpoint 1 ",
    " 0\n",
    "\n",
    "a-0 0 0 0 0\n",
    "9007199254740993",
    "-1",
    " ",
    "..-0",
  ],
  samples: () => [
    encodeCheckpoint(
      new Map([
        ["orders-0", { recoveryPoint: 5, logStartOffset: 0, segmentBase: 0, position: 99 }],
        ["__meta-12", { recoveryPoint: 5e12, logStartOffset: 3, segmentBase: 7, position: 1e9 }],
      ]),
    ).bytes,
    encodeCheckpoint(new Map()).bytes,
  ],
  repair(input) {
    const end = input.indexOf(0x0a);
    if (end < 30) return;
    input.write(hexOfCrc(crc32c(input.subarray(end + 1))), 19, "latin1");
  },
  run(input) {
    const checkpoint = decodeCheckpoint(input);
    if (checkpoint === null) return 0;
    const { bytes } = encodeCheckpoint(checkpoint.entries);
    const again = decodeCheckpoint(bytes);
    holds(again !== null, "a checkpoint that its own program does not read");
    sameBytes(bytes, encodeCheckpoint(again?.entries ?? new Map()).bytes, "another checkpoint");
    for (const facts of checkpoint.entries.values()) {
      holds(Object.values(facts).every(Number.isSafeInteger), "a number that is not exact");
    }
    return 1 + Math.min(checkpoint.entries.size, 3);
  },
};

const format = {
  clusterId: "MkU3OEVBNTcwNTJENDM2Qk",
  directoryId: "abcdefghijklmnopqrstuv",
  createdMs: 1e12,
};

/** `format.json`, `meta.properties`, `partition.metadata` and `clean-shutdown`: the first byte says which. */
export const identityFiles: FuzzTarget = {
  name: "identity-files",
  isJson: true,
  bound: small(131_072, 200, "128 KiB and 200 bytes a byte: objects of the JSON"),
  refusals: [],
  words: [
    "cluster.id=",
    "=",
    "\n",
    "version: 0\n",
    "topic_id: ",
    '"version":',
    '"format":"varve"',
    "null",
    "{",
    "}",
    "1e999",
  ],
  samples: () => [
    Buffer.concat([Buffer.from("0"), encodeFormat(format)]),
    Buffer.concat([Buffer.from("1"), encodeMetaProperties(format)]),
    Buffer.from("2version: 0\ntopic_id: abcdefghijklmnopqrstuv\n"),
    Buffer.from('3{"version":1,"checkpoint":"0123abcd"}\n'),
  ],
  run(input) {
    const bytes = input.subarray(1);
    switch ((input[0] ?? 0) % 4) {
      case 0: {
        const reading = decodeFormat(bytes);
        if (reading.kind !== "known") return reading.kind === "newer" ? 2 : 0;
        const again = decodeFormat(encodeFormat(reading.format));
        holds(again.kind === "known", "a format that its own program does not read");
        return 1;
      }
      case 1: {
        const clusterId = clusterIdIn(bytes);
        holds(clusterId === null || /^\S+$/.test(clusterId), "an id with blanks");
        return clusterId === null ? 0 : 3;
      }
      case 2: {
        const topicId = decodePartitionMetadata(bytes);
        holds(topicId === null || /^[0-9a-f-]{36}$/.test(topicId), "no id");
        return topicId === null ? 0 : 4;
      }
      default:
        return checkpointNamedBy(bytes) === null ? 0 : 5;
    }
  },
};

/** Names of directories. */
export const partitionNames: FuzzTarget = {
  name: "partition-names",
  bound: small(65_536, 16, "64 KiB and 16 bytes a byte: the text"),
  refusals: [],
  words: [
    "-0",
    ".",
    "..",
    "-2147483647",
    "-2147483648",
    "-delete",
    ".0123456789abcdef0123456789abcdef-delete",
    "/",
  ],
  usualBytesMax: 300,
  samples: () => [Buffer.from("orders-0"), Buffer.from(`${"a".repeat(249)}-2147483647`)],
  run(input) {
    const name = input.toString("latin1");
    const parsed = parsePartitionName(name);
    if (parsed === null) return isRetiredName(name) ? 2 : 0;
    holds(partitionNameOf(parsed) === name, "another name");
    const aside = asideName(name, "0123456789abcdef0123456789abcdef", "delete");
    holds(isRetiredName(aside) && aside.length <= 255, "a name that is not put aside");
    return 1;
  },
};

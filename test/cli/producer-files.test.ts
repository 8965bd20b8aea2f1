import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { viewOf } from "../../src/base/bytes.ts";
import { checkPartition } from "../../src/cli/partition-check.ts";
import {
  readProducerSnapshot,
  readTransactionIndex,
  TransactionIndexCheck,
} from "../../src/cli/producer-files.ts";
import { SegmentReader } from "../../src/cli/segment-reader.ts";
import { encodeSnapshot } from "../../src/log/producer-snapshot.ts";
import { encodeAborted } from "../../src/log/transaction-index.ts";
import { setBaseOffset, setLeaderEpoch } from "../../src/record/batch-header.ts";
import { buildMarkerBatch } from "../../src/record/control-batch.ts";
import { producerBatch } from "../support/producer-batches.ts";
import { nameOf } from "../support/segment-files.ts";

let directory: string;
const path = (ending: string): string => join(directory, nameOf(0, ending));
const abort = { producerId: 1, producerEpoch: 0, coordinatorEpoch: 0, isCommit: false };
const span = { producerId: 1, firstOffset: 0, lastOffset: 1, lastStableOffset: 2 };

beforeEach(() => {
  directory = join(mkdtempSync(join(tmpdir(), "varve-producers-")), "t-0");
  mkdirSync(directory);
  const batches = [
    producerBatch({ id: 1, sequence: 0, isTransactional: true }),
    buildMarkerBatch(abort, 1000),
    buildMarkerBatch({ ...abort, producerId: 2, isCommit: true }, 1000),
  ];
  batches.forEach((batch, offset) => {
    setBaseOffset(viewOf(batch), 0, offset);
    setLeaderEpoch(viewOf(batch), 0, 0);
  });
  writeFileSync(path(".log"), Buffer.concat(batches));
  writeFileSync(path(".txnindex"), encodeAborted([span]));
  writeFileSync(path(".snapshot"), encodeSnapshot([]));
});

afterEach(() => rmSync(join(directory, ".."), { recursive: true }));

async function problems(): Promise<readonly string[]> {
  const part = {
    directory,
    checkpoint: null,
    mayHaveHoles: false,
    onlyBase: null,
    onBytes: () => undefined,
  };
  const report = await checkPartition({ ...part, isClean: true, isDeep: true });
  return [...report.problems, ...report.notes].map(({ detail }) => detail);
}

test("producer files: sound ones are read and raise no question", async () => {
  expect(await readTransactionIndex(path(".txnindex"), 0)).toEqual([span]);
  expect(await readProducerSnapshot(path(".snapshot"))).toEqual([]);
  expect(await problems()).toEqual([]);
});

test("producer files: damage is named", async () => {
  const snapshot = readFileSync(path(".snapshot"));
  snapshot[3] = 1;
  writeFileSync(path(".snapshot"), snapshot);
  writeFileSync(path(".txnindex"), "?");
  await expect(readTransactionIndex(path(".txnindex"), 0)).rejects.toThrow(/cannot be true/);
  await expect(readProducerSnapshot(path(".snapshot"))).rejects.toThrow(/checksum/);
  expect(await problems()).toEqual([
    "does not match its checksum; a server reads the batches instead",
    "does not match its checksum, or has an entry that cannot be true",
  ]);
});

test("producer files: an entry must name the marker that aborts its producer", async () => {
  const check = async (spans: readonly (typeof span)[]): Promise<readonly string[]> => {
    const found: string[] = [];
    const index = new TransactionIndexCheck(spans, (detail) => found.push(detail));
    const reader = await SegmentReader.open(path(".log"));
    for (let batch = await reader.next(); batch !== null; batch = await reader.next()) {
      index.take(batch);
    }
    await reader.close();
    return found;
  };
  expect(await check([span])).toEqual([]);
  // The entry that is wrong, and the one that is lacking.
  expect(await check([{ ...span, producerId: 3 }])).toHaveLength(2);
  expect(await check([{ ...span, lastOffset: 0 }])).toHaveLength(2);
  expect(await check([{ ...span, producerId: 2, lastOffset: 2 }])).toHaveLength(2);
  const lacking = "lacks the transaction of producer 1 from offset 0 that the marker at 1 aborts";
  expect(await check([{ ...span, lastOffset: 9 }])).toEqual([lacking]);
  expect(await check([])).toEqual([lacking]);
});

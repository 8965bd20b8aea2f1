import { expect, test } from "vitest";
import { alreadySafe, entryAfter, producerBatchAt } from "../../src/log/producer-entry.ts";
import {
  readAborted,
  readSnapshot,
  snapshotPath,
  writeAborted,
  writeSnapshot,
} from "../../src/log/producer-files.ts";
import { Segment } from "../../src/log/segment.ts";
import { viewOf } from "../../src/base/bytes.ts";
import { seededRandom } from "../../src/base/random.ts";
import { FaultyDisk } from "../support/faulty-disk.ts";
import { producerBatch } from "../support/producer-batches.ts";

const directory = "/data/orders-0";

async function diskWithDirectory(): Promise<FaultyDisk> {
  const disk = new FaultyDisk();
  await disk.makeDirectory(directory);
  await disk.syncDirectory("/");
  await disk.syncDirectory("/data");
  return disk;
}

function entry() {
  const batch = producerBatchAt(viewOf(producerBatch({ id: 4, sequence: 2 })), 0);
  if (batch === null) throw new Error("the batch has a producer");
  return entryAfter(null, batch, { baseOffset: 8, seenMs: 3, safety: alreadySafe });
}

test("producer files: a snapshot survives a power cut, a damaged one reads as none", async () => {
  const disk = await diskWithDirectory();
  const path = snapshotPath(directory, 9);
  expect(path).toBe("/data/orders-0/00000000000000000009.snapshot");
  await writeSnapshot(disk, path, [entry()]);
  const after = disk.crash(seededRandom(1), "none");
  expect(await readSnapshot(after, path, 3)).toEqual([entry()]);
  after.setContents(path, new Uint8Array(3));
  expect(await readSnapshot(after, path, 3)).toBeNull();
  expect(await readSnapshot(after, snapshotPath(directory, 1), 3)).toBeNull();
});

test("producer files: a transaction index grows behind what is durable, and is cut to what counts", async () => {
  const disk = await diskWithDirectory();
  const segment = new Segment(directory, 0);
  const spans = [1, 3, 5].map((lastOffset) => ({
    producerId: 1,
    firstOffset: lastOffset - 1,
    lastOffset,
    lastStableOffset: lastOffset + 1,
  }));
  const stale = { producerId: 9, firstOffset: 1, lastOffset: 4, lastStableOffset: 5 };
  await writeAborted(disk, segment, {
    spans: [...spans, { ...stale, lastOffset: 8 }],
    storedCount: 0,
  });
  await writeAborted(disk, segment, { spans: spans.slice(0, 2), storedCount: 1 });
  expect(await readAborted(disk, segment, 100)).toEqual(spans.slice(0, 2));
  const writes = disk.operations.filter(({ kind }) => kind === "write").length;
  await writeAborted(disk, segment, { spans, storedCount: 2 });
  expect(disk.operations.filter(({ kind }) => kind === "write")).toHaveLength(writes + 1);
  expect(await readAborted(disk, segment, 100)).toEqual(spans);
  expect(await readAborted(disk, segment, 3)).toEqual(spans.slice(0, 1));
  expect(await readAborted(disk, new Segment(directory, 50), 100)).toBeNull();
});

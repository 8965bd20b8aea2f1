import { expect, test } from "vitest";
import { BatchWalk } from "../../src/log/batch-walk.ts";
import { IndexVerdict } from "../../src/log/index-verdict.ts";
import { FileBytes } from "../../src/log/log-scan.ts";
import { OffsetIndex } from "../../src/log/offset-index.ts";
import { TimeIndex } from "../../src/log/time-index.ts";
import { batchOf } from "../support/batches.ts";
import { FaultyDisk } from "../support/faulty-disk.ts";

const times = [100, 300, 200];
const batches = times.map((timestampMs, index) =>
  batchOf(
    [
      { value: "a", timestampMs },
      { value: "b", timestampMs: timestampMs - 1 },
    ],
    {
      baseOffset: 10 + index * 2,
      leaderEpoch: 0,
    },
  ),
);
const size = batches[0]?.length ?? 0;

async function verdict(
  offsetEntries: readonly (readonly [number, number])[],
  timeEntries: readonly (readonly [number, number])[],
): Promise<boolean> {
  const offsets = new OffsetIndex();
  for (const [offset, position] of offsetEntries) offsets.append(offset, position);
  const index = new TimeIndex();
  for (const [timestampMs, offset] of timeEntries) index.appendIfLater(timestampMs, offset);
  const disk = new FaultyDisk();
  disk.setContents("/log", Buffer.concat(batches));
  const looked = new IndexVerdict(10, offsets, index);
  const walk = new BatchWalk(new FileBytes(await disk.open("/log", "read")), {
    position: 0,
    end: 3 * size,
    expectedOffset: 10,
    isExact: true,
    isWhole: true,
    batchBytesMax: 4096,
    pieceBytes: 4096,
    isHot: false,
  });
  for (let step = walk.step(); step !== "end"; step = walk.step()) {
    if (step === "load") await walk.load();
    else looked.take(walk);
  }
  return looked.isRight();
}

test.each([
  ["right", [[3, size]], [[300, 3]], true],
  [
    "right with more",
    [
      [1, 0],
      [5, 2 * size],
    ],
    [
      [100, 1],
      [300, 3],
    ],
    true,
  ],
  ["no offset entry, as of a small segment", [], [[300, 3]], true],
  ["an offset that ends no batch", [[2, size]], [[300, 3]], false],
  ["a position where none begins", [[3, size + 1]], [[300, 3]], false],
  [
    "an entry past the end",
    [
      [3, size],
      [7, 3 * size],
    ],
    [[300, 3]],
    false,
  ],
  ["a time that the batch has not", [], [[299, 3]], false],
  ["a time that is not the largest so far", [], [[200, 5]], false],
  ["the largest is not told", [], [[100, 1]], false],
  ["no time at all", [], [], false],
] as const)("index verdict: %s", async (...row) => {
  const [, offsets, entries, expected] = row;
  expect(await verdict(offsets, entries)).toBe(expected);
});

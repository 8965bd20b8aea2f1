import { mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { checkPartition, type PartitionToCheck } from "../../src/cli/partition-check.ts";
import { encodeCompaction, neverCompacted } from "../../src/log/compaction-file.ts";
import { nameOf, writeSegment } from "../support/segment-files.ts";

let directory: string;

beforeEach(() => {
  directory = join(mkdtempSync(join(tmpdir(), "varve-partition-")), "t-0");
  mkdirSync(directory);
});

afterEach(() => rmSync(join(directory, ".."), { recursive: true }));

const check = (changes: Partial<PartitionToCheck> = {}) =>
  checkPartition({
    directory,
    checkpoint: null,
    isClean: false,
    isDeep: false,
    mayHaveHoles: false,
    onlyBase: null,
    onBytes: () => undefined,
    ...changes,
  });

const promise = (logStartOffset: number, recoveryPoint: number) => ({
  checkpoint: { logStartOffset, recoveryPoint, segmentBase: 0, position: 0 },
});

test("partition: a log that was trimmed: begins where the checkpoint says, which is no gap", async () => {
  writeSegment(directory, { base: 40, batches: 2, recordsInBatch: 5 });
  const report = await check(promise(43, 50));
  expect(report).toMatchObject({ firstOffset: 40, nextOffset: 50, problems: [], records: 10 });
});

test("partition: holes between segments: damage, unless compaction may have left them", async () => {
  writeSegment(directory, { base: 0, batches: 2, recordsInBatch: 5 });
  writeSegment(directory, { base: 20, batches: 2, recordsInBatch: 5 });
  expect((await check()).problems[0]?.detail).toBe(
    "offsets 10 to 19 are missing before this segment",
  );
  expect((await check({ mayHaveHoles: true })).problems).toEqual([]);
});

test("partition: a segment that begins inside the one before: damage", async () => {
  writeSegment(directory, { base: 0, batches: 2, recordsInBatch: 5 });
  writeSegment(directory, { base: 8, batches: 2, recordsInBatch: 5 });
  expect((await check()).problems[0]?.detail).toContain("inside the segment before");
});

test("partition: nothing in it: sound when new, damage when the checkpoint knows offsets", async () => {
  expect((await check(promise(0, 0))).problems).toEqual([]);
  expect((await check(promise(0, 9))).problems[0]?.detail).toContain("offsets 0 to 8");
});

test("partition: files that are no part of a log: noted; an index without its segment too", async () => {
  writeSegment(directory, { base: 0, batches: 2, recordsInBatch: 5 });
  writeFileSync(join(directory, "partition.metadata"), "");
  writeFileSync(join(directory, "notes.txt"), "");
  renameSync(join(directory, nameOf(0, ".index")), join(directory, nameOf(7, ".index")));
  const { problems, notes } = await check();
  expect(problems).toEqual([]);
  expect(notes.map(({ detail }) => detail)).toEqual([
    "is no file of a log; left alone",
    "is an index without its segment",
  ]);
});

test("partition: one segment asked for: only that one is read, without the checkpoint's promises", async () => {
  writeSegment(directory, { base: 0, batches: 2, recordsInBatch: 5 });
  writeSegment(directory, { base: 10, batches: 3, recordsInBatch: 5 });
  const report = await check({ onlyBase: 10, ...promise(0, 999) });
  expect(report).toMatchObject({ segments: 1, records: 15, problems: [] });
});

test("partition: holes inside segments: damage above what was compacted, none below", async () => {
  writeSegment(directory, { base: 0, batches: 3, recordsInBatch: 5 });
  writeSegment(directory, { base: 15, batches: 1, recordsInBatch: 5 });
  const path = join(directory, nameOf(0, ".log"));
  const bytes = readFileSync(path);
  const second = bytes.readInt32BE(8) + 12;
  const third = second + bytes.readInt32BE(second + 8) + 12;
  writeFileSync(path, Buffer.concat([bytes.subarray(0, second), bytes.subarray(third)]));
  for (const ending of [".index", ".timeindex"]) rmSync(join(directory, nameOf(0, ending)));
  expect((await check()).problems[0]?.detail).toContain("expected 5");
  const compaction = join(directory, "compaction");
  writeFileSync(compaction, encodeCompaction({ ...neverCompacted, holesBelow: 14 }));
  expect((await check()).problems[0]?.detail).toContain("expected 5");
  writeFileSync(compaction, encodeCompaction({ ...neverCompacted, holesBelow: 15 }));
  expect(await check()).toMatchObject({ problems: [], nextOffset: 20 });
  writeFileSync(compaction, "varve-compaction 1 00000000 1 2 3\n");
  expect((await check()).problems[0]?.detail).toContain("does not match its checksum");
});

test("partition: a compaction under way: what is being put in place stands for what it replaces", async () => {
  writeSegment(directory, { base: 0, batches: 2, recordsInBatch: 5, withIndexes: false });
  renameSync(join(directory, nameOf(0, ".log")), join(directory, nameOf(0, "-10.swap")));
  writeSegment(directory, { base: 0, batches: 1, recordsInBatch: 5 });
  writeSegment(directory, { base: 10, batches: 1, recordsInBatch: 5 });
  writeFileSync(join(directory, nameOf(10, ".log.cleaned")), "");
  const { problems, notes, nextOffset, records } = await check();
  expect(problems).toEqual([]);
  expect({ nextOffset, records }).toEqual({ nextOffset: 15, records: 15 });
  expect(notes.map(({ detail }) => detail)).toEqual([
    "is an unfinished compaction",
    "is a compacted segment that a server is putting in its place",
    "lacks an index; a server makes it again",
  ]);
  const swap = join(directory, nameOf(0, "-10.swap"));
  writeFileSync(swap, readFileSync(swap).fill(1, 90, 91));
  expect((await check()).problems.length).toBeGreaterThan(0);
});

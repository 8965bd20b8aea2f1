import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { checkSegment, segmentName } from "../../src/cli/segment-check.ts";
import { setMaxTimestamp } from "../../src/record/batch-header.ts";
import { batchOf } from "../support/batches.ts";
import { writeSegment } from "../support/segment-files.ts";

let directory: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "varve-segment-"));
});

afterEach(() => rmSync(directory, { recursive: true }));

const check = (changes: { isDeep?: boolean; mayHaveHoles?: boolean; hasIndexes?: boolean } = {}) =>
  checkSegment({
    directory,
    baseOffset: 0,
    isDeep: changes.isDeep ?? false,
    mayHaveHoles: changes.mayHaveHoles ?? false,
    hasOffsetIndex: changes.hasIndexes ?? false,
    hasTimeIndex: changes.hasIndexes ?? false,
    hasTransactionIndex: false,
  });
const write = (...batches: readonly Uint8Array[]) =>
  writeFileSync(join(directory, segmentName(0, ".log")), Buffer.concat(batches));
const batch = (baseOffset: number, count = 2) =>
  batchOf(
    Array.from({ length: count }, () => ({ value: "v" })),
    { baseOffset, leaderEpoch: 0 },
  );

test("segment: whole with its indexes: counted, nothing to report", async () => {
  writeSegment(directory, { base: 0, batches: 6, recordsInBatch: 3 });
  const report = await check({ isDeep: true, hasIndexes: true });
  expect(report).toMatchObject({ batches: 6, records: 18, nextOffset: 18, problems: [] });
});

test("segment: a bad last batch is set apart, one in the middle is a problem", async () => {
  const bad = batch(2);
  bad[bad.length - 1] = (bad.at(-1) ?? 0) ^ 1;
  write(batch(0), bad);
  expect(await check()).toMatchObject({ problems: [], tornOffset: 2 });
  write(batch(0), bad, batch(4));
  const report = await check();
  expect(report.tornBatch).toBeNull();
  expect(report.problems[0]?.detail).toContain("offset 2 does not match its checksum");
});

test("segment: a hole and a step back: only the hole can be compaction's", async () => {
  write(batch(0), batch(5));
  expect((await check()).problems[0]?.detail).toBe("batch begins at offset 5, expected 2");
  expect((await check({ mayHaveHoles: true })).problems).toEqual([]);
  write(batch(0), batch(1));
  expect((await check({ mayHaveHoles: true })).problems.length).toBe(1);
});

test("segment: a header that lies about its records under a right checksum: only deep sees it", async () => {
  const lying = batch(0);
  setMaxTimestamp(lying, 1);
  write(lying);
  expect((await check()).problems).toEqual([]);
  expect((await check({ isDeep: true })).problems[0]?.detail).toContain("the header says 1");
});

test("segment: thousands of bad batches: a bounded report", async () => {
  write(...Array.from({ length: 2_000 }, () => batch(7)));
  expect((await check()).problems.length).toBe(21);
});

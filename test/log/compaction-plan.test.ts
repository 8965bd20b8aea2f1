import { expect, test } from "vitest";
import { neverCompacted } from "../../src/log/compaction-file.ts";
import { CompactionPlanner } from "../../src/log/compaction-plan.ts";
import type { LogReader } from "../../src/log/log-reader.ts";
import type { LogState } from "../../src/log/log-state.ts";
import { Segment } from "../../src/log/segment.ts";
import { FakeClock } from "../support/fake-clock.ts";
import { FaultyDisk } from "../support/faulty-disk.ts";
import { logDirectory, smallConfig } from "../support/log-fixture.ts";

const compaction = { dirtyRatioMin: 0.5, minLagMs: 0, maxLagMs: Infinity, deleteRetentionMs: 1 };

// Sealed segments of 100 bytes that begin at these offsets, and an active one behind them.
function plannerOf(bases: readonly number[], lastStableOffset = 1000): CompactionPlanner {
  const all = bases.map((base) => new Segment(logDirectory, base));
  for (const segment of all) segment.sizeBytes = 100;
  const state = {
    segments: { all, first: all[0] },
    lastStableOffset,
    holds: new Map(),
    config: { ...smallConfig, compaction },
    options: { clock: new FakeClock(), disk: new FaultyDisk() },
  };
  const reader = { maxTimestampOf: () => Promise.resolve(0) };
  return new CompactionPlanner({
    state: state as unknown as LogState,
    reader: reader as unknown as LogReader,
  });
}

test("plan: sealed segments up to what is decided, from the log's first on", async () => {
  const range = await plannerOf([5, 10, 20, 30], 29).range(neverCompacted);
  expect(range?.segments.map(({ endOffset }) => endOffset)).toEqual([10, 20]);
  expect(range?.dirtyFrom).toBe(5);
  expect(await plannerOf([5]).range(neverCompacted)).toBeNull();
  expect(await plannerOf([5, 10], 9).range(neverCompacted)).toBeNull();
});

test("plan: due when more than the ratio is new, or when something kept for a time can go", async () => {
  const planner = plannerOf([0, 10, 20, 30, 40]);
  const need = async (cleanBelow: number, horizonMs = -1) =>
    (await planner.range({ holesBelow: 0, cleanBelow, horizonMs }))?.need;
  expect(await need(0)).toMatchObject({ dirtyRatio: 1, dirtyBytes: 400, isDue: true });
  expect(await need(10)).toMatchObject({ dirtyRatio: 0.75, isDue: true });
  expect(await need(20)).toMatchObject({ dirtyRatio: 0.5, isDue: false });
  // A segment that was compacted in part counts as new.
  expect(await need(15)).toMatchObject({ dirtyRatio: 0.75 });
  expect(await need(40)).toMatchObject({ dirtyBytes: 0, cleanBytes: 400, isDue: false });
  expect(await need(40, new FakeClock().nowMs())).toMatchObject({ isDue: true });
  expect(await need(40, new FakeClock().nowMs() + 1)).toMatchObject({ isDue: false });
});

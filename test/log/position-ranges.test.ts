import fc from "fast-check";
import { expect, test } from "vitest";
import { PositionRanges } from "../../src/log/position-ranges.ts";

test("position ranges: covers what was added, as a set of positions would say", () => {
  const range = fc.tuple(fc.nat(60), fc.nat(60)).map(([a, b]) => [Math.min(a, b), Math.max(a, b)]);
  fc.assert(
    fc.property(fc.array(range, { maxLength: 30 }), range, fc.nat(60), (added, asked, cut) => {
      const ranges = new PositionRanges();
      const known = new Set<number>();
      for (const [from = 0, to = 0] of added) {
        ranges.add(from, to);
        for (let at = from; at < to; at++) known.add(at);
      }
      const [from = 0, to = 0] = asked;
      const isCovered = (end: number): boolean => {
        for (let at = from; at < to; at++) if (!known.has(at) || at >= end) return false;
        return true;
      };
      if (from < to) expect(ranges.covers(from, to)).toBe(isCovered(61));
      ranges.cutAt(cut);
      if (from < to) expect(ranges.covers(from, to)).toBe(isCovered(cut));
    }),
    { seed: 3, numRuns: 300 },
  );
});

test("position ranges: too many ranges are forgotten, never invented", () => {
  const ranges = new PositionRanges();
  for (let at = 0; at < 1000; at += 2) ranges.add(at, at + 1);
  expect(ranges.covers(0, 1)).toBe(false);
  expect(ranges.covers(998, 999)).toBe(true);
  expect(ranges.covers(997, 999)).toBe(false);
});

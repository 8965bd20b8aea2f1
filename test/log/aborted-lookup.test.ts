import { expect, test } from "vitest";
import { abortedWithin } from "../../src/log/aborted-lookup.ts";
import { Segment } from "../../src/log/segment.ts";
import type { AbortedSpan } from "../../src/log/transaction-spans.ts";

const span = (producerId: number, offsets: readonly [number, number, number]): AbortedSpan => ({
  producerId,
  firstOffset: offsets[0],
  lastOffset: offsets[1],
  lastStableOffset: offsets[2],
});

const first = [span(1, [5, 8, 2]), span(2, [2, 9, 10])];
const second = [span(3, [12, 22, 16]), span(4, [16, 25, 26])];

function segmentsOf(...all: readonly (readonly AbortedSpan[] | null)[]): readonly Segment[] {
  return all.map((spans, index) => {
    const segment = new Segment("/d", index * 20);
    segment.aborted = spans === null ? null : [...spans];
    return segment;
  });
}

const none = (): Promise<never> => Promise.reject(new Error("nothing is to be loaded"));
const idsOf = (spans: readonly AbortedSpan[]): readonly number[] =>
  spans.map(({ producerId }) => producerId);

test("aborted lookup: those that touch the range, by first offset", async () => {
  const segments = segmentsOf(first, second);
  expect(idsOf(await abortedWithin(segments, { from: 0, to: 10 }, none))).toEqual([2, 1]);
  expect(idsOf(await abortedWithin(segments, { from: 9, to: 10 }, none))).toEqual([2]);
  expect(idsOf(await abortedWithin(segments, { from: 0, to: 2 }, none))).toEqual([]);
  expect(idsOf(await abortedWithin(segments, { from: 10, to: 14 }, none))).toEqual([3]);
  expect(idsOf(await abortedWithin(segments, { from: 10, to: 26 }, none))).toEqual([3, 4]);
});

test("aborted lookup: later segments are loaded only where they can matter", async () => {
  const segments = segmentsOf(first, null);
  const loaded: number[] = [];
  const load = (segment: Segment): Promise<readonly AbortedSpan[]> => {
    loaded.push(segment.baseOffset);
    return Promise.resolve(second);
  };
  expect(idsOf(await abortedWithin(segments, { from: 0, to: 10 }, load))).toEqual([2, 1]);
  expect(loaded).toEqual([]);
  expect(idsOf(await abortedWithin(segments, { from: 9, to: 13 }, load))).toEqual([2, 3]);
  expect(loaded).toEqual([20]);
});

import { expect, test } from "vitest";
import { TransactionSpans } from "../../src/log/transaction-spans.ts";

test("transaction spans: decided once the marker lies below the high watermark", () => {
  const spans = new TransactionSpans();
  expect(spans.firstOffset).toBe(Number.POSITIVE_INFINITY);
  spans.open(1, 10);
  spans.open(2, 12);
  spans.end(10, 15, false);
  expect(spans.retireBelow(15)).toEqual([]);
  expect(spans.firstOffset).toBe(10);
  expect(spans.retireBelow(16)).toEqual([
    { producerId: 1, firstOffset: 10, lastOffset: 15, lastStableOffset: 12 },
  ]);
  expect(spans.firstOffset).toBe(12);
  spans.end(12, 17, true);
  expect(spans.retireBelow(18)).toEqual([]);
  expect(spans.firstOffset).toBe(Number.POSITIVE_INFINITY);
});

test("transaction spans: aborted ones come in the order of their markers", () => {
  const spans = new TransactionSpans();
  spans.open(1, 1);
  spans.open(2, 2);
  spans.end(2, 5, false);
  spans.end(1, 6, false);
  const ends = spans
    .retireBelow(9)
    .map(({ lastOffset, lastStableOffset }) => [lastOffset, lastStableOffset]);
  expect(ends).toEqual([
    [5, 1],
    [6, 7],
  ]);
});

test("transaction spans: what came last is taken back first", () => {
  const spans = new TransactionSpans();
  spans.open(1, 1);
  spans.end(1, 3, false);
  spans.open(1, 4);
  spans.undoOpen(4);
  spans.undoEnd(1);
  expect(spans.retireBelow(100)).toEqual([]);
  expect(spans.firstOffset).toBe(1);
  expect(() => spans.open(2, 1)).toThrowError(/in order/);
  expect(() => spans.undoOpen(9)).toThrowError(/first/);
});

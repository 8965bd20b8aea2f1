import { expect, test } from "vitest";
import {
  baseOffsetOfDerivedName,
  baseOffsetOfName,
  Segment,
  SegmentList,
  segmentName,
} from "../../src/log/segment.ts";

const segmentsAt = (...bases: readonly number[]): Segment[] =>
  bases.map((base) => new Segment("/d", base));

test("segment: names have 20 digits, and only exact names are segments", () => {
  expect(segmentName(42)).toBe("00000000000000000042");
  expect(new Segment("/d", 7).logPath).toBe("/d/00000000000000000007.log");
  expect(baseOffsetOfName("00000000000000000042.log")).toBe(42);
  for (const name of [
    "42.log",
    "00000000000000000042.log.tmp",
    "x00000000000000000042.log",
    "00000000000000000042.index",
    "99999999999999999999.log",
    "00000000000000000042.log\n",
  ]) {
    expect(baseOffsetOfName(name), name).toBeNull();
  }
  expect(baseOffsetOfDerivedName("00000000000000000042.timeindex")).toBe(42);
  expect(baseOffsetOfDerivedName("00000000000000000042.log")).toBeNull();
});

test("segment list: floor is the segment that holds an offset", () => {
  const list = new SegmentList(segmentsAt(10, 20, 30));
  expect([5, 10, 19, 20, 29, 30, 99].map((offset) => list.floor(offset).baseOffset)).toEqual([
    10, 10, 10, 20, 20, 30, 30,
  ]);
  expect(list.after(list.first)?.baseOffset).toBe(20);
  expect(list.after(list.last)).toBeNull();
});

test("segment list: only whole sealed segments below an offset go, and say that they are gone", () => {
  const list = new SegmentList(segmentsAt(10, 20, 30));
  expect(list.removeBelow(19)).toEqual([]);
  const [first] = list.removeBelow(20);
  expect(first?.baseOffset).toBe(10);
  expect(first?.isRemoved).toBe(true);
  expect(list.after(first ?? list.last)).toBeNull();
  expect(list.removeBelow(1000).map(({ baseOffset }) => baseOffset)).toEqual([20]);
  expect(list.count).toBe(1);
  list.append(new Segment("/d", 40));
  expect(list.last.baseOffset).toBe(40);
  expect(() => list.append(new Segment("/d", 40))).toThrowError(/ascend/);
});

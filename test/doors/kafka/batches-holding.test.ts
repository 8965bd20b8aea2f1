import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { viewOf } from "../../../src/base/bytes.ts";
import { batchesHolding, spannedBatches } from "../../../src/doors/kafka/batches-holding.ts";
import { setBaseOffset } from "../../../src/record/batch-header.ts";
import { batchOf, recordsOf } from "../../support/batches.ts";

/** A batch of so many records from an offset on; values are the offsets. */
function batchAt(offset: number, count: number): Uint8Array {
  const values = Array.from({ length: count }, (_, index) => ({ value: String(offset + index) }));
  const batch = batchOf(values);
  setBaseOffset(viewOf(batch), 0, offset);
  return batch;
}

const range = (firstOffset: number, lastOffset: number) => ({ firstOffset, lastOffset });

function held(sources: readonly Uint8Array[], ...ranges: ReturnType<typeof range>[]) {
  const bytes = batchesHolding(spannedBatches(sources), ranges);
  return recordsOf(bytes).map(({ offset }) => offset);
}

describe("batches", () => {
  test("by offset, whatever order they were read in, each once", () => {
    const [one, two, three] = [batchAt(0, 2), batchAt(2, 3), batchAt(9, 1)];
    const found = spannedBatches([three, Buffer.concat([one, two]), two]);
    expect(found.map((each) => [each.firstOffset, each.lastOffset])).toEqual([
      [0, 1],
      [2, 4],
      [9, 9],
    ]);
  });

  test("what is not whole at the end is left out", () => {
    const [one, two] = [batchAt(0, 2), batchAt(2, 3)];
    for (const cut of [1, 60, 61, two.length - 1]) {
      expect(spannedBatches([Buffer.concat([one, two.subarray(0, cut)])])).toHaveLength(1);
    }
    expect(spannedBatches([new Uint8Array(200)])).toEqual([]);
  });
});

describe("chosen", () => {
  // In memory of its own.
  const source = Uint8Array.from(
    Buffer.concat([batchAt(0, 2), batchAt(2, 3), batchAt(5, 1), batchAt(9, 2)]),
  );

  test("those with a record of a range, from the first to the last", () => {
    expect(held([source], range(0, 0))).toEqual([0, 1]);
    expect(held([source], range(1, 2))).toEqual([0, 1, 2, 3, 4]);
    expect(held([source], range(1, 1), range(5, 5), range(10, 12))).toEqual([0, 1, 5, 9, 10]);
    // Where compaction left nothing there is nothing.
    expect(held([source], range(6, 8))).toEqual([]);
    expect(held([source])).toEqual([]);
  });

  test("neighbours in memory are not copied", () => {
    const all = batchesHolding(spannedBatches([source]), [range(0, 10)]);
    expect([all.buffer, all.byteOffset, all.length]).toEqual([
      source.buffer,
      source.byteOffset,
      source.length,
    ]);
    const parts = batchesHolding(spannedBatches([source]), [range(0, 0), range(9, 9)]);
    expect(parts.buffer).not.toBe(source.buffer);
  });

  test("every offset of the ranges that is stored is there, and no batch for nothing", () => {
    const sizes = fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 1, maxLength: 6 });
    const cuts = fc.uniqueArray(fc.integer({ min: 0, max: 25 }), { maxLength: 8 });
    fc.assert(
      fc.property(sizes, cuts, (counts, points) => {
        let at = 0;
        const batches = counts.map((count) => {
          const batch = batchAt(at, count);
          at += count;
          return batch;
        });
        const wanted = points.toSorted((one, other) => one - other);
        const found = held(batches, ...wanted.map((offset) => range(offset, offset)));
        let start = 0;
        const expected = counts.flatMap((count) => {
          const all = Array.from({ length: count }, (_, index) => start + index);
          start += count;
          return all.some((offset) => wanted.includes(offset)) ? all : [];
        });
        expect(found).toEqual(expected);
      }),
    );
  });
});

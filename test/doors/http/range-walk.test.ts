import fc from "fast-check";
import { expect, test } from "vitest";
import { LoopShare } from "../../../src/base/loop-share.ts";
import { walkRanges } from "../../../src/doors/http/range-walk.ts";
import type { ReceivedRange } from "../../../src/services.ts";
import { batchOf } from "../../support/batches.ts";
import { FakeClock } from "../../support/fake-clock.ts";

const share = new LoopShare(new FakeClock());

// Batches of the given sizes, back to back; the value of each record is its offset.
function batchesOf(sizes: readonly number[]): Buffer {
  let offset = 0;
  const batches = sizes.map((size, index) => {
    const records = Array.from({ length: size }, (_, at) => ({ value: String(offset + at) }));
    const batch = batchOf(records, {
      baseOffset: offset,
      codec: index % 2 === 0 ? "none" : "gzip",
    });
    offset += size;
    return batch;
  });
  return Buffer.concat(batches);
}

function range(batches: Uint8Array, firstOffset: number, lastOffset: number): ReceivedRange {
  return { topic: "t", partition: 0, firstOffset, lastOffset, deliveries: 1, epoch: 0, batches };
}

async function walked(ranges: readonly ReceivedRange[]): Promise<readonly string[]> {
  const seen: string[] = [];
  await walkRanges(ranges, share, ({ bytes, offset, valueStart, valueEnd }, { firstOffset }) => {
    const value = Buffer.from(bytes.subarray(valueStart, valueEnd)).toString();
    seen.push(`${firstOffset}: ${offset}=${value}`);
  });
  return seen;
}

test("property: every record of every range, in their order, whatever the batches", async () => {
  const spans = fc.array(fc.tuple(fc.nat(19), fc.nat(4)), { maxLength: 8 });
  await fc.assert(
    fc.asyncProperty(spans, fc.array(fc.boolean(), { minLength: 8 }), async (pairs, isOther) => {
      const shared = batchesOf([7, 1, 8, 4]);
      const other = batchesOf([20]);
      const ranges = pairs.map(([first, length], index) =>
        range(isOther[index] ? other : shared, first, Math.min(19, first + length)),
      );
      const expected = ranges.flatMap(({ firstOffset, lastOffset }) =>
        Array.from({ length: lastOffset - firstOffset + 1 }, (_, at) => {
          return `${firstOffset}: ${firstOffset + at}=${firstOffset + at}`;
        }),
      );
      expect(await walked(ranges)).toEqual(expected);
    }),
  );
});

test("offsets that are not there are passed over, also where the next range begins at one", async () => {
  const batches = Buffer.concat([
    batchOf([{ value: "0" }, { value: "1" }], { baseOffset: 0 }),
    batchOf([{ value: "5" }, { value: "6" }], { baseOffset: 5 }),
  ]);
  const ranges = [range(batches, 1, 2), range(batches, 3, 5), range(batches, 6, 9)];
  expect(await walked(ranges)).toEqual(["1: 1=1", "3: 5=5", "6: 6=6"]);
});

test("bytes that cannot be read: KAFKA_STORAGE_ERROR", async () => {
  const batch = Buffer.from(batchesOf([3]));
  batch.fill(0xff, 61);
  await expect(walked([range(batch, 0, 2)])).rejects.toMatchObject({ code: "KAFKA_STORAGE_ERROR" });
});

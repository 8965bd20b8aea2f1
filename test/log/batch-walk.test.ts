import { expect, test } from "vitest";
import { viewOf } from "../../src/base/bytes.ts";
import { BatchWalk, type WalkRange, type WalkStep } from "../../src/log/batch-walk.ts";
import { batchOf } from "../support/batches.ts";

const sizes: number[] = [];
const stored = Buffer.concat(
  [3, 1, 2, 1].map((count, index) => {
    const values = Array.from({ length: count }, () => ({ value: "x".repeat(index * 40) }));
    const baseOffset = [10, 13, 14, 16][index] ?? 0;
    const batch = batchOf(values, { baseOffset, leaderEpoch: 0 });
    sizes.push(batch.length);
    return batch;
  }),
);

const whole: WalkRange = {
  position: 0,
  end: stored.length,
  expectedOffset: 10,
  isExact: true,
  isWhole: true,
  batchBytesMax: 10_000,
  pieceBytes: 100,
  isHot: false,
};

async function walked(bytes: Uint8Array, range: Partial<WalkRange> = {}) {
  const loads: number[] = [];
  const source = {
    bytes: async (position: number, length: number) => {
      loads.push(length);
      return bytes.subarray(position, position + length);
    },
  };
  const walk = new BatchWalk(source, { ...whole, end: bytes.length, ...range });
  const nextOffsets: number[] = [];
  let step: WalkStep = walk.step();
  for (; step === "batch" || step === "load"; step = walk.step()) {
    if (step === "load") await walk.load();
    else nextOffsets.push(walk.nextOffset);
    if (step === "batch" && walk.isChecksumGood() === false && range.isWhole !== false) break;
  }
  return { walk, step, nextOffsets, loads };
}

test("batch walk: every batch in order, whole or by headers, in pieces of any size", async () => {
  for (const isWhole of [true, false]) {
    for (const pieceBytes of [1, 61, 100, 10_000]) {
      const { step, nextOffsets } = await walked(stored, { isWhole, pieceBytes });
      expect(step).toBe("end");
      expect(nextOffsets).toEqual([13, 14, 16, 17]);
    }
  }
});

test("batch walk: stops at each kind of damage where it is, and fetches no more than is there", async () => {
  const damaged = (change: (view: DataView) => void): Uint8Array => {
    const copy = Uint8Array.from(stored);
    change(viewOf(copy));
    return copy;
  };
  const [first = 0, second = 0] = sizes;
  const cases: [Uint8Array, string, number][] = [
    [damaged((view) => view.setInt32(first + 8, 2 ** 31 - 1)), "length", 1],
    [damaged((view) => view.setInt32(first + 8, -12)), "length", 1],
    [damaged((view) => view.setInt8(first + 16, 3)), "format", 1],
    [damaged((view) => view.setInt32(first + 4, 14)), "offset", 1],
    [damaged((view) => view.setInt32(first + second, 1)), "offset", 2],
    [stored.subarray(0, first + 30), "length", 1],
  ];
  for (const [bytes, damage, count] of cases) {
    const { walk, step, nextOffsets, loads } = await walked(bytes);
    expect([step, walk.damage, nextOffsets.length]).toEqual(["damage", damage, count]);
    expect(walk.position).toBe(count === 1 ? first : first + second);
    for (const length of loads) expect(length).toBeLessThanOrEqual(bytes.length);
  }
});

test("batch walk: holes are damage where the chain is exact, else only a step back is", async () => {
  const holed = Uint8Array.from(stored);
  viewOf(holed).setInt32(4, 9);
  expect((await walked(holed)).walk.damage).toBe("offset");
  expect((await walked(holed, { isExact: false })).walk.damage).toBe("offset");
  expect((await walked(holed, { isExact: false, expectedOffset: 9 })).step).toBe("end");
  expect((await walked(stored, { expectedOffset: 5 })).walk.damage).toBe("offset");
  expect((await walked(stored, { isExact: false, expectedOffset: 5 })).step).toBe("end");
});

test("batch walk: a batch that says it is larger than any can be is damage", async () => {
  const { walk, nextOffsets } = await walked(stored, { batchBytesMax: sizes[1] ?? 0 });
  expect(walk.damage).toBe("length");
  expect(nextOffsets.length).toBeLessThan(3);
});

test("batch walk: skips only to a batch that is in sight and ends as expected", async () => {
  const source = {
    bytes: async (from: number, size: number) => stored.subarray(from, from + size),
  };
  const walk = new BatchWalk(source, { ...whole, isExact: false, pieceBytes: stored.length - 30 });
  expect(walk.skipTo(sizes[0] ?? 0, 13)).toBe(false);
  await walk.load();
  expect(walk.step()).toBe("batch");
  const third = (sizes[0] ?? 0) + (sizes[1] ?? 0);
  expect(walk.skipTo(third, 14)).toBe(false);
  expect(walk.skipTo(third + (sizes[2] ?? 0), 16)).toBe(true);
  expect(walk.nextOffset).toBe(16);
  const back = new BatchWalk(source, { ...whole, isExact: false });
  await back.load();
  expect(back.skipTo(stored.length - 20, 16)).toBe(false);
});

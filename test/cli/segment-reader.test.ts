import { appendFileSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { SegmentReader } from "../../src/cli/segment-reader.ts";
import { batchOf, recordsOf } from "../support/batches.ts";

let directory: string;
let file: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "varve-reader-"));
  file = join(directory, "00000000000000000000.log");
});

afterEach(() => rmSync(directory, { recursive: true }));

async function readAll() {
  const reader = await SegmentReader.open(file);
  const offsets: number[] = [];
  const values: (string | null)[] = [];
  for (let batch = await reader.next(); batch !== null; batch = await reader.next()) {
    expect(batch.isCrcGood).toBe(true);
    offsets.push(batch.baseOffset, batch.lastOffset);
    values.push(...recordsOf(batch.bytes).map(({ value }) => value));
  }
  const { end } = reader;
  await reader.close();
  return { offsets, values, end };
}

test("segment reader: batches smaller and larger than a piece: each whole, in order", async () => {
  const sizes = [10, 700_000, 500_000, 3_000_000, 10];
  const batches = sizes.map((size, index) =>
    batchOf([{ value: String(index).repeat(size) }, { value: "second" }], {
      baseOffset: index * 2,
    }),
  );
  writeFileSync(file, Buffer.concat(batches));
  const { offsets, values, end } = await readAll();
  expect(offsets).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  expect(values.map((value) => value?.length)).toEqual([
    10, 6, 700_000, 6, 500_000, 6, 3_000_000, 6, 10, 6,
  ]);
  expect(end).toMatchObject({ kind: "end", leftBytes: 0 });
});

test("segment reader: an empty file: the end at once", async () => {
  writeFileSync(file, "");
  expect(await readAll()).toMatchObject({ offsets: [], end: { kind: "end", position: 0 } });
});

test("segment reader: every way to cut a batch short: what is before it is read, then `cut`", async () => {
  const whole = batchOf([{ value: "a" }]);
  for (let length = 1; length < whole.length; length++) {
    writeFileSync(file, Buffer.concat([whole, whole.subarray(0, length)]));
    const { offsets, end } = await readAll();
    expect(offsets.length).toBe(2);
    expect(end).toMatchObject({ kind: "cut", position: whole.length, leftBytes: length });
  }
});

test("segment reader: a file that grows meanwhile: only what was there at the opening", async () => {
  writeFileSync(file, batchOf([{ value: "a" }]));
  const reader = await SegmentReader.open(file);
  appendFileSync(file, batchOf([{ value: "b" }], { baseOffset: 1 }));
  expect((await reader.next())?.baseOffset).toBe(0);
  expect(await reader.next()).toBeNull();
  expect(reader.end?.kind).toBe("end");
  await reader.close();
});

import { expect, test } from "vitest";
import type { LogOptions } from "../../src/log/log-options.ts";
import { SegmentCopy } from "../../src/log/segment-copy.ts";
import { cleanedPath } from "../../src/log/segment-swap.ts";
import { batchOf } from "../support/batches.ts";
import { FaultyDisk } from "../support/faulty-disk.ts";
import { KeptLogger, logDirectory } from "../support/log-fixture.ts";

const path = cleanedPath(logDirectory, 10);
const batch = (baseOffset: number): Uint8Array =>
  batchOf([{ key: "k", value: "v", timestampMs: baseOffset }], { baseOffset, leaderEpoch: 0 });

async function open(): Promise<{ disk: FaultyDisk; copy: SegmentCopy }> {
  const disk = new FaultyDisk();
  disk.setContents(path, new Uint8Array(5000));
  const options = { disk, directory: logDirectory, logger: new KeptLogger() };
  const copy = await SegmentCopy.open(options as Partial<LogOptions> as LogOptions, 10, 100);
  return { disk, copy };
}

test("segment copy: batches as they came, durable, with their indexes", async () => {
  const { disk, copy } = await open();
  for (const offset of [12, 15, 29]) await copy.add(batch(offset));
  await copy.finish(30);
  const whole = Buffer.concat([batch(12), batch(15), batch(29)]);
  expect(Buffer.from(disk.contents(path) ?? [])).toEqual(whole);
  expect(copy.sizeBytes).toBe(whole.length);
  expect(disk.isDurable(path)).toBe(true);
  expect(disk.openFiles).toBe(0);
  expect(copy.indexes.maxTimestampMs).toBe(29);
  expect(copy.indexes.offsets.count).toBe(1);
});

test("segment copy: ends where the next segment begins, though the last batch was left out", async () => {
  const { disk, copy } = await open();
  copy.pass(batch(10));
  await copy.add(batch(12));
  copy.pass(batch(29));
  await copy.finish(30);
  const bytes = disk.contents(path) ?? new Uint8Array(0);
  expect(bytes.length).toBe(batch(12).length + 61);
});

test("segment copy: given up, nothing of it is left", async () => {
  const { disk, copy } = await open();
  await copy.add(batch(12));
  await copy.discard();
  expect(disk.paths()).toEqual([]);
  expect(disk.openFiles).toBe(0);
});

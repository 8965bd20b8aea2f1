import { expect, test } from "vitest";
import { seededRandom } from "../../src/base/random.ts";
import { silentObserver } from "../../src/log/log-options.ts";
import { redo, writeAgain } from "../../src/log/log-redo.ts";
import { Segment } from "../../src/log/segment.ts";
import { batchOf } from "../support/batches.ts";
import { FaultyDisk } from "../support/faulty-disk.ts";
import { LogFixture, logDirectory, smallConfig, smallLimits } from "../support/log-fixture.ts";

const segment = new Segment(logDirectory, 0);
const batches = [0, 1].map((baseOffset) =>
  batchOf([{ value: `value ${baseOffset}` }], { baseOffset, leaderEpoch: 0 }),
);
const bytes = Buffer.concat(batches);
const firstBytes = batches[0]?.length ?? 0;
const redoPath = `${logDirectory}/00000000000000000000-1-${firstBytes}.redo`;

function optionsOf(disk: FaultyDisk) {
  const { clock, logger, files } = new LogFixture({ disk });
  return {
    directory: logDirectory,
    disk,
    clock,
    logger,
    files,
    random: seededRandom(1),
    config: smallConfig,
    limits: smallLimits,
    checkpoint: null,
    createIfMissing: false,
    persistCheckpoint: () => Promise.resolve(),
    observer: silentObserver,
  };
}

test("redo: what may not be durable is written over itself and synced, and no copy stays", async () => {
  const disk = new FaultyDisk();
  disk.setContents(segment.logPath, bytes);
  const file = await disk.open(segment.logPath, "write");
  const from = { offset: 1, position: firstBytes };
  const end = { offset: 2, position: bytes.length };
  await writeAgain(optionsOf(disk), { segment, file, from, end });
  const steps = disk.operations.map(({ kind, path }) => `${kind} ${path.slice(-4)}`);
  expect(steps.lastIndexOf("sync redo")).toBeLessThan(steps.lastIndexOf("write .log"));
  expect(steps.lastIndexOf("write .log")).toBeLessThan(steps.lastIndexOf("sync .log"));
  expect(disk.paths()).toEqual([segment.logPath]);
  expect(Buffer.from(disk.contents(segment.logPath) ?? "")).toEqual(bytes);
});

test("redo: a whole copy is put back, one that was cut short is of no use", async () => {
  for (const isWhole of [true, false]) {
    const disk = new FaultyDisk();
    const spoilt = Buffer.concat([
      bytes.subarray(0, firstBytes),
      Buffer.alloc(bytes.length - firstBytes),
    ]);
    disk.setContents(segment.logPath, spoilt);
    disk.setContents(redoPath, bytes.subarray(firstBytes, bytes.length - (isWhole ? 0 : 1)));
    const from = { offset: 1, position: firstBytes };
    await redo(optionsOf(disk), { path: redoPath, baseOffset: 0, from }, [segment]);
    expect(Buffer.from(disk.contents(segment.logPath) ?? "")).toEqual(isWhole ? bytes : spoilt);
    expect(disk.contents(redoPath)).toBeNull();
  }
});

test("redo: a copy whose name or bytes a dead process left unsynced, and the power fails in the middle", async () => {
  const from = { offset: 1, position: firstBytes };
  const copied = bytes.subarray(firstBytes);
  for (const isSynced of [true, false]) {
    for (let seed = 0; seed < 600; seed++) {
      const random = seededRandom(seed);
      const before = new FaultyDisk();
      before.setContents(segment.logPath, bytes);
      const copy = await before.open(redoPath, "write");
      await copy.write([copied], 0);
      if (isSynced) await copy.sync();
      const disk = before.kill();
      disk.plan({ nth: 1 + (seed % 15), effect: "halt-before" });
      const file = { path: redoPath, baseOffset: 0, from };
      await redo(optionsOf(disk), file, [segment]).catch(() => undefined);
      const left = disk.crash(random, "garbage");
      if (left.paths().includes(redoPath)) await redo(optionsOf(left), file, [segment]);
      expect(Buffer.from(left.contents(segment.logPath) ?? "")).toEqual(bytes);
    }
  }
});

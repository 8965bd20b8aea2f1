import { describe, expect, test } from "vitest";
import { seededRandom } from "../../src/base/random.ts";
import {
  cleanedPath,
  commitSwap,
  finishSwap,
  finishSwaps,
  isCleanedName,
  swapPath,
  swapRangeOfName,
} from "../../src/log/segment-swap.ts";
import { batchOf } from "../support/batches.ts";
import { FaultyDisk } from "../support/faulty-disk.ts";
import { KeptLogger, logDirectory, smallLimits } from "../support/log-fixture.ts";
import type { LogOptions } from "../../src/log/log-options.ts";

const range = { baseOffset: 10, endOffset: 30 };
const name = (offset: number, ending: string): string =>
  `${logDirectory}/${String(offset).padStart(20, "0")}.${ending}`;
const compacted = Buffer.concat([
  batchOf([{ value: "a" }], { baseOffset: 12, leaderEpoch: 0 }),
  batchOf([{ value: "b" }], { baseOffset: 29, leaderEpoch: 0 }),
]);

function diskBefore(): FaultyDisk {
  const disk = new FaultyDisk();
  for (const base of [0, 10, 20, 30]) {
    for (const ending of ["log", "index", "timeindex", "txnindex", "snapshot"]) {
      disk.setContents(name(base, ending), Buffer.from(`${base} ${ending}`));
    }
  }
  disk.setContents(cleanedPath(logDirectory, 10), compacted);
  return disk;
}

function optionsOf(disk: FaultyDisk): LogOptions {
  const parts = { disk, directory: logDirectory, limits: smallLimits, logger: new KeptLogger() };
  return parts as Partial<LogOptions> as LogOptions;
}

const after = [
  name(0, "index"),
  name(0, "log"),
  name(0, "snapshot"),
  name(0, "timeindex"),
  name(0, "txnindex"),
  name(10, "log"),
  name(30, "index"),
  name(30, "log"),
  name(30, "snapshot"),
  name(30, "timeindex"),
  name(30, "txnindex"),
];

describe("segment swap: names", () => {
  test("tell the range, and nothing else does", () => {
    const path = swapPath(logDirectory, range);
    expect(swapRangeOfName(path.slice(logDirectory.length + 1))).toEqual(range);
    const others = ["00000000000000000010.log", "00000000000000000010-30.swap.deleted"];
    for (const other of [...others, "00000000000000000030-30.swap", "10-30.swap"]) {
      expect(swapRangeOfName(other)).toBeNull();
    }
    expect(isCleanedName("00000000000000000010.log.cleaned")).toBe(true);
    expect(isCleanedName("00000000000000000010.log")).toBe(false);
  });
});

describe("segment swap: files", () => {
  test("the new segment stands for all of its range; neighbours are left alone", async () => {
    const disk = diskBefore();
    await commitSwap(disk, logDirectory, range);
    await finishSwap(disk, logDirectory, range);
    expect(disk.paths()).toEqual(after);
    expect(Buffer.from(disk.contents(name(10, "log")) ?? [])).toEqual(compacted);
    expect(disk.areNamesDurable).toBe(true);
  });

  test("the power is cut at every call: all of the old ones, or in the end the new one", async () => {
    const whole = diskBefore();
    const first = whole.operationCount;
    await commitSwap(whole, logDirectory, range);
    await finishSwap(whole, logDirectory, range);
    for (let nth = first + 1; nth <= whole.operationCount + 1; nth++) {
      for (let seed = 0; seed < 12; seed++) {
        let disk = diskBefore();
        disk.plan({ nth, effect: seed % 2 === 0 ? "halt-before" : "halt-after" });
        const swap = async (): Promise<void> => {
          await commitSwap(disk, logDirectory, range);
          await finishSwap(disk, logDirectory, range);
        };
        await swap().catch(() => undefined);
        const random = seededRandom(seed * 1000 + nth);
        disk = seed % 4 === 3 ? disk.kill() : disk.crash(random);
        await finishSwaps(optionsOf(disk), await disk.list(logDirectory));
        const isNew = Buffer.from(disk.contents(name(10, "log")) ?? []).equals(compacted);
        const before = diskBefore().paths();
        if (isNew) expect(disk.paths()).toEqual(after);
        else expect(disk.paths()).toEqual(before);
      }
    }
  });

  test("a damaged one is not put in place: nothing is removed, and the log is not opened", async () => {
    for (const bytes of [compacted.subarray(0, 70), Buffer.concat([compacted, compacted])]) {
      const disk = diskBefore();
      await commitSwap(disk, logDirectory, range);
      disk.setContents(swapPath(logDirectory, range), bytes);
      const before = disk.paths();
      const finished = finishSwaps(optionsOf(disk), await disk.list(logDirectory));
      await expect(finished).rejects.toMatchObject({ code: "KAFKA_STORAGE_ERROR" });
      expect(disk.paths()).toEqual(before);
    }
  });
});

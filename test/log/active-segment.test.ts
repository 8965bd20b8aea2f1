import { expect, test } from "vitest";
import { FaultyDisk } from "../support/faulty-disk.ts";
import { batchOfSize, LogFixture } from "../support/log-fixture.ts";

function reservesOf(disk: FaultyDisk): number {
  return disk.operations.filter(({ kind }) => kind === "reserve").length;
}

test("active segment: blocks are reserved ahead in steps that double, never past the segment", async () => {
  const disk = new FaultyDisk();
  const segmentBytes = 5 << 20;
  const limits = { groupBytesMax: 1 << 20, unsyncedBytesMax: 4 << 20, queuedBytesMax: 4 << 20 };
  const fixture = new LogFixture({ disk, config: { segmentBytes }, limits });
  const log = await fixture.open();
  const used: number[] = [];
  for (let index = 0; index < 5; index++) {
    await log.append([batchOfSize(1_000_000)]).durable;
    used.push(disk.usedBytes >> 20);
  }
  expect(used).toEqual([1, 2, 2, 5, 5]);
  expect(reservesOf(disk)).toBe(3);
});

test("active segment: a clean start opens the file only when something is appended", async () => {
  const fixture = new LogFixture({ disk: new FaultyDisk() });
  const log = await fixture.open();
  await log.append([batchOfSize(100)]).durable;
  await fixture.closeClean();
  const disk = (fixture.disk as FaultyDisk).kill();
  const again = new LogFixture({ disk });
  await again.open();
  expect(disk.openFiles).toBe(0);
  await again.log.append([batchOfSize(100)]).durable;
  expect(disk.openFiles).toBe(1);
});

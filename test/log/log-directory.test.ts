import { expect, test } from "vitest";
import { quarantinePath, redoPath } from "../../src/log/log-directory.ts";
import { Segment } from "../../src/log/segment.ts";
import { FaultyDisk } from "../support/faulty-disk.ts";
import { batchOfSize, LogFixture, logDirectory } from "../support/log-fixture.ts";

const segment = new Segment(logDirectory, 7);

test("log directory: names of cuts and copies tell where their bytes belong", () => {
  expect(redoPath("/d", segment, { offset: 9, position: 300 })).toBe(
    "/d/00000000000000000007-9-300.redo",
  );
  expect(quarantinePath("/d", segment, { position: 300, nowMs: 5 })).toBe(
    "/d/quarantine/00000000000000000007-300-5.tail",
  );
});

test("log directory: remains go, names that are not ours stay untouched", async () => {
  const disk = new FaultyDisk();
  const fixture = new LogFixture({ disk });
  const log = await fixture.open();
  await log.append([batchOfSize(100)]).durable;
  await fixture.closeClean();
  const remains = [
    "00000000000000000003.index",
    "00000000000000000003.txnindex",
    "00000000000000000000.log.deleted",
    "00000000000000000000.txnindex.deleted",
    "00000000000000000000.snapshot.tmp",
  ];
  const foreign = [
    "leader-epoch-checkpoint",
    "partition.metadata",
    "00000000000000000005.log.swap",
    "note.deleted",
    "5.log",
  ];
  // The only snapshot there is, of batches that are gone: it is emptied, and its name tells that there were producers.
  const stray = "00000000000000000009.snapshot";
  for (const name of [...remains, ...foreign, stray]) {
    disk.setContents(`${logDirectory}/${name}`, Buffer.from("?"));
  }
  await fixture.open();
  expect(fixture.log.segmentCount()).toBe(1);
  for (const name of remains) expect(disk.contents(`${logDirectory}/${name}`), name).toBeNull();
  expect(disk.contents(`${logDirectory}/${stray}`)).toHaveLength(0);
  for (const name of foreign) expect(disk.contents(`${logDirectory}/${name}`), name).not.toBeNull();
});

test("log directory: a new log is durable, names of all parents included, before it is open", async () => {
  const disk = new FaultyDisk();
  await new LogFixture({ disk }).open();
  expect(disk.areNamesDurable).toBe(true);
});

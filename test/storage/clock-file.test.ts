import { expect, test } from "vitest";
import { readClockFile, writeClockFile } from "../../src/storage/clock-file.ts";
import { FaultyDisk } from "../support/faulty-disk.ts";

test("what was written is read; the last one", async () => {
  const disk = new FaultyDisk();
  await disk.makeDirectory("/data");
  expect(await readClockFile(disk, "/data")).toBeNull();
  await writeClockFile(disk, "/data", 1_700_000_000_000);
  await writeClockFile(disk, "/data", 1_700_000_000_001);
  expect(await readClockFile(disk, "/data")).toBe(1_700_000_000_001);
  expect(disk.isDurable("/data/clock")).toBe(true);
});

test.each([
  "",
  "varve-clock 1 17",
  "varve-clock 2 17\n",
  "varve-clock 1 -5\n",
  "varve-clock 1 x\n",
])("damaged: as if it were not there (%j)", async (text) => {
  const disk = new FaultyDisk();
  disk.setContents("/data/clock", Buffer.from(text));
  expect(await readClockFile(disk, "/data")).toBeNull();
});

test("a disk that refuses to read: as if it were not there", async () => {
  const disk = new FaultyDisk();
  disk.setContents("/data/clock", Buffer.from("varve-clock 1 17\n"));
  disk.plan({ kind: "open", effect: "fail" });
  expect(await readClockFile(disk, "/data")).toBeNull();
});

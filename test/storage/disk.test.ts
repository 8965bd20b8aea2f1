import { expect, test } from "vitest";
import { seededRandom } from "../../src/base/random.ts";
import {
  isShortOfRoom,
  makeDirectoryDurably,
  parentOf,
  readWhole,
  replaceWhole,
} from "../../src/storage/disk.ts";
import { FaultyDisk, type FaultyDiskOptions } from "../support/faulty-disk.ts";
import { describeDiskContract, failure, pattern } from "./disk-contract.ts";

const memoryKinds: readonly (readonly [string, FaultyDiskOptions])[] = [
  ["disk in memory, copies as views", {}],
  ["disk in memory, live views", { views: "live" }],
  ["disk in memory, no maps", { maps: false }],
  ["disk in memory, calls out of order", { schedule: seededRandom(7) }],
];
for (const [name, options] of memoryKinds) {
  describeDiskContract({
    name,
    hasMaps: options.maps ?? true,
    make: () => {
      const disk = new FaultyDisk(options);
      disk.setContents("/root/x", new Uint8Array(0));
      const made = { disk, root: "/root", dispose: () => Promise.resolve() };
      return disk.remove("/root/x").then(() => made);
    },
  });
}

test("replaceWhole: power cut at every call: old or new, whole; new once it said so", async () => {
  const seen = new Set<string>();
  for (const effect of ["halt-before", "halt-after"] as const) {
    for (let nth = 1, isDone = false; !isDone; nth++) {
      const disk = new FaultyDisk();
      disk.setContents("/d/f", pattern(1, 1_500));
      disk.plan({ effect, nth });
      isDone = await replaceWhole(disk, "/d/f", pattern(2, 2_500)).then(
        () => true,
        () => false,
      );
      for (let seed = 0; seed < 40; seed++) {
        const bytes = await readWhole(disk.crash(seededRandom(seed)), "/d/f");
        const isOld = Buffer.compare(bytes ?? Buffer.alloc(0), pattern(1, 1_500)) === 0;
        const isNew = Buffer.compare(bytes ?? Buffer.alloc(0), pattern(2, 2_500)) === 0;
        expect([effect, nth, seed, isOld || isNew]).toEqual([effect, nth, seed, true]);
        if (isDone) expect(isNew).toBe(true);
        seen.add(isNew ? "new" : "old");
      }
    }
  }
  expect(seen.size).toBe(2);
});

test("replaceWhole: every call refused in turn: old or new, no leftovers", async () => {
  for (const effect of ["fail", "full"] as const) {
    for (let nth = 1, isDone = false; !isDone; nth++) {
      const disk = new FaultyDisk();
      disk.setContents("/d/f", pattern(1, 1_500));
      const fault = disk.plan({ effect, nth });
      isDone = await replaceWhole(disk, "/d/f", pattern(2, 2_500)).then(
        () => true,
        () => false,
      );
      const isHit = fault.hits === 1;
      expect(isHit).toBe(!isDone);
      const found = disk.contents("/d/f");
      const isNewExpected = isDone || disk.operations.at(-1)?.kind === "syncDirectory";
      expect(
        Buffer.compare(
          found ?? Buffer.alloc(0),
          isNewExpected ? pattern(2, 2_500) : pattern(1, 1_500),
        ),
      ).toBe(0);
      expect(disk.paths()).toEqual(["/d/f"]);
      expect(disk.openFiles).toBe(0);
    }
  }
});

test("replaceWhole: disk full: DISK_FULL, and it works once there is room", async () => {
  const disk = new FaultyDisk({ capacityBytes: 3_000 });
  disk.setContents("/d/f", pattern(1, 1_500));
  expect((await failure(replaceWhole(disk, "/d/f", pattern(2, 2_500)))).code).toBe("DISK_FULL");
  expect(disk.usedBytes).toBe(1_500);
  disk.capacityBytes = 4_000;
  await replaceWhole(disk, "/d/f", pattern(2, 2_500));
  expect(disk.contents("/d/f")).toEqual(pattern(2, 2_500));
});

test("makeDirectoryDurably: then a power cut: every level is there", async () => {
  const disk = new FaultyDisk();
  await makeDirectoryDurably(disk, "/a/b/c");
  expect(disk.areNamesDurable).toBe(true);
  expect(await disk.crash(seededRandom(1), "none").exists("/a/b/c")).toBe(true);
});

test("parentOf: deep, top, root, bare name", () => {
  expect(["/a/b", "/a", "/", "a/b", "a"].map(parentOf)).toEqual(["/a", "/", "/", "a", "."]);
});

test("isShortOfRoom: little room, much room, room unknown: only the first is short", async () => {
  const little = new FaultyDisk({ capacityBytes: 1 << 20 });
  const much = new FaultyDisk({ capacityBytes: 1 << 30 });
  const unknown = new FaultyDisk({ capacityBytes: 1 << 20 });
  unknown.plan({ effect: "fail", kind: "freeBytes" });
  const disks = [little, much, unknown];
  const answers = await Promise.all(disks.map((disk) => isShortOfRoom(disk, "/root")));
  expect(answers).toEqual([true, false, false]);
});

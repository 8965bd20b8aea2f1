import { describe, expect, test } from "vitest";
import { restore } from "../../src/backup/restore.ts";
import { silentLogger } from "../../src/base/logger.ts";
import { seededRandom } from "../../src/base/random.ts";
import { newFormat } from "../../src/storage/format-file.ts";
import { DataDirectory } from "../../src/storage/data-directory.ts";
import { backedUp, copyParts as parts } from "../support/small-backup.ts";
import { outcomeOf } from "../support/engines.ts";
import { FakeClock } from "../support/fake-clock.ts";
import type { FaultyDisk } from "../support/faulty-disk.ts";

const order = { from: "/backups/one", to: "/new/data", onManifest: () => undefined };
const opening = (disk: FaultyDisk) =>
  DataDirectory.open({
    path: "/new/data",
    disk,
    clock: new FakeClock(),
    random: seededRandom(2),
    logger: silentLogger,
  });

describe("restore", () => {
  test("every file, and an identity: a data directory opens", async () => {
    const disk = await backedUp();
    await restore(parts(disk), order);
    expect(disk.contents("/new/data/t-0/00000000000000000000.log")).toEqual(Uint8Array.of(1, 2, 3));
    expect(disk.areNamesDurable).toBe(true);
    const data = await opening(disk);
    expect(data.format).toEqual(newFormat(seededRandom(1), 5));
    await data.close();
    expect(await outcomeOf(restore(parts(disk), order))).toBe("BACKUP_PLACE_REFUSED");
  });

  test("verify only: writes nothing", async () => {
    const disk = await backedUp();
    const before = disk.paths();
    await restore(parts(disk), { ...order, to: null });
    expect(disk.paths()).toEqual(before);
  });

  test("every file missing, cut short, longer, or with any bit flipped: refused, and nothing is left", async () => {
    const whole = await backedUp();
    const files = whole.paths().filter((path) => path.startsWith("/backups/"));
    expect(files.length).toBe(4);
    for (const path of files) {
      const bytes = whole.contents(path) ?? new Uint8Array();
      const versions = [bytes.slice(1), Buffer.concat([bytes, Uint8Array.of(0)])];
      for (let bit = 0; bit < Math.min(bytes.length, 30) * 8; bit++) {
        const flipped = bytes.slice();
        flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7));
        versions.push(flipped);
      }
      for (const version of versions) {
        const disk = await backedUp();
        disk.setContents(path, version);
        expect(await outcomeOf(restore(parts(disk), order))).toBe("BACKUP_DAMAGED");
        expect(disk.paths().filter((each) => each.startsWith("/new/"))).toEqual([]);
      }
      const disk = await backedUp();
      await disk.remove(path);
      expect(await outcomeOf(restore(parts(disk), order))).toBe("BACKUP_DAMAGED");
    }
  });

  test("a full disk: what was written goes again", async () => {
    const disk = await backedUp();
    disk.plan({ kind: "write", nth: 2, effect: "full" });
    expect(await outcomeOf(restore(parts(disk), order))).toBe("DISK_FULL");
    expect(disk.paths().filter((each) => each.startsWith("/new/"))).toEqual([]);
    await restore(parts(disk), order);
  });

  test("the machine stops at any call: no server takes what is left, unless it is whole", async () => {
    const probe = await backedUp();
    const before = probe.operationCount;
    await restore(parts(probe), order);
    const calls = probe.operationCount - before;
    for (let nth = 1; nth <= calls; nth++) {
      const disk = await backedUp();
      disk.plan({ effect: "halt-before", nth });
      await outcomeOf(restore(parts(disk), order));
      const left = disk.crash(seededRandom(nth));
      const isEmpty = (await left.list("/new/data")).length === 0;
      const isWhole = left.contents("/new/data/format.json") !== null;
      const outcome = await outcomeOf(opening(left).then((data) => data.close()));
      expect([nth, outcome]).toEqual([nth, isEmpty || isWhole ? "ok" : "KAFKA_STORAGE_ERROR"]);
      if (!isWhole) continue;
      expect(left.contents("/new/data/t-0/00000000000000000000.log")?.length).toBe(3);
      expect(left.contents("/new/data/t-1/partition.metadata")?.length).toBe(2);
    }
  });
});

import { describe, expect, test } from "vitest";
import { seededRandom } from "../../src/base/random.ts";
import { readWhole } from "../../src/storage/disk.ts";
import { failure } from "../storage/disk-contract.ts";
import { settle } from "./fake-clock.ts";
import { FaultyDisk, isDeadDiskError } from "./faulty-disk.ts";
import { type CrashMode, sectorBytes } from "./memory-file.ts";

const filled = (value: number, length: number): Uint8Array => new Uint8Array(length).fill(value);

// Four sectors of 1 that are durable, then three writes that are not: 2 over the middle, 3 over the end, 4 beyond it.
async function written(): Promise<FaultyDisk> {
  const disk = new FaultyDisk();
  disk.setContents("/f", filled(1, 4 * sectorBytes));
  const file = await disk.open("/f", "write");
  await file.write([filled(2, 2 * sectorBytes)], sectorBytes / 2);
  await file.write([filled(3, 2 * sectorBytes)], 2 * sectorBytes);
  await file.write([filled(4, 2 * sectorBytes)], 4 * sectorBytes);
  return disk;
}

async function outcomes(disk: FaultyDisk, mode: CrashMode): Promise<Set<string>> {
  const seen = new Set<string>();
  for (let seed = 0; seed < 300; seed++) {
    const bytes = await readWhole(disk.afterCrash(seededRandom(seed), mode), "/f");
    seen.add(bytes === null ? "none" : halves(bytes));
  }
  return seen;
}

// One character for each half sector; "?" where it is not all one value.
function halves(bytes: Uint8Array): string {
  const half = sectorBytes / 2;
  return Array.from({ length: Math.ceil(bytes.length / half) }, (_, index) => {
    const part = bytes.subarray(index * half, (index + 1) * half);
    return part.every((value) => value === part[0]) ? String(part[0]) : "?";
  }).join("");
}

describe("power cut", () => {
  test("none and all: exactly the durable bytes, exactly the visible ones", async () => {
    const disk = await written();
    expect(await outcomes(disk, "none")).toEqual(new Set(["11111111"]));
    expect(await outcomes(disk, "all")).toEqual(new Set(["122233334444"]));
    expect(halves(disk.contents("/f") ?? filled(0, 0))).toBe("122233334444");
  });

  test("bytes given as a Buffer are the disk's own: neither a crash nor their owner changes them twice", async () => {
    const disk = new FaultyDisk();
    const given = Buffer.from(filled(1, sectorBytes));
    disk.setContents("/f", given);
    const file = await disk.open("/f", "write");
    const written = Buffer.from(filled(2, sectorBytes));
    await file.write([written], 0);
    written.fill(3);
    given.fill(3);
    expect(await outcomes(disk, "none")).toEqual(new Set(["11"]));
    expect(await outcomes(disk, "all")).toEqual(new Set(["22"]));
  });

  test("prefix: a later write only where all earlier ones are whole", async () => {
    const seen = await outcomes(await written(), "prefix");
    for (const state of seen) {
      if (state.includes("4") || state.length > 8) expect(state.slice(0, 8)).toBe("12223333");
      else if (state.includes("3")) expect(state.slice(0, 4)).toBe("1222");
    }
    expect([...seen]).toEqual(
      expect.arrayContaining(["11111111", "12111111", "12223333", "122233334444"]),
    );
  });

  test("subset: sectors and size each by itself, old or new, never anything else", async () => {
    const seen = await outcomes(await written(), "subset");
    expect(seen.size).toBeGreaterThan(40);
    expect([...seen].some((state) => state.startsWith("1111") && state.includes("3"))).toBe(true);
    expect([...seen].some((state) => state.length === 12 && state.includes("0"))).toBe(true);
    for (const state of seen) {
      expect(state).toMatch(/^1[12](11|22)(11|21|33)(11|33)((00|44)(00|44))?$/);
    }
  });

  test("garbage: wrong bytes only where something unsynced was written", async () => {
    const disk = await written();
    const seen = await outcomes(disk, "garbage");
    expect([...seen].some((state) => state.includes("?"))).toBe(true);
    for (const state of seen) expect(state.startsWith("1")).toBe(true);
  });

  test("after a sync: nothing of it can be lost; what came during it can", async () => {
    const disk = await written();
    const file = await disk.open("/f", "write");
    const release = disk.hold({ kind: "sync" });
    const sync = file.sync();
    await file.write([filled(5, sectorBytes)], 0);
    release();
    await sync;
    const seen = await outcomes(disk, "subset");
    expect(seen).toEqual(new Set(["122233334444", "552233334444"]));
    expect(disk.isDurable("/f")).toBe(false);
  });

  test("the same dice: the same loss; other dice: another", async () => {
    const disk = await written();
    const left = [1, 1, 2].map((seed) =>
      disk.afterCrash(seededRandom(seed), "subset").contents("/f"),
    );
    expect(left[0]).toEqual(left[1]);
    expect(left[0]).not.toEqual(left[2]);
  });

  test("cut short, then grown, unsynced: the old bytes may be back, or zeros", async () => {
    const disk = new FaultyDisk();
    disk.setContents("/f", filled(1, 2 * sectorBytes));
    const file = await disk.open("/f", "write");
    await file.truncate(sectorBytes);
    await file.truncate(2 * sectorBytes);
    expect(await outcomes(disk, "subset")).toEqual(new Set(["1111", "1100", "11"]));
    await file.sync();
    expect(await outcomes(disk, "subset")).toEqual(new Set(["1100"]));
  });
});

describe("names after a power cut", () => {
  async function namesSeen(disk: FaultyDisk): Promise<Set<string>> {
    const seen = new Set<string>();
    for (let seed = 0; seed < 200; seed++) {
      const left = disk.afterCrash(seededRandom(seed), "subset");
      seen.add(
        left
          .paths()
          .map((path) => `${path}:${left.contents(path)?.length}`)
          .join(" "),
      );
    }
    return seen;
  }

  test("made and synced, its directory not: there or missing", async () => {
    const disk = new FaultyDisk();
    const file = await disk.open("/f", "write");
    await file.write([filled(1, 10)], 0);
    await file.sync();
    expect(await namesSeen(disk)).toEqual(new Set(["", "/f:10"]));
    await disk.syncDirectory("/");
    expect(await namesSeen(disk)).toEqual(new Set(["/f:10"]));
  });

  test("renamed over, directory synced, the file not: the new name may be empty", async () => {
    const disk = new FaultyDisk();
    disk.setContents("/f", filled(1, 5));
    const file = await disk.open("/t", "write");
    await file.write([filled(2, 10)], 0);
    await disk.rename("/t", "/f");
    expect(await namesSeen(disk)).toEqual(
      new Set(["/f:5", "/f:5 /t:0", "/f:5 /t:10", "/f:0", "/f:10"]),
    );
    await disk.syncDirectory("/");
    expect(await namesSeen(disk)).toEqual(new Set(["/f:0", "/f:10"]));
  });

  test("removed, directory not synced: it may be back with its bytes", async () => {
    const disk = new FaultyDisk();
    disk.setContents("/d/f", filled(1, 5));
    await disk.remove("/d/f");
    expect(await namesSeen(disk)).toEqual(new Set(["", "/d/f:5"]));
    await disk.syncDirectory("/d");
    expect(await namesSeen(disk)).toEqual(new Set([""]));
  });

  test("a tree removed: any part of it may be back, until its parent was synced", async () => {
    const disk = new FaultyDisk();
    disk.setContents("/d/e/f", filled(1, 5));
    disk.setContents("/d/g", filled(1, 6));
    await disk.remove("/d");
    const all = ["", "/d/e/f:5", "/d/g:6", "/d/e/f:5 /d/g:6"];
    expect(await namesSeen(disk)).toEqual(new Set(all));
    await disk.syncDirectory("/");
    expect(await namesSeen(disk)).toEqual(new Set([""]));
  });

  test("moved between directories: under one name, never two or none", async () => {
    const disk = new FaultyDisk();
    disk.setContents("/a/f", filled(1, 5));
    disk.setContents("/b/x", filled(1, 1));
    await disk.rename("/a/f", "/b/f");
    expect(await namesSeen(disk)).toEqual(new Set(["/a/f:5 /b/x:1", "/b/f:5 /b/x:1"]));
    const file = await disk.open("/a/f", "write");
    await file.write([filled(2, 7)], 0);
    await file.sync();
    await disk.syncDirectory("/a");
    await disk.syncDirectory("/b");
    expect(await namesSeen(disk)).toEqual(new Set(["/a/f:7 /b/f:5 /b/x:1"]));
  });
});

describe("faults", () => {
  test("death of the process: all visible bytes stay, and are still unsynced", async () => {
    const disk = await written();
    const visible = disk.contents("/f");
    const next = disk.kill();
    expect(next.contents("/f")).toEqual(visible);
    expect(await outcomes(next, "none")).toEqual(new Set(["11111111"]));
  });

  test("dead: every call is refused and changes nothing; closing is harmless", async () => {
    const disk = new FaultyDisk();
    const file = await disk.open("/f", "write");
    const release = disk.hold({ kind: "write" });
    const late = failure(file.write([filled(1, 10)], 0));
    const next = disk.kill();
    release();
    expect(isDeadDiskError(await late)).toBe(true);
    expect(isDeadDiskError(await failure(disk.remove("/f")))).toBe(true);
    expect(isDeadDiskError(await failure(file.sync()))).toBe(true);
    await file.close();
    expect(next.contents("/f")).toHaveLength(0);
  });

  test("plan: the n-th matching call, so many times, then no more", async () => {
    const disk = new FaultyDisk();
    const file = await disk.open("/d.log", "write");
    const other = await disk.open("/other", "write");
    const fault = disk.plan({
      effect: "fail",
      kind: ["write", "sync"],
      path: /\.log$/,
      nth: 2,
      times: 2,
    });
    const results: string[] = [];
    for (const act of [
      () => file.write([filled(1, 10)], 0),
      () => other.write([filled(1, 10)], 0),
      () => file.read(new Uint8Array(1), 0),
      () => file.write([filled(2, 10)], 0),
      () => file.sync(),
      () => file.sync(),
    ]) {
      results.push(
        await Promise.resolve(act()).then(
          () => "ok",
          () => "failed",
        ),
      );
    }
    expect(results).toEqual(["ok", "ok", "ok", "failed", "failed", "ok"]);
    expect(fault.hits).toBe(2);
    expect(disk.contents("/d.log")).toEqual(filled(1, 10));
  });

  test("a failed sync: bytes readable, the next says yes, a power cut takes them", async () => {
    const disk = await written();
    const file = await disk.open("/f", "write");
    disk.plan({ effect: "fail", kind: "sync" });
    expect((await failure(file.sync())).code).toBe("KAFKA_STORAGE_ERROR");
    await file.sync();
    expect(disk.isDurable("/f")).toBe(false);
    expect(halves(disk.contents("/f") ?? filled(0, 0))).toBe("122233334444");
    expect(await outcomes(disk, "all")).toEqual(new Set(["11111111"]));
  });

  test("short and full writes: half of the bytes, then the error", async () => {
    const disk = new FaultyDisk();
    const file = await disk.open("/f", "write");
    disk.plan({ effect: "short", kind: "write" });
    expect((await failure(file.write([filled(1, 10)], 0))).code).toBe("KAFKA_STORAGE_ERROR");
    expect(disk.contents("/f")).toEqual(filled(1, 5));
    disk.plan({ effect: "full", kind: "write" });
    expect((await failure(file.write([filled(2, 10)], 0))).code).toBe("DISK_FULL");
    expect(disk.contents("/f")).toEqual(filled(2, 5));
  });

  test("capacity: reservations count, refuse whole; writes go as far as they can", async () => {
    const disk = new FaultyDisk({ capacityBytes: 1_000 });
    const file = await disk.open("/f", "write");
    const other = await disk.open("/g", "write");
    await file.reserve(600);
    expect(await disk.freeBytes("/")).toBe(400);
    expect((await failure(other.reserve(500))).code).toBe("DISK_FULL");
    expect(disk.usedBytes).toBe(600);
    expect((await failure(other.write([filled(1, 450)], 0))).code).toBe("DISK_FULL");
    expect(await other.size()).toBe(400);
    await file.write([filled(2, 600)], 0);
    expect((await failure(file.write([filled(2, 1)], 600))).code).toBe("DISK_FULL");
    await disk.remove("/g");
    expect(await disk.freeBytes("/")).toBe(0);
    await other.close();
    expect(await disk.freeBytes("/")).toBe(400);
  });

  test("views: after the map's end they hold poison; live maps are counted", async () => {
    const disk = await written();
    const file = await disk.open("/f", "read");
    const map = await file.map(4 * sectorBytes);
    const view = map?.view(0, 10) ?? filled(0, 0);
    expect([disk.liveMaps, [...view]]).toEqual([1, [...filled(1, 10)]]);
    map?.unmap();
    expect([disk.liveMaps, [...view]]).toEqual([0, [...filled(0xdb, 10)]]);
  });

  test("live views: later writes shine through, however the file grew", async () => {
    const disk = new FaultyDisk({ views: "live" });
    const file = await disk.open("/f", "write");
    await file.write([filled(1, 10)], 0);
    const map = await file.map(1_000_000);
    const view = map?.view(0, 10);
    await file.write([filled(2, 500_000)], 10);
    await file.write([filled(3, 5)], 0);
    expect([...(view ?? [])]).toEqual([3, 3, 3, 3, 3, 1, 1, 1, 1, 1]);
    map?.unmap();
  });

  test("a schedule: calls take effect in another order, the same for one seed", async () => {
    const orderOf = async (seed: number): Promise<string> => {
      const disk = new FaultyDisk({ schedule: seededRandom(seed) });
      const done: number[] = [];
      const calls = Array.from({ length: 6 }, (_, index) =>
        disk.makeDirectory(`/d${index}`).then(() => done.push(index)),
      );
      await Promise.all(calls);
      return done.join("");
    };
    const orders = await Promise.all([orderOf(1), orderOf(1), orderOf(2)]);
    expect(orders[0]).toBe(orders[1]);
    expect(orders[0]).not.toBe("012345");
    expect(orders[0]).not.toBe(orders[2]);
  });

  test("hold: matching calls wait, others pass", async () => {
    const disk = new FaultyDisk();
    const release = disk.hold({ kind: "makeDirectory", path: /slow/ });
    let isDone = false;
    const slow = disk.makeDirectory("/slow").then(() => {
      isDone = true;
    });
    await disk.makeDirectory("/fast");
    await settle();
    expect([isDone, await disk.list("/")]).toEqual([false, ["fast"]]);
    release();
    await slow;
    expect(await disk.list("/")).toEqual(["fast", "slow"]);
  });
});

describe("latency", () => {
  test("a call takes effect when its time has come; a sync covers what was written before it began", async () => {
    let release = (): void => undefined;
    const slow = new Promise<void>((resolve) => {
      release = resolve;
    });
    const disk = new FaultyDisk({ latency: ({ kind }) => (kind === "sync" ? slow : null) });
    const file = await disk.open("/f", "write");
    await file.write([filled(1, 4)], 0);
    let isSynced = false;
    const synced = file.sync().then(() => {
      isSynced = true;
    });
    await file.write([filled(2, 4)], 4);
    await settle();
    expect(isSynced).toBe(false);
    expect(disk.isDurable("/f")).toBe(false);
    release();
    await synced;
    expect(disk.isDurable("/f")).toBe(false);
    const left = disk.afterCrash(seededRandom(1), "none").contents("/f");
    // The name was never made durable; what the file holds was, up to the first write.
    expect(left).toBeNull();
    await disk.syncDirectory("/");
    expect(disk.afterCrash(seededRandom(1), "none").contents("/f")).toEqual(filled(1, 4));
  });
});

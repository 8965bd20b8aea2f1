import { execFileSync } from "node:child_process";
import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { assert } from "../../src/base/assert.ts";
import { systemClock } from "../../src/base/clock.ts";
import { errno, native } from "../../src/storage/native.ts";
import { NodeDisk } from "../../src/storage/node-disk.ts";
import { NodeFile } from "../../src/storage/node-file.ts";
import { failure, pattern } from "./disk-contract.ts";

const base = fs.mkdtempSync(path.join(os.tmpdir(), "varve-file-"));
afterAll(() => fs.rmSync(base, { recursive: true, force: true }));

const diskBytes = 4 << 20;
let isMounted = false;

// A file system of 4 MiB can be made by root on Linux only; elsewhere the tests of a full disk stand aside.
beforeAll(() => {
  fs.mkdirSync(`${base}/small`);
  try {
    execFileSync("mount", ["-t", "tmpfs", "-o", `size=${diskBytes}`, "varve", `${base}/small`], {
      stdio: "ignore",
    });
    isMounted = true;
  } catch {
    isMounted = false;
  }
});
afterAll(() => {
  if (isMounted) execFileSync("umount", [`${base}/small`]);
});

test.runIf(native !== null)(
  "reserve: takes blocks, keeps the size; truncate gives them back",
  async () => {
    const disk = new NodeDisk({ readMode: "map" });
    const file = await disk.open(`${base}/reserved`, "write");
    await file.write([pattern(1, 1_000)], 0);
    await file.reserve(1 << 20);
    const reserved = fs.statSync(`${base}/reserved`);
    expect(reserved.size).toBe(1_000);
    expect(reserved.blocks * 512).toBeGreaterThanOrEqual(1 << 20);
    await file.truncate(1_000);
    expect(fs.statSync(`${base}/reserved`).blocks * 512).toBeLessThan(1 << 16);
    await file.close();
  },
);

test.runIf(native !== null)(
  "reserve: refused after it took blocks: given back, earlier ones kept",
  async () => {
    assert(native !== null, "native calls are here");
    const { reserve } = native;
    // As ext4 does it: takes what there is, then says that it was not enough.
    const greedy = {
      ...native,
      reserve: async (descriptor: number, length: number) => {
        if (length <= 1 << 20) return reserve(descriptor, length);
        await reserve(descriptor, length / 2);
        return errno.ENOSPC;
      },
    };
    const file = await new NodeDisk({ readMode: "map", native: greedy }).open(
      `${base}/greedy`,
      "write",
    );
    await file.write([pattern(1, 1_000)], 0);
    await file.reserve(1 << 20);
    expect((await failure(file.reserve(1 << 24))).code).toBe("DISK_FULL");
    const stats = fs.statSync(`${base}/greedy`);
    expect(stats.size).toBe(1_000);
    expect(stats.blocks * 512).toBeGreaterThanOrEqual(1 << 20);
    expect(stats.blocks * 512).toBeLessThan(1 << 21);
    await file.close();
  },
);

test("full disk: reserve takes nothing, write refuses, room made: goes on", async (context) => {
  if (!isMounted || native === null)
    return context.skip("no small file system can be mounted here");
  const disk = new NodeDisk({ readMode: "map" });
  const root = `${base}/small`;
  const file = await disk.open(`${root}/f`, "write");
  await file.write([pattern(1, 1_000)], 0);
  await file.reserve(1 << 20);
  const free = await disk.freeBytes(root);

  expect((await failure(file.reserve(diskBytes * 2))).code).toBe("DISK_FULL");
  expect(await file.size()).toBe(1_000);
  expect(await disk.freeBytes(root)).toBe(free);

  const big = await disk.open(`${root}/big`, "write");
  expect((await failure(big.write([pattern(2, diskBytes)], 0))).code).toBe("DISK_FULL");
  // What was reserved is there although nothing else is.
  await file.write([pattern(3, 1 << 19)], 1_000);
  await file.sync();

  await big.truncate(0);
  await big.write([pattern(2, 1_000)], 0);
  await Promise.all([file.close(), big.close()]);
});

test("sync: refused once: the same refusal for ever, without asking again", async (context) => {
  if (!fs.existsSync("/dev/full")) return context.skip("no device here that refuses to be synced");
  const broken = fileOver("/dev/full");
  const first = await failure(broken.sync());
  expect(first.code).toBe("KAFKA_STORAGE_ERROR");
  expect(await failure(broken.sync())).toBe(first);
  await broken.close();
});

test("write: no room at all: DISK_FULL with the system's reason", async (context) => {
  if (!fs.existsSync("/dev/full")) return context.skip("no device here that is always full");
  const full = fileOver("/dev/full");
  const refused = await failure(full.write([pattern(1, 10)], 0));
  expect([refused.code, refused.message]).toEqual(["DISK_FULL", "write of full failed (ENOSPC)"]);
  await full.close();
});

test("write: in the event loop while the disk is quick, by a thread for a second after it was slow", async () => {
  let nowMs = 0;
  let costMs = 0;
  let looks = 0;
  const monotonicMs = (): number => {
    looks++;
    nowMs += costMs;
    return nowMs;
  };
  const disk = new NodeDisk({ readMode: "pread", clock: { ...systemClock, monotonicMs } });
  const file = await disk.open(`${base}/quick`, "write");
  // A write in the event loop takes its own time: it looks at the clock before and after.
  const isTimed = async (bytes: number): Promise<boolean> => {
    looks = 0;
    const written = file.write([pattern(1, bytes)], 0);
    const looksAtOnce = looks;
    await written;
    return looksAtOnce === 3;
  };
  expect(await isTimed(1000)).toBe(true);
  expect(await isTimed(128 * 1024 + 1)).toBe(false);
  costMs = 6;
  expect(await isTimed(1000)).toBe(true);
  costMs = 0;
  expect(await isTimed(1000)).toBe(false);
  nowMs += 1000;
  expect(await isTimed(1000)).toBe(true);
  expect(fs.statSync(`${base}/quick`).size).toBe(128 * 1024 + 1);
  await file.close();
});

function fileOver(device: string): NodeFile {
  return new NodeFile({
    path: device,
    descriptor: fs.openSync(device, "r+"),
    native: null,
    usesMaps: false,
    counters: { openFiles: 0, liveMaps: 0, mappedBytes: 0 },
    clock: systemClock,
  });
}

test.runIf(native !== null)(
  "map: thousands of views of one map: each right, the buffers few",
  async () => {
    const disk = new NodeDisk({ readMode: "map" });
    const file = await disk.open(`${base}/views`, "write");
    const bytes = pattern(4, 1 << 20);
    await file.write([bytes], 0);
    const map = await file.map(1 << 28);
    const buffers = new Set<ArrayBufferLike>();
    for (let at = 0; at < 5_000; at++) {
      const view = map?.view(at * 200, 200);
      if (view !== undefined) buffers.add(view.buffer);
      expect(Buffer.compare(view ?? bytes, bytes.subarray(at * 200, at * 200 + 200))).toBe(0);
    }
    expect(buffers.size).toBe(1);
    expect(disk.counters).toEqual({ openFiles: 1, liveMaps: 1, mappedBytes: 1 << 28 });
    // Few for a large map as well, however often it is read from its start: each new one sets the collector to work.
    for (let round = 0; round < 3; round++) {
      for (let at = 0; at < 1 << 28; at += 1 << 20) {
        const view = map?.view(at, 1);
        if (view !== undefined) buffers.add(view.buffer);
      }
    }
    expect(buffers.size).toBe(7);
    map?.unmap();
    await file.close();
  },
);

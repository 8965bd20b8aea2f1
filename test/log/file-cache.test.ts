import { expect, test } from "vitest";
import { silentLogger } from "../../src/base/logger.ts";
import { FileCache } from "../../src/log/file-cache.ts";
import { SegmentIndexes } from "../../src/log/segment-indexes.ts";
import { settle } from "../support/fake-clock.ts";
import { FaultyDisk } from "../support/faulty-disk.ts";

function cacheOf(options: { filesMax?: number; indexBytesMax?: number; maps?: boolean } = {}) {
  const disk = new FaultyDisk({ views: "poisoned", maps: options.maps ?? true });
  for (const name of ["a", "b", "c"]) disk.setContents(`/d/${name}`, Buffer.from(`file ${name}`));
  const { filesMax = 2, indexBytesMax = 1 << 20 } = options;
  return { disk, cache: new FileCache({ disk, logger: silentLogger, filesMax, indexBytesMax }) };
}

function textOf(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString();
}

test("file cache: a file is opened once for many readers, also when they come together", async () => {
  const { disk, cache } = cacheOf();
  const leases = await Promise.all([1, 2, 3].map(() => cache.acquire("/d/a", 6)));
  for (const lease of leases) expect(textOf(await lease.bytes(0, 6, false))).toBe("file a");
  expect(disk.operations.filter(({ kind }) => kind === "open")).toHaveLength(1);
  expect(disk.liveMaps).toBe(1);
  for (const lease of leases) lease.release();
  await settle();
  expect(disk.liveMaps).toBe(1);
});

test("file cache: beyond the bound the least recently used is let go, a leased one when it is released", async () => {
  const { disk, cache } = cacheOf();
  const first = await cache.acquire("/d/a", 6);
  const view = await first.bytes(0, 6, true);
  (await cache.acquire("/d/b", 6)).release();
  (await cache.acquire("/d/c", 6)).release();
  await settle();
  expect(cache.fileCount).toBe(2);
  expect(disk.liveMaps).toBe(3);
  expect(textOf(view)).toBe("file a");
  first.release();
  first.release();
  await settle();
  expect(disk.liveMaps).toBe(2);
  expect(textOf(view)).not.toBe("file a");
});

test("file cache: a map that is too small is replaced; leases of the small one stay good", async () => {
  const { cache } = cacheOf();
  const small = await cache.acquire("/d/a", 4);
  const large = await cache.acquire("/d/a", 6);
  expect(textOf(await small.bytes(0, 4, true))).toBe("file");
  expect(textOf(await large.bytes(0, 6, true))).toBe("file a");
  small.release();
  large.release();
});

test("file cache: a file that cannot be opened is not remembered", async () => {
  const { disk, cache } = cacheOf();
  const failing = [cache.acquire("/d/none", 1), cache.acquire("/d/none", 1)];
  for (const each of failing)
    await expect(each).rejects.toMatchObject({ code: "KAFKA_STORAGE_ERROR" });
  expect(cache.fileCount).toBe(0);
  disk.setContents("/d/none", Buffer.from("x"));
  (await cache.acquire("/d/none", 1)).release();
});

test("file cache: a map that fails leaves no file open", async () => {
  const { disk, cache } = cacheOf();
  disk.plan({ kind: "map", effect: "fail" });
  await expect(cache.acquire("/d/a", 6)).rejects.toMatchObject({ code: "KAFKA_STORAGE_ERROR" });
  expect(disk.openFiles).toBe(0);
});

test("file cache: without maps bytes are copies, and a file that ends early is an error", async () => {
  const { disk, cache } = cacheOf({ maps: false });
  const lease = await cache.acquire("/d/a", 100);
  const bytes = await lease.bytes(5, 1, false);
  await expect(lease.bytes(0, 7, false)).rejects.toMatchObject({ code: "KAFKA_STORAGE_ERROR" });
  lease.release();
  cache.forgetDirectory("/d");
  await settle();
  expect(textOf(bytes)).toBe("a");
  expect(disk.openFiles).toBe(0);
});

test("file cache: indexes are kept with their file and count against their bound", async () => {
  const indexes = new SegmentIndexes(0);
  const { cache } = cacheOf({ filesMax: 100, indexBytesMax: indexes.memoryBytes * 2 });
  for (const name of ["a", "b", "c"]) {
    const lease = await cache.acquire(`/d/${name}`, 6);
    lease.keepIndexes(new SegmentIndexes(0));
    lease.keepIndexes(indexes);
    expect(lease.indexes).toBe(indexes);
    lease.release();
  }
  expect(cache.fileCount).toBe(2);
  expect(cache.indexBytes).toBe(indexes.memoryBytes * 2);
  cache.forget("/d/c");
  expect(cache.indexBytes).toBe(indexes.memoryBytes);
  const again = await cache.acquire("/d/c", 6);
  expect(again.indexes).toBeNull();
  again.release();
});

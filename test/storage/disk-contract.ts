// What every Disk must do, run against the real one and the one in memory, so that tests on the second mean much.

import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { AssertionFailure } from "../../src/base/assert.ts";
import { LogError } from "../../src/base/error.ts";
import { seededRandom } from "../../src/base/random.ts";
import {
  type Disk,
  makeDirectoryDurably,
  readWhole,
  replaceWhole,
} from "../../src/storage/disk.ts";
import { systemCodeOf } from "../../src/storage/storage-error.ts";

/** A disk and an empty directory on it. */
export interface DiskUnderTest {
  readonly disk: Disk;
  readonly root: string;
  dispose(): Promise<void>;
}

/** One kind of disk. */
export interface DiskKind {
  readonly name: string;
  readonly hasMaps: boolean;
  make(): Promise<DiskUnderTest>;
}

/** Bytes that differ from place to place, the same for one seed. */
export function pattern(seed: number, length: number): Uint8Array {
  return seededRandom(seed).bytes(length);
}

/** Runs the contract against one kind of disk. */
export function describeDiskContract(kind: DiskKind): void {
  describe(kind.name, () => {
    let under: DiskUnderTest;
    let disk: Disk;
    let root: string;

    beforeEach(async () => {
      under = await kind.make();
      ({ disk, root } = under);
    });
    afterEach(async () => {
      await under.dispose();
    });

    test("file: missing: reading refuses with ENOENT and makes nothing", async () => {
      const refused = await failure(disk.open(`${root}/none`, "read"));
      expect([refused.code, systemCodeOf(refused)]).toEqual(["KAFKA_STORAGE_ERROR", "ENOENT"]);
      expect(await disk.list(root)).toEqual([]);
    });

    test("file: opened to write again: keeps its bytes", async () => {
      await put(disk, `${root}/f`, pattern(1, 10));
      const file = await disk.open(`${root}/f`, "write");
      expect(await file.size()).toBe(10);
      await file.close();
      expect(await readWhole(disk, `${root}/f`)).toEqual(pattern(1, 10));
    });

    test("file: opened by the name of a directory: refused", async () => {
      await disk.makeDirectory(`${root}/d`);
      expect((await failure(disk.open(`${root}/d`, "read"))).code).toBe("KAFKA_STORAGE_ERROR");
      expect((await failure(disk.open(`${root}/d`, "write"))).code).toBe("KAFKA_STORAGE_ERROR");
    });

    test("file: opened to read: refuses to be written", async () => {
      await put(disk, `${root}/f`, pattern(1, 10));
      const file = await disk.open(`${root}/f`, "read");
      const refused = await failure(file.write([pattern(2, 5)], 0));
      expect(refused.code).toBe("KAFKA_STORAGE_ERROR");
      await file.close();
    });

    test("write: more chunks than one call takes, empty ones among them: in order", async () => {
      const whole = pattern(3, 7_500);
      const chunks = Array.from({ length: 3_000 }, (_, index) => {
        const at = Math.floor(index / 3) * 7 + (index % 3) * 3;
        return whole.subarray(at, index % 3 === 2 ? at + 1 : at + 3);
      });
      chunks.splice(1_500, 0, new Uint8Array(0));
      const file = await disk.open(`${root}/f`, "write");
      await file.write(chunks, 11);
      const bytes = new Uint8Array(7_011);
      expect(await file.read(bytes, 0)).toBe(7_011);
      expect(Buffer.compare(bytes.subarray(11), whole.subarray(0, 7_000))).toBe(0);
      expect(bytes.subarray(0, 11)).toEqual(new Uint8Array(11));
      await file.close();
    });

    test("write: at a position before the end: overwrites there and nowhere else", async () => {
      const file = await disk.open(`${root}/f`, "write");
      await file.write([pattern(1, 100)], 0);
      await file.write([pattern(2, 10)], 40);
      const expected = pattern(1, 100);
      expected.set(pattern(2, 10), 40);
      await file.close();
      expect(await readWhole(disk, `${root}/f`)).toEqual(expected);
    });

    test("read: across and past the end: short, then nothing", async () => {
      const file = await disk.open(`${root}/f`, "write");
      await file.write([pattern(1, 100)], 0);
      const target = new Uint8Array(64);
      expect(await file.read(target, 80)).toBe(20);
      expect(target.subarray(0, 20)).toEqual(pattern(1, 100).subarray(80));
      expect(await file.read(target, 100)).toBe(0);
      expect(await file.read(target, 5_000)).toBe(0);
      await file.close();
    });

    test("truncate: then grown again: what was cut reads as zeros", async () => {
      const file = await disk.open(`${root}/f`, "write");
      await file.write([pattern(1, 100)], 0);
      await file.truncate(30);
      expect(await file.size()).toBe(30);
      await file.truncate(60);
      const bytes = new Uint8Array(60);
      expect(await file.read(bytes, 0)).toBe(60);
      expect(bytes.subarray(0, 30)).toEqual(pattern(1, 100).subarray(0, 30));
      expect(bytes.subarray(30)).toEqual(new Uint8Array(30));
      await file.close();
    });

    test("reserve: far past the end: the size stays", async () => {
      const file = await disk.open(`${root}/f`, "write");
      await file.write([pattern(1, 100)], 0);
      await file.reserve(1 << 20);
      await file.reserve(4_096);
      expect(await file.size()).toBe(100);
      await file.write([pattern(2, 10)], 100);
      await file.sync();
      expect(await file.size()).toBe(110);
      await file.truncate(110);
      await file.close();
    });

    test("close: twice: harmless; any use after it: never reaches a file", async () => {
      const file = await disk.open(`${root}/f`, "write");
      await file.close();
      await file.close();
      await put(disk, `${root}/other`, pattern(1, 10));
      await expect(file.write([pattern(2, 10)], 0)).rejects.toThrow();
      await expect(file.sync()).rejects.toThrow();
      expect(await readWhole(disk, `${root}/other`)).toEqual(pattern(1, 10));
    });

    if (!kind.hasMaps) {
      test("map: where there are none: null", async () => {
        const file = await disk.open(`${root}/f`, "write");
        expect(await file.map(4_096)).toBeNull();
        await file.close();
      });
    }

    if (kind.hasMaps) {
      test("map: made before the bytes: shows what was written since, at any place", async () => {
        const file = await disk.open(`${root}/f`, "write");
        const map = await file.map(16 << 20);
        const bytes = pattern(5, 6 << 20);
        for (let at = 0; at < bytes.length; at += 1 << 20) {
          await file.write([bytes.subarray(at, at + (1 << 20))], at);
        }
        const windows = [0, 1, 4_095, (4 << 20) - 1, 4 << 20, (6 << 20) - 1].flatMap((from) =>
          [0, 1, 9, 4_097, (2 << 20) + 1, 5 << 20].map((length) => [from, from + length] as const),
        );
        for (const [from, to] of windows.filter(([, end]) => end <= bytes.length)) {
          await map?.populate(from, to - from);
          const view = map?.view(from, to - from);
          expect(Buffer.compare(view ?? bytes, bytes.subarray(from, to))).toBe(0);
          const read = new Uint8Array(to - from);
          await file.read(read, from);
          expect(Buffer.compare(read, bytes.subarray(from, to))).toBe(0);
        }
        map?.unmap();
        await file.close();
      });

      test("map: file closed, renamed and removed: views stay", async () => {
        await put(disk, `${root}/f`, pattern(1, 10_000));
        const file = await disk.open(`${root}/f`, "read");
        const map = await file.map(10_000);
        await file.close();
        await disk.rename(`${root}/f`, `${root}/g`);
        await disk.remove(`${root}/g`);
        expect(
          Buffer.compare(
            map?.view(5_000, 5_000) ?? Buffer.alloc(0),
            pattern(1, 10_000).subarray(5_000),
          ),
        ).toBe(0);
        map?.unmap();
      });

      test("map: outside its capacity or after its end: an assertion, not a crash", async () => {
        await put(disk, `${root}/f`, pattern(1, 100));
        const file = await disk.open(`${root}/f`, "read");
        const map = await file.map(100);
        expect(() => map?.view(90, 11)).toThrow(AssertionFailure);
        expect(() => map?.view(-1, 1)).toThrow(AssertionFailure);
        expect(map?.view(100, 0)).toHaveLength(0);
        map?.unmap();
        map?.unmap();
        expect(() => map?.view(0, 1)).toThrow(AssertionFailure);
        await file.close();
      });

      test("map: populate of what the file no longer has: KAFKA_STORAGE_ERROR", async () => {
        const file = await disk.open(`${root}/f`, "write");
        await file.write([pattern(1, 100_000)], 0);
        const map = await file.map(100_000);
        await map?.populate(0, 100_000);
        await file.truncate(10);
        const refused = await failure(map?.populate(0, 100_000) ?? Promise.resolve());
        expect(refused.code).toBe("KAFKA_STORAGE_ERROR");
        map?.unmap();
        await file.close();
      });
    }

    test("names: list, exists and sizeOf agree on files, directories and nothing", async () => {
      await disk.makeDirectory(`${root}/a/b/c`);
      await disk.makeDirectory(`${root}/a/b`);
      await put(disk, `${root}/a/f`, pattern(1, 7));
      expect([...(await disk.list(`${root}/a`))].toSorted()).toEqual(["b", "f"]);
      expect(await disk.list(`${root}/a/b/c`)).toEqual([]);
      expect(await disk.list(`${root}/none`)).toEqual([]);
      expect((await failure(disk.list(`${root}/a/f`))).code).toBe("KAFKA_STORAGE_ERROR");
      const paths = ["a", "a/f", "a/none", "a/f/under"].map((name) => `${root}/${name}`);
      expect(await Promise.all(paths.map((path) => disk.exists(path)))).toEqual([
        true,
        true,
        false,
        false,
      ]);
      expect(await Promise.all(paths.map((path) => disk.sizeOf(path)))).toEqual([
        null,
        7,
        null,
        null,
      ]);
    });

    test("rename: over a file, of a directory, of nothing, over a full directory", async () => {
      await put(disk, `${root}/f`, pattern(1, 7));
      await put(disk, `${root}/g`, pattern(2, 9));
      await disk.rename(`${root}/f`, `${root}/g`);
      expect(await readWhole(disk, `${root}/g`)).toEqual(pattern(1, 7));
      expect(await disk.exists(`${root}/f`)).toBe(false);
      await disk.makeDirectory(`${root}/d`);
      await put(disk, `${root}/d/inside`, pattern(3, 5));
      await disk.rename(`${root}/d`, `${root}/e`);
      expect(await disk.list(`${root}/e`)).toEqual(["inside"]);
      expect(systemCodeOf(await failure(disk.rename(`${root}/none`, `${root}/x`)))).toBe("ENOENT");
      await disk.makeDirectory(`${root}/h`);
      const refused = await failure(disk.rename(`${root}/h`, `${root}/e`));
      expect(systemCodeOf(refused)).toBe("ENOTEMPTY");
    });

    test("remove: a file, a tree, nothing: gone afterwards", async () => {
      await disk.makeDirectory(`${root}/d/e`);
      await put(disk, `${root}/d/e/f`, pattern(1, 7));
      await put(disk, `${root}/g`, pattern(1, 7));
      await disk.remove(`${root}/d`);
      await disk.remove(`${root}/g`);
      await disk.remove(`${root}/none`);
      expect(await disk.list(root)).toEqual([]);
    });

    test("file: removed while open: still reads and writes, without its name", async () => {
      const file = await disk.open(`${root}/f`, "write");
      await file.write([pattern(1, 10)], 0);
      await disk.remove(`${root}/f`);
      await file.write([pattern(2, 10)], 10);
      const bytes = new Uint8Array(20);
      expect(await file.read(bytes, 0)).toBe(20);
      expect(bytes.subarray(10)).toEqual(pattern(2, 10));
      expect(await disk.exists(`${root}/f`)).toBe(false);
      await file.close();
    });

    test("syncDirectory: there, and of a missing one", async () => {
      await put(disk, `${root}/f`, pattern(1, 10));
      await disk.syncDirectory(root);
      expect((await failure(disk.syncDirectory(`${root}/none`))).code).toBe("KAFKA_STORAGE_ERROR");
    });

    test("freeBytes: a positive number of bytes", async () => {
      expect(await disk.freeBytes(root)).toBeGreaterThan(0);
    });

    test("totalBytes: at least what is free", async () => {
      const total = await disk.totalBytes(root);
      expect(total).toBeGreaterThanOrEqual(await disk.freeBytes(root));
    });

    test("link: a second name for the same bytes, which outlives the first; never over another", async () => {
      await put(disk, `${root}/a`, pattern(10, 1));
      if (!(await disk.link(`${root}/a`, `${root}/b`))) return;
      await put(disk, `${root}/c`, pattern(5, 2));
      expect((await failure(disk.link(`${root}/a`, `${root}/c`))).code).toBe("KAFKA_STORAGE_ERROR");
      expect((await failure(disk.link(`${root}/no`, `${root}/d`))).code).toBe(
        "KAFKA_STORAGE_ERROR",
      );
      await disk.remove(`${root}/a`);
      expect(await readWhole(disk, `${root}/b`)).toEqual(pattern(10, 1));
    });

    test("lock: held: a second is refused, until it is let go", async () => {
      const unlock = await disk.lock(`${root}/.lock`);
      const refused = await failure(disk.lock(`${root}/.lock`));
      expect(refused.code).toBe("KAFKA_STORAGE_ERROR");
      const other = await disk.lock(`${root}/other`);
      await unlock();
      await unlock();
      const again = await disk.lock(`${root}/.lock`);
      await Promise.all([again(), other()]);
    });

    test("lock: let go twice: the second does not free somebody else's", async () => {
      const unlock = await disk.lock(`${root}/.lock`);
      await unlock();
      const second = await disk.lock(`${root}/.lock`);
      await unlock();
      expect((await failure(disk.lock(`${root}/.lock`))).code).toBe("KAFKA_STORAGE_ERROR");
      await second();
    });

    test("replaceWhole: new, shorter, longer, empty: exactly the bytes, no leftovers", async () => {
      for (const length of [100, 10, 5_000, 0]) {
        await replaceWhole(disk, `${root}/f`, pattern(length, length));
        expect(await readWhole(disk, `${root}/f`)).toEqual(pattern(length, length));
      }
      expect(await disk.list(root)).toEqual(["f"]);
      expect(await readWhole(disk, `${root}/none`)).toBeNull();
    });

    test("makeDirectoryDurably: several levels, one there already", async () => {
      await disk.makeDirectory(`${root}/a`);
      await makeDirectoryDurably(disk, `${root}/a/b/c`);
      await makeDirectoryDurably(disk, `${root}/a/b/c`);
      expect(await disk.list(`${root}/a/b`)).toEqual(["c"]);
    });
  });
}

/** Writes a file and closes it. */
export async function put(disk: Disk, path: string, bytes: Uint8Array): Promise<void> {
  const file = await disk.open(path, "write");
  await file.write([bytes], 0);
  await file.close();
}

/** The LogError a promise ends with; fails the test on anything else. */
export async function failure(promise: Promise<unknown>): Promise<LogError> {
  const error = await promise.then(
    () => new Error("it did not fail"),
    (reason: unknown) => reason,
  );
  if (error instanceof LogError) return error;
  throw error;
}

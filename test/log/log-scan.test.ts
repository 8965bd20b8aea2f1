import { expect, test } from "vitest";
import { seededRandom } from "../../src/base/random.ts";
import {
  copyBytes,
  copyRange,
  holdsBatch,
  isOtherFormat,
  scanBatches,
} from "../../src/log/log-scan.ts";
import { batchOf } from "../support/batches.ts";
import { FaultyDisk } from "../support/faulty-disk.ts";

const limits = (size: number) => ({ size, batchBytesMax: 1 << 20 });

async function fileOf(bytes: Uint8Array) {
  const disk = new FaultyDisk();
  disk.setContents("/f", bytes);
  return { disk, file: await disk.open("/f", "write") };
}

test("log scan: a batch is found wherever it begins, across pieces, and only a good one", async () => {
  const batch = batchOf([{ value: "needle" }], { baseOffset: 40, leaderEpoch: 0 });
  const piece = 1 << 20;
  for (const at of [0, 1, piece - 61, piece - 60, piece - 1]) {
    const bytes = Buffer.concat([Buffer.alloc(at), batch, Buffer.alloc(33)]);
    const { file } = await fileOf(bytes);
    const holds = (position: number, leastOffset: number): Promise<boolean> =>
      holdsBatch(file, { position, leastOffset }, limits(bytes.length));
    expect(await holds(0, 40), `at ${at}`).toBe(true);
    expect(await holds(at, 40)).toBe(true);
    expect(await holds(at + 1, 40)).toBe(false);
    expect(await holds(at, 41)).toBe(false);
    bytes[at + 65] = (bytes[at + 65] ?? 0) ^ 1;
    const { file: bad } = await fileOf(bytes);
    expect(await holdsBatch(bad, { position: at, leastOffset: 0 }, limits(bytes.length))).toBe(
      false,
    );
  }
});

test("log scan: random bytes hold no batch, and batches that end past the file are none", async () => {
  const { file } = await fileOf(seededRandom(5).bytes(20_000));
  expect(await holdsBatch(file, { position: 0, leastOffset: 0 }, limits(20_000))).toBe(false);
  const cut = batchOf([{ value: "x" }], { leaderEpoch: 0 }).subarray(0, 65);
  const { file: short } = await fileOf(cut);
  expect(await holdsBatch(short, { position: 0, leastOffset: 0 }, limits(65))).toBe(false);
});

test("log scan: a flipped checksum ends the good part before its batch", async () => {
  const batches = [0, 1, 2].map((baseOffset) => batchOf([{}], { baseOffset, leaderEpoch: 0 }));
  const bytes = Buffer.concat(batches);
  const size = batches[0]?.length ?? 0;
  bytes[size * 2 + 18] = (bytes[size * 2 + 18] ?? 0) ^ 4;
  const { file } = await fileOf(bytes);
  expect(await scanBatches(file, { offset: 0, position: 0 }, limits(bytes.length))).toEqual({
    end: { offset: 2, position: size * 2 },
    damage: "checksum",
    hasProducers: false,
  });
});

test("log scan: another format is told from garbage by offset and length", async () => {
  const bytes = batchOf([{ value: "x" }], { baseOffset: 3 });
  bytes[16] = 1;
  const { file } = await fileOf(bytes);
  const at = (offset: number) => ({ offset, position: 0 });
  expect(await isOtherFormat(file, at(3), bytes.length)).toBe(true);
  expect(await isOtherFormat(file, at(4), bytes.length)).toBe(false);
  expect(await isOtherFormat(file, at(3), bytes.length - 1)).toBe(false);
});

test("log scan: a magic byte in another sector than offset and length may have been torn off", async () => {
  const batch = batchOf([{ value: "x".repeat(100) }], { baseOffset: 3 });
  batch[16] = 0;
  const isOther = async (position: number): Promise<boolean> => {
    const bytes = new Uint8Array(position + batch.length);
    bytes.set(batch, position);
    const { file } = await fileOf(bytes);
    return isOtherFormat(file, { offset: 3, position }, bytes.length);
  };
  expect([await isOther(495), await isOther(496), await isOther(511)]).toEqual([
    true,
    false,
    false,
  ]);
  expect(await isOther(512)).toBe(true);
});

test("log scan: ranges larger than a piece are copied whole, and replace what was there", async () => {
  const bytes = seededRandom(9).bytes((1 << 20) + 777);
  const { disk, file } = await fileOf(bytes);
  disk.setContents("/copy", new Uint8Array(3 << 20));
  await copyRange(disk, file, { from: 10, to: bytes.length, path: "/copy" });
  expect(Buffer.compare(disk.contents("/copy") ?? bytes, bytes.subarray(10))).toBe(0);
  expect(disk.isDurable("/copy")).toBe(true);
  await copyBytes(file, file, { from: 0, to: 700, target: 1 << 20 });
  expect(disk.contents("/f")?.slice(1 << 20, (1 << 20) + 700)).toEqual(bytes.slice(0, 700));
});

test("log scan: records made up to look like batches: searched so far and no further, and not ruled out", async () => {
  const headerBytes = 61;
  const bytes = Buffer.alloc(headerBytes * 400);
  for (let at = 0; at < bytes.length; at += headerBytes) {
    // Each seems to hold all that follows; its checksum is wrong.
    bytes.writeInt32BE(bytes.length - at - 12, at + 8);
    bytes[at + 16] = 2;
    bytes.writeInt32BE(1, at + 57);
  }
  let readBytes = 0;
  const { file } = await fileOf(bytes);
  const read = async (target: Uint8Array, position: number): Promise<number> => {
    readBytes += target.length;
    return file.read(target, position);
  };
  const watched = Object.assign(Object.create(file) as typeof file, { read });
  const from = { position: 0, leastOffset: 0 };
  expect(await holdsBatch(watched, from, limits(bytes.length))).toBe(true);
  expect(readBytes).toBeLessThan(70 * bytes.length);
  // A few of them are no trouble: none is a batch.
  const few = bytes.subarray(0, headerBytes * 20);
  for (let at = 0; at < few.length; at += headerBytes) {
    few.writeInt32BE(few.length - at - 12, at + 8);
  }
  const { file: shorter } = await fileOf(few);
  expect(await holdsBatch(shorter, from, limits(few.length))).toBe(false);
});

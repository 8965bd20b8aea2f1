import { expect, test } from "vitest";
import { copyFile } from "../../src/backup/file-copy.ts";
import { crc32c } from "../../src/base/crc32c.ts";
import { LoopShare } from "../../src/base/loop-share.ts";
import { seededRandom } from "../../src/base/random.ts";
import { batchOf } from "../support/batches.ts";
import { outcomeOf } from "../support/engines.ts";
import { FakeClock } from "../support/fake-clock.ts";
import { FaultyDisk } from "../support/faulty-disk.ts";

function world(bytes: Uint8Array) {
  const disk = new FaultyDisk();
  disk.setContents("/from", bytes);
  let seen = 0;
  const onBytes = (count: number): void => {
    seen += count;
  };
  const parts = { disk, share: new LoopShare(new FakeClock()), onBytes };
  return { disk, parts, seen: () => seen };
}

const plain = { from: "/from", segment: null };

test.each([[0], [1], [1 << 20], [(1 << 20) + 5]])(
  "a copy of %d bytes is the same, durable, and checksummed",
  async (length) => {
    const bytes = seededRandom(length).bytes(length);
    const { disk, parts, seen } = world(bytes);
    const copied = await copyFile(parts, { ...plain, to: "/to", bytes: null });
    expect(copied).toEqual({ bytes: length, crc: crc32c(bytes), damage: null });
    expect(Buffer.compare(disk.contents("/to") ?? new Uint8Array(), bytes)).toBe(0);
    expect(disk.isDurable("/to")).toBe(true);
    expect(seen()).toBe(length);
  },
);

test("only the beginning; read only; more than there is", async () => {
  const { disk, parts } = world(Uint8Array.of(1, 2, 3, 4));
  await copyFile(parts, { ...plain, to: "/to", bytes: 2 });
  expect(disk.contents("/to")).toEqual(Uint8Array.of(1, 2));
  const before = disk.paths();
  const read = await copyFile(parts, { ...plain, to: null, bytes: 3 });
  expect(read.crc).toBe(crc32c(Uint8Array.of(1, 2, 3)));
  expect(disk.paths()).toEqual(before);
  const tooMany = copyFile(parts, { ...plain, to: null, bytes: 5 });
  expect(await outcomeOf(tooMany)).toBe("KAFKA_STORAGE_ERROR");
  expect(disk.openFiles).toBe(0);
});

test("a segment is held to its batches in the same pass, pieces overlapping", async () => {
  const values = Array.from({ length: 40 }, () => ({ value: "x".repeat(30_000) }));
  const batches = values.map((value, baseOffset) =>
    batchOf([value], { baseOffset, leaderEpoch: 0 }),
  );
  const bytes = Buffer.concat(batches);
  const segment = { baseOffset: 0, endOffset: 40, mayHaveHoles: false, batchBytesMax: 1 << 20 };
  const { disk, parts, seen } = world(bytes);
  const order = { from: "/from", to: "/to", bytes: null, segment };
  expect(await copyFile(parts, order)).toEqual({
    bytes: bytes.length,
    crc: crc32c(bytes),
    damage: null,
  });
  expect(Buffer.compare(disk.contents("/to") ?? new Uint8Array(), bytes)).toBe(0);
  expect(seen()).toBe(bytes.length);
  const position = batches[0]?.length ?? 0;
  bytes[position + 100] = (bytes[position + 100] ?? 0) ^ 1;
  disk.setContents("/from", bytes);
  const { damage } = await copyFile(parts, { ...order, to: null });
  expect(damage).toEqual({ position, fromOffset: 1, toOffset: 2, what: "checksum" });
});

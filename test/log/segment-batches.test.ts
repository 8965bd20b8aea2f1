import { expect, test } from "vitest";
import { readSegment } from "../../src/log/segment-batches.ts";
import { Segment } from "../../src/log/segment.ts";
import type { LogOptions } from "../../src/log/log-options.ts";
import { batchOf } from "../support/batches.ts";
import { FaultyDisk } from "../support/faulty-disk.ts";
import { smallLimits } from "../support/log-fixture.ts";

const batches = [0, 3, 4].map((baseOffset) =>
  batchOf([{ key: "k", value: "x".repeat(40) }], { baseOffset, leaderEpoch: 0 }),
);
const file = Buffer.concat(batches);

async function read(bytes: Uint8Array, endOffset: number): Promise<Uint8Array[]> {
  const disk = new FaultyDisk();
  disk.setContents("/data/orders-0/00000000000000000000.log", bytes);
  const options = { disk, limits: smallLimits } as Partial<LogOptions> as LogOptions;
  const found: Uint8Array[] = [];
  const segment = new Segment("/data/orders-0", 0);
  for await (const batch of readSegment(options, segment, endOffset)) found.push(batch.slice());
  expect(disk.openFiles).toBe(0);
  return found;
}

test("all batches in order, holes between them", async () => {
  const found = await read(file, 5);
  expect(found.map((batch) => Buffer.from(batch))).toEqual(
    batches.map((batch) => Buffer.from(batch)),
  );
});

test("another end than the next segment's beginning is damage", async () => {
  for (const endOffset of [4, 6]) {
    await expect(read(file, endOffset)).rejects.toMatchObject({ code: "CORRUPT_MESSAGE" });
  }
});

test("no flipped bit goes unseen, and no byte cut off", async () => {
  for (let bit = 0; bit < file.length * 8; bit += 7) {
    const damaged = Uint8Array.from(file);
    damaged[bit >> 3] = (damaged[bit >> 3] ?? 0) ^ (1 << (bit & 7));
    const outcome = await read(damaged, 5).then(
      (found) => Buffer.concat(found).equals(file),
      (error: unknown) => (error as { code: string }).code,
    );
    // A base offset below its neighbour's is what no checksum covers and a hole may explain.
    const isInBaseOffset = batches.some((_, index) => {
      const start = batches.slice(0, index).reduce((sum, each) => sum + each.length, 0);
      return bit >> 3 >= start && bit >> 3 < start + 8;
    });
    if (!isInBaseOffset) expect(outcome).toBe("CORRUPT_MESSAGE");
  }
  for (let length = 1; length < file.length; length += 11) {
    const error = read(file.subarray(0, length), 5);
    await expect(error).rejects.toMatchObject({ code: "CORRUPT_MESSAGE" });
  }
});

import { describe, expect, test } from "vitest";
import { type DeliveryReads, readWishes } from "../../src/share/delivery-reads.ts";
import type { Wish } from "../../src/share/leasing.ts";
import { recordsOf } from "../support/batches.ts";
import { fateOf } from "../support/share-states.ts";
import { ShareWorld } from "../support/share-processes.ts";

async function scannedWorld(values: readonly string[]): Promise<ShareWorld> {
  const world = await ShareWorld.open();
  const group = await world.begun();
  await world.appendEach("t", values);
  await world.engine.scanner.scan(group, world.partitionOf("g", "t"), Infinity);
  world.source.fetches.length = 0;
  return world;
}

function wishOf(world: ShareWorld, first: number, last: number): Wish {
  const partition = world.partitionOf("g", "t");
  const run = partition.find(first);
  if (run === null) throw new Error("there is no run");
  return { partition, run, first, last };
}

function read(world: ShareWorld, wishes: readonly Wish[], maxBytes = 1 << 20) {
  return readWishes(world.source, world.engine.need("g"), { wishes, maxBytes });
}

const rangesOf = ({ parts }: DeliveryReads) => parts.map(({ first, last }) => [first, last]);

describe("delivery reads", () => {
  test("wishes that lie in one reading: read once, each with its bytes", async () => {
    const world = await scannedWorld(["a", "b", "c", "d"]);
    const reads = await read(world, [wishOf(world, 0, 1), wishOf(world, 3, 3)]);
    expect(rangesOf(reads)).toEqual([
      [0, 1],
      [3, 3],
    ]);
    expect(world.source.fetches.length).toBe(1);
    for (const { first, last, batches } of reads.parts) {
      const offsets = recordsOf(batches).map(({ offset }) => offset);
      for (let offset = first; offset <= last; offset++) expect(offsets).toContain(offset);
    }
    expect(world.source.lent).toBe(1);
    reads.release();
    reads.release();
    expect(world.source.lent).toBe(0);
  });

  test("wishes far apart: little is read for each", async () => {
    const world = await scannedWorld(Array.from({ length: 400 }, () => "x".repeat(1000)));
    const { partition } = wishOf(world, 0, 0);
    const wishes = [0, 2, 4, 150, 399].map((first) => {
      partition.assign({ first, last: first }, fateOf({ deliveries: 1, bytes: 1100 }));
      return wishOf(world, first, first);
    });
    const reads = await read(world, wishes);
    expect(rangesOf(reads).map(([first]) => first)).toEqual([0, 2, 4, 150, 399]);
    expect(world.source.fetches.length).toBe(3);
    const batches = new Set(reads.parts.map((part) => part.batches));
    expect([...batches].reduce((sum, { length }) => sum + length, 0)).toBeLessThan(16_000);
    reads.release();
    expect(world.source.lent).toBe(0);
  });

  test("wishes far apart that are larger than was thought: what is too much is given back", async () => {
    const values = Array.from({ length: 500 }, (_, at) => "x".repeat(at % 150 === 0 ? 6000 : 1));
    const world = await scannedWorld(values);
    const { partition } = wishOf(world, 0, 0);
    const wishes = [0, 150, 300, 450].map((first) => {
      partition.assign({ first, last: first }, fateOf({ deliveries: 1, bytes: 1 }));
      return wishOf(world, first, first);
    });
    const reads = await read(world, wishes, 9000);
    expect(rangesOf(reads).map(([first]) => first)).toEqual([0, 150]);
    expect([world.source.fetches.length, world.source.lent]).toEqual([3, 2]);
    reads.release();
    expect(world.source.lent).toBe(0);
  });

  test("bytes run out: less than was wished, but the first batch however large", async () => {
    const large = "x".repeat(200_000);
    const world = await scannedWorld([large, large, large]);
    const one = await read(world, [wishOf(world, 0, 2)], 1);
    expect(rangesOf(one)).toEqual([[0, 0]]);
    const two = await read(world, [wishOf(world, 0, 2)], 390_000);
    expect(rangesOf(two).flat().at(-1)).toBe(1);
    one.release();
    two.release();
  });

  test("a wish larger than one reading: in parts, one behind the other", async () => {
    const world = await scannedWorld(Array.from({ length: 5 }, () => "x".repeat(70_000)));
    const { partition } = wishOf(world, 0, 0);
    // A run whose records are thought to be small is read in small pieces.
    partition.assign({ first: 0, last: 4 }, { ...wishOf(world, 0, 0).run.fate, bytes: 1 });
    const reads = await read(world, [wishOf(world, 0, 4)]);
    expect(rangesOf(reads).flat()).toEqual([0, 0, 1, 1, 2, 2, 3, 3, 4, 4]);
    reads.release();
  });

  test("records that are gone: told with the offset where the log begins", async () => {
    const world = await scannedWorld(["a", "b", "c"]);
    await world.broker.topics.deleteRecords("t", [{ partition: 0, offset: 2 }]);
    const reads = await read(world, [wishOf(world, 0, 1), wishOf(world, 2, 2)]);
    expect([...reads.gone.values()]).toEqual([2]);
    expect(rangesOf(reads)).toEqual([[2, 2]]);
    reads.release();
    expect(world.source.lent).toBe(0);
  });

  test("a read that fails: nothing stays lent", async () => {
    const world = await scannedWorld(["a".repeat(100_000), "b".repeat(100_000)]);
    world.source.beforeFetch = () => {
      if (world.source.lent > 0) throw new Error("it hurts");
    };
    const partition = world.partitionOf("g", "t");
    partition.assign({ first: 0, last: 1 }, { ...wishOf(world, 0, 0).run.fate, bytes: 1 });
    await expect(read(world, [wishOf(world, 0, 1)])).rejects.toThrow("it hurts");
    expect(world.source.lent).toBe(0);
  });
});

import { expect, test } from "vitest";
import { filesOfCut } from "../../src/log/log-cut.ts";
import { FaultyDisk } from "../support/faulty-disk.ts";
import { batchOfSize, LogFixture } from "../support/log-fixture.ts";
import { producerBatch } from "../support/producer-batches.ts";

async function filled(config: object = {}) {
  const disk = new FaultyDisk();
  const fixture = new LogFixture({ disk, config });
  const log = await fixture.open();
  for (let count = 0; count < 5; count++) await log.append([batchOfSize(400)]).durable;
  return { disk, log };
}

test("a cut ends where readers could see: nothing that came later, nothing that is not durable", async () => {
  const { log } = await filled();
  const pending = log.append([batchOfSize(400)]);
  const cut = log.cut();
  expect(cut.bases).toEqual([0, 2, 4]);
  expect(cut.end).toEqual({ offset: 5, position: 400 });
  expect(cut.checkpoint).toMatchObject({ recoveryPoint: 5, segmentBase: 4, position: 400 });
  await pending.durable;
  cut.release();
  await log.close();
});

test("its files: sealed segments with their indexes, the active one as far as it counts", async () => {
  const { disk, log } = await filled();
  disk.setContents("/data/orders-0/partition.metadata", new Uint8Array(1));
  for (const stranger of ["x.log", "00000000000000000004.index.tmp", "quarantine/a"]) {
    disk.setContents(`/data/orders-0/${stranger}`, new Uint8Array(1));
  }
  const cut = log.cut();
  for (let count = 0; count < 4; count++) await log.append([batchOfSize(400)]).durable;
  const files = await filesOfCut(disk, cut);
  const name = (base: number, ending: string): string => `${base}`.padStart(20, "0") + ending;
  expect(files.map((file) => [file.name, file.kind])).toEqual([
    [name(0, ".index"), "beside"],
    [name(0, ".log"), "sealed"],
    [name(0, ".timeindex"), "beside"],
    [name(2, ".index"), "beside"],
    [name(2, ".log"), "sealed"],
    [name(2, ".timeindex"), "beside"],
    [name(4, ".log"), "active"],
    ["partition.metadata", "beside"],
  ]);
  expect(files.find(({ kind }) => kind === "active")).toMatchObject({
    bytes: 400,
    offsets: { from: 4, to: 5 },
  });
  cut.release();
  await log.close();
});

test("of producers: what is known at or below the end, and not above", async () => {
  const { disk, log } = await filled();
  const roll = async (sequence: number): Promise<void> => {
    await log.append([producerBatch({ id: 1, sequence })]).durable;
    await log.append([batchOfSize(800)]).durable;
  };
  await roll(0);
  const cut = log.cut();
  await roll(1);
  await roll(2);
  const files = await filesOfCut(disk, cut);
  const offsets = files
    .filter(({ name }) => name.endsWith(".snapshot"))
    .map(({ name }) => Number.parseInt(name, 10));
  expect(offsets.length).toBeGreaterThan(0);
  expect(Math.max(...offsets)).toBeLessThanOrEqual(cut.end.offset);
  cut.release();
  await log.close();
});

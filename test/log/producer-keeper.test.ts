import { describe, expect, test } from "vitest";
import { FaultyDisk } from "../support/faulty-disk.ts";
import { batchOfValues, LogFixture, logDirectory } from "../support/log-fixture.ts";
import { producerBatch } from "../support/producer-batches.ts";

const config = { segmentBytes: 300 };

async function opened(): Promise<{ disk: FaultyDisk; fixture: LogFixture }> {
  const disk = new FaultyDisk();
  const fixture = new LogFixture({ disk, config });
  await fixture.open();
  await fixture.persist();
  return { disk, fixture };
}

function snapshots(disk: FaultyDisk): readonly number[] {
  const names = disk.paths().filter((path) => path.endsWith(".snapshot"));
  return names.map((path) => Number.parseInt(path.slice(logDirectory.length + 1), 10));
}

describe("producer keeper: checkpoints", () => {
  test("the first producer holds the checkpoint until there is a snapshot", async () => {
    const { disk, fixture } = await opened();
    const { log } = fixture;
    await log.append([batchOfValues(["before"])]).durable;
    disk.plan({ path: /snapshot/, effect: "fail", times: 100 });
    await log.append([producerBatch({ id: 1, sequence: 0 })]).durable;
    for (let round = 0; round < 2; round++) {
      expect(log.checkpoint()).toMatchObject({ recoveryPoint: 1 });
      await fixture.persist();
      await fixture.clock.run(0);
    }
    expect(fixture.kept.warnings).toContain("producers could not be written; restarts take longer");
    const after = new LogFixture({ disk: disk.kill(), config });
    const again = await after.open();
    expect(Array.from(again.producers(), ({ producerId }) => producerId)).toEqual([1]);
  });

  test("once it is there the checkpoint goes on, and the log's owner is told", async () => {
    const { disk, fixture } = await opened();
    const { log } = fixture;
    await log.append([producerBatch({ id: 1, sequence: 0 })]).durable;
    let told = 0;
    log.onAdvance(() => {
      told++;
    });
    log.checkpoint();
    await fixture.clock.run(0);
    expect(told).toBe(1);
    expect(log.checkpoint()).toMatchObject({ recoveryPoint: 1 });
    expect(snapshots(disk)).toEqual([1]);
  });
});

describe("producer keeper: rolls", () => {
  test("a snapshot where each segment begins, with the index of the one before", async () => {
    const { disk, fixture } = await opened();
    for (let sequence = 0; sequence < 10; sequence++) {
      await fixture.log.append([producerBatch({ id: 1, sequence })]).durable;
    }
    const bases = disk
      .paths()
      .filter((path) => path.endsWith(".log"))
      .map((path) => Number(path.slice(logDirectory.length + 1, -4)));
    expect(bases.length).toBeGreaterThan(2);
    expect(snapshots(disk)).toEqual(bases.slice(1));
    const indexes = disk.paths().filter((path) => path.endsWith(".txnindex"));
    expect(indexes).toHaveLength(bases.length - 1);
  });

  test("no room for it: the append is refused, and taken when there is room", async () => {
    const { disk, fixture } = await opened();
    const { log } = fixture;
    let sequence = 0;
    const full = disk.plan({ kind: "write", path: /snapshot/, effect: "full", times: 100 });
    for (; full.hits === 0; sequence++) {
      const { durable } = log.append([producerBatch({ id: 1, sequence })]);
      const outcome = await durable.then(
        () => "durable",
        (error: { code: string }) => error.code,
      );
      if (full.hits > 0) expect(outcome).toBe("DISK_FULL");
      if (outcome !== "durable") break;
    }
    full.cancel();
    const pending = log.append([producerBatch({ id: 1, sequence })]);
    expect(pending).toMatchObject({ baseOffset: sequence, isDuplicate: false });
    await pending.durable;
    expect(log.segmentCount()).toBe(2);
  });
});

test("producer keeper: before the last segment that tells of a producer goes, a snapshot tells of it", async () => {
  const { disk, fixture } = await opened();
  for (let sequence = 0; sequence < 8; sequence++) {
    await fixture.log.append([producerBatch({ id: 1, sequence })]).durable;
  }
  for (let index = 0; index < 8; index++) await fixture.log.append([batchOfValues(["x"])]).durable;
  await fixture.persist();
  const left = disk.kill();
  const [oldest, ...newer] = snapshots(left);
  expect(oldest).toBeGreaterThan(0);
  for (const offset of newer) {
    const path = `${logDirectory}/${String(offset).padStart(20, "0")}.snapshot`;
    left.setContents(path, Buffer.from("?"));
  }
  const damaged = new LogFixture({ disk: left, config });
  const log = await damaged.open();
  await log.trim(16);
  const after = new LogFixture({ disk: left.kill(), config });
  const again = await after.open();
  expect(again.positions()).toMatchObject({ logStartOffset: 16, highWatermark: 16 });
  expect(Array.from(again.producers(), ({ producerId }) => producerId)).toEqual([1]);
});

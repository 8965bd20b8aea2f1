import { describe, expect, test } from "vitest";
import { seededRandom } from "../../src/base/random.ts";
import type { RecoveryFacts } from "../../src/log/log-options.ts";
import {
  appended,
  config,
  edit,
  fixtureOf,
  flipped,
  limits,
  openedCorrupt,
  pathOf,
  quarantined,
  written,
} from "../support/damaged-log.ts";
import { FaultyDisk } from "../support/faulty-disk.ts";
import { batchOfSize, LogFixture } from "../support/log-fixture.ts";

// Closing and opening again must come to the same result, whatever the checkpoint says by then.
async function expectStillCorrupt(fixture: LogFixture): Promise<void> {
  const positions = fixture.log.positions();
  await fixture.closeClean();
  const again = await openedCorrupt((fixture.disk as FaultyDisk).kill());
  expect(again.log.positions()).toEqual(positions);
}

describe("recovery: torn tails are cut and kept", () => {
  test("garbage behind the end: cut, copied to quarantine, appends go on where the log ended", async () => {
    const disk = await written(5, 2);
    const garbage = seededRandom(1).bytes(200);
    edit(disk, pathOf(0), appended(garbage));
    const facts: RecoveryFacts[] = [];
    const observer = {
      appended: () => undefined,
      synced: () => undefined,
      recovered: (found: RecoveryFacts) => facts.push(found),
    };
    const fixture = new LogFixture({ disk, config, limits, observer });
    const log = await fixture.open();
    expect(facts).toEqual([{ scannedBytes: 500, cutBytes: 200, logEndOffset: 5 }]);
    expect(quarantined(disk)).toHaveLength(1);
    expect(disk.contents(quarantined(disk)[0] ?? "")).toEqual(garbage);
    expect(disk.contents(pathOf(0))?.length).toBe(500);
    expect(log.append([batchOfSize(100)]).baseOffset).toBe(5);
    await log.flush();
    expect((await fixture.readAll(0)).map(({ offset }) => offset)).toEqual([0, 1, 2, 3, 4, 5]);
  });

  test("valid batches of an earlier time behind a hole are not brought back", async () => {
    const disk = await written(6, 2);
    // Batch 3 was lost by the power cut, 4 and 5 of the same unsynced group were not.
    edit(disk, pathOf(0), (bytes) => bytes.fill(0, 300, 400));
    const fixture = fixtureOf(disk);
    const log = await fixture.open();
    expect(log.positions().logEndOffset).toBe(3);
    await log.append([batchOfSize(100, 7777)]).durable;
    const after = fixtureOf((fixture.disk as FaultyDisk).kill());
    await after.open();
    expect((await after.readAll(0)).map(({ timestampMs }) => timestampMs)).toEqual([
      1000, 1001, 1002, 7777,
    ]);
  });

  test("the last segment torn at its very beginning is emptied, not refused", async () => {
    const disk = await written(11, 10);
    edit(disk, pathOf(10), (bytes) => bytes.fill(0, 0, 61));
    const log = await fixtureOf(disk).open();
    expect(log.health().state).toBe("ok");
    expect(log.positions().logEndOffset).toBe(10);
  });

  test("an index that reaches beyond the cut is gone before the log is cut", async () => {
    const fixture = fixtureOf(await written(8, 2));
    const log = await fixture.open();
    await log.append([batchOfSize(100)]).durable;
    await log.close();
    const disk = (fixture.disk as FaultyDisk).kill();
    expect(disk.contents(pathOf(0, "index"))?.length).toBeGreaterThan(0);
    edit(disk, pathOf(0), (bytes) => bytes.fill(0, 420, 800));
    const after = fixtureOf(disk);
    await after.open();
    const operations = disk.operations.map(({ kind, path }) => `${kind} ${path}`);
    const removed = operations.indexOf(`remove ${pathOf(0, "index")}`);
    expect(removed).toBeGreaterThan(0);
    expect(removed).toBeLessThan(operations.indexOf(`truncate ${pathOf(0)}`));
    expect((await after.readAll(0)).length).toBe(4);
  });

  test("a reader sees nothing that has not been written again and synced", async () => {
    const disk = await written(5, 2);
    const fixture = fixtureOf(disk);
    await fixture.open();
    const kinds = disk.operations
      .filter(({ path }) => path === pathOf(0))
      .map(({ kind }) => kind)
      .filter((kind) => kind === "write" || kind === "sync");
    expect(kinds).toEqual(["write", "sync"]);
    expect(disk.isDurable(pathOf(0))).toBe(true);
  });

  test("bytes that a failed sync lost come back by being written again", async () => {
    const first = new FaultyDisk();
    const fixture = fixtureOf(first);
    const log = await fixture.open();
    await log.append([batchOfSize(100)]).durable;
    await fixture.persist();
    first.plan({ kind: "sync", effect: "fail" });
    await expect(log.append([batchOfSize(100)]).durable).rejects.toMatchObject({
      code: "KAFKA_STORAGE_ERROR",
    });
    const second = fixtureOf(first.kill());
    await second.open();
    expect(second.log.positions().highWatermark).toBe(2);
    const third = fixtureOf((second.disk as FaultyDisk).crash(seededRandom(3), "none"));
    await third.open();
    expect((await third.readAll(0)).length).toBe(2);
  });
});

describe("recovery: damage is not a torn tail", () => {
  test("a bad place with a good batch W or more behind it: corrupt, records below it served", async () => {
    const disk = await written(9, 0);
    edit(disk, pathOf(0), flipped(250));
    const fixture = await openedCorrupt(disk);
    expect(fixture.log.positions()).toMatchObject({ logStartOffset: 0, highWatermark: 2 });
    const result = await fixture.log.read({ offset: 0, maxBytes: 9999, upTo: "highWatermark" });
    expect(result.nextOffset).toBe(2);
    await expect(
      fixture.log.read({ offset: 2, maxBytes: 9999, upTo: "highWatermark" }),
    ).rejects.toMatchObject({ code: "CORRUPT_MESSAGE" });
    await expectStillCorrupt(fixture);
  });

  test("a bad place less than W before the end is cut", async () => {
    const disk = await written(7, 0);
    edit(disk, pathOf(0), flipped(250));
    const log = await fixtureOf(disk).open();
    expect(log.health().state).toBe("ok");
    expect(log.positions().logEndOffset).toBe(2);
  });

  test("a bad place in a segment that another follows: corrupt", async () => {
    const disk = await written(11, 5);
    edit(disk, pathOf(0), flipped(950));
    const fixture = await openedCorrupt(disk);
    expect(fixture.log.positions().highWatermark).toBe(9);
    await expectStillCorrupt(fixture);
  });

  test("an empty later segment is evidence too: the one before was synced", async () => {
    const disk = await written(10, 5);
    disk.setContents(pathOf(10), new Uint8Array(0));
    edit(disk, pathOf(0), flipped(950));
    expect((await openedCorrupt(disk)).log.positions().highWatermark).toBe(9);
  });

  test("a segment after the recovery point is missing: corrupt from there, nothing renumbered", async () => {
    const disk = await written(35, 5);
    await disk.remove(pathOf(10));
    const fixture = await openedCorrupt(disk);
    expect(fixture.log.positions().highWatermark).toBe(10);
    expect((await fixture.readAllBelow(10)).length).toBe(10);
    await expectStillCorrupt(fixture);
  });

  test("without a checkpoint a missing segment in the middle is found as well", async () => {
    const disk = await written(35, null);
    await disk.remove(pathOf(10));
    const fixture = await openedCorrupt(disk);
    expect(fixture.log.positions().highWatermark).toBe(10);
    await expectStillCorrupt(fixture);
  });

  test("a segment missing far below the recovery point is found when it is read, not skipped", async () => {
    const disk = await written(35, 35);
    await disk.remove(pathOf(10));
    const fixture = fixtureOf(disk);
    const log = await fixture.open();
    expect((await fixture.readAllBelow(10)).length).toBe(10);
    await expect(
      log.read({ offset: 10, maxBytes: 9999, upTo: "highWatermark" }),
    ).rejects.toMatchObject({ code: "CORRUPT_MESSAGE" });
    expect((await fixture.readAll(20)).length).toBe(15);
  });

  test("the first segment is missing though the log start was not moved: corrupt", async () => {
    const disk = await written(25, 22);
    await disk.remove(pathOf(0));
    const fixture = await openedCorrupt(disk);
    expect(fixture.log.positions()).toMatchObject({ logStartOffset: 10, highWatermark: 25 });
    await expectStillCorrupt(fixture);
  });

  test("the segment of the recovery point is missing: corrupt, what is below is served", async () => {
    const disk = await written(25, 25);
    await disk.remove(pathOf(20));
    const fixture = await openedCorrupt(disk);
    expect(fixture.log.positions().highWatermark).toBe(20);
    await expectStillCorrupt(fixture);
  });

  test("the recovery point lies beyond the file: corrupt", async () => {
    const disk = await written(8, 8);
    edit(disk, pathOf(0), (bytes) => bytes.slice(0, 430));
    const fixture = await openedCorrupt(disk);
    expect(fixture.log.positions().highWatermark).toBe(4);
    await expectStillCorrupt(fixture);
  });

  test("a batch of another format where the next one should begin: refused, not emptied", async () => {
    const disk = await written(1, null);
    edit(disk, pathOf(0), (bytes) => bytes.fill(1, 16, 17));
    const fixture = await openedCorrupt(disk);
    await expectStillCorrupt(fixture);
  });

  test("an empty sealed segment: corrupt", async () => {
    const disk = await written(25, 5);
    disk.setContents(pathOf(10), new Uint8Array(0));
    expect((await openedCorrupt(disk)).log.positions().highWatermark).toBe(10);
  });

  test("swapped segments: corrupt", async () => {
    const disk = await written(25, 5);
    const ten = disk.contents(pathOf(10)) ?? new Uint8Array(0);
    const twenty = disk.contents(pathOf(20)) ?? new Uint8Array(0);
    disk.setContents(pathOf(10), twenty);
    disk.setContents(pathOf(20), ten);
    expect((await openedCorrupt(disk)).log.positions().highWatermark).toBe(10);
  });
});

describe("recovery: empty and missing", () => {
  test("an empty last segment where the log before it ends is a fresh roll", async () => {
    const disk = await written(10, 5);
    disk.setContents(pathOf(10), new Uint8Array(0));
    const log = await fixtureOf(disk).open();
    expect(log.health().state).toBe("ok");
    expect(log.append([batchOfSize(100)]).baseOffset).toBe(10);
  });

  test("an empty segment alone, above offset 0 and without a checkpoint, is not opened", async () => {
    const disk = new FaultyDisk();
    disk.setContents(pathOf(10), new Uint8Array(0));
    await expect(fixtureOf(disk).open()).rejects.toMatchObject({ code: "KAFKA_STORAGE_ERROR" });
    expect(disk.contents(pathOf(10))).toEqual(new Uint8Array(0));
  });

  test("no segment at all where records were durable: not opened, nothing created", async () => {
    const disk = await written(3, 3);
    await disk.remove(pathOf(0));
    await expect(fixtureOf(disk).open()).rejects.toMatchObject({ code: "KAFKA_STORAGE_ERROR" });
    expect(disk.contents(pathOf(0))).toBeNull();
  });

  test("no directory and no leave to make one: not opened", async () => {
    const disk = new FaultyDisk();
    await expect(fixtureOf(disk).open({ createIfMissing: false })).rejects.toMatchObject({
      code: "KAFKA_STORAGE_ERROR",
    });
  });

  test("a directory in place of the log file: a clear error, nothing modified", async () => {
    const disk = new FaultyDisk();
    await disk.makeDirectory(pathOf(0));
    await expect(fixtureOf(disk).open()).rejects.toMatchObject({ code: "KAFKA_STORAGE_ERROR" });
  });
});

describe("recovery: the checkpoint", () => {
  test.each([true, false])(
    "of everything, closed (%s) or killed: only listed and measured",
    async (isClosed) => {
      const fixture = fixtureOf(await written(25, 25));
      await fixture.open();
      if (isClosed) await fixture.closeClean();
      const disk = (fixture.disk as FaultyDisk).kill();
      const after = fixtureOf(disk);
      const log = await after.open();
      const touched = disk.operations.filter(({ path }) => path.startsWith("/data/orders-0"));
      expect(touched.map(({ kind }) => kind)).toEqual(["list", "sizeOf"]);
      expect(log.positions()).toMatchObject({ logStartOffset: 0, highWatermark: 25 });
      expect(await after.readAll(0)).toHaveLength(25);
    },
  );

  test("a file longer than the checkpoint says is scanned", async () => {
    const fixture = fixtureOf(new FaultyDisk());
    const log = await fixture.open();
    for (let index = 0; index < 5; index++) await log.append([batchOfSize(100)]).durable;
    await fixture.closeClean();
    const disk = (fixture.disk as FaultyDisk).kill();
    edit(disk, pathOf(0), appended(new Uint8Array(70)));
    const after = fixtureOf(disk);
    await after.open();
    expect(disk.contents(pathOf(0))?.length).toBe(500);
    expect((await after.readAll(0)).length).toBe(5);
  });

  test("a checkpoint that contradicts itself is not used, and nothing is deleted", async () => {
    const disk = await written(25, 22);
    const checkpoint = { recoveryPoint: 22, logStartOffset: 0, segmentBase: 30, position: 0 };
    disk.setContents("/data/checkpoint", Buffer.from(JSON.stringify(checkpoint)));
    const fixture = fixtureOf(disk);
    const log = await fixture.open();
    expect(log.health().state).toBe("ok");
    expect(log.positions()).toMatchObject({ logStartOffset: 0, highWatermark: 25 });
    expect(fixture.kept.errors).toHaveLength(1);
  });

  test("segments wholly below the log start are an unfinished deletion", async () => {
    const disk = await written(35, 32);
    const checkpoint = { recoveryPoint: 32, logStartOffset: 20, segmentBase: 30, position: 200 };
    disk.setContents("/data/checkpoint", Buffer.from(JSON.stringify(checkpoint)));
    const log = await fixtureOf(disk).open();
    expect(log.positions()).toMatchObject({ logStartOffset: 20, highWatermark: 35 });
    expect(disk.contents(pathOf(10))).toBeNull();
    expect(disk.contents(pathOf(20))).not.toBeNull();
  });

  test("a recovery point at the end of a segment that the log start has passed", async () => {
    const disk = await written(10, 10);
    const checkpoint = { recoveryPoint: 10, logStartOffset: 10, segmentBase: 0, position: 1000 };
    disk.setContents("/data/checkpoint", Buffer.from(JSON.stringify(checkpoint)));
    disk.setContents(pathOf(10), new Uint8Array(0));
    const log = await fixtureOf(disk).open();
    expect(log.health().state).toBe("ok");
    expect(log.positions()).toMatchObject({ logStartOffset: 10, highWatermark: 10 });
    expect(disk.contents(pathOf(0))).toBeNull();
  });

  test("only what is behind the recovery point is read", async () => {
    const disk = await written(39, 37);
    await fixtureOf(disk).open();
    const read = disk.operations.filter(
      ({ kind, path }) => kind === "open" && path.endsWith(".log"),
    );
    expect(read.map(({ path }) => path)).toEqual([pathOf(30)]);
  });
});

import { describe, expect, test } from "vitest";
import { settle } from "../support/fake-clock.ts";
import { FaultyDisk } from "../support/faulty-disk.ts";
import { batchOfSize, LogFixture } from "../support/log-fixture.ts";

async function openedOn(disk: FaultyDisk, more = {}): Promise<LogFixture> {
  const fixture = new LogFixture({ disk, config: { segmentBytes: 1 << 20, ...more } });
  await fixture.open();
  return fixture;
}

describe("syncer: beside the writer", () => {
  test("an append that needs no sync is written while one is under way, and is not covered by it", async () => {
    const disk = new FaultyDisk();
    const { log } = await openedOn(disk);
    const release = disk.hold({ kind: "sync" });
    const seen: number[] = [];
    const note = (): number => seen.push(log.positions().highWatermark);
    void log.append([batchOfSize(100)]).durable.then(note);
    await settle();
    const second = log.append([batchOfSize(100)], { needsSync: false });
    await second.written;
    expect(log.positions()).toMatchObject({ highWatermark: 0, logEndOffset: 2 });
    release();
    await second.durable.then(note);
    expect(seen).toEqual([1, 2]);
  });

  test("flush waits for what the sync under way covers", async () => {
    const disk = new FaultyDisk();
    const { log } = await openedOn(disk);
    const release = disk.hold({ kind: "sync" });
    void log.append([batchOfSize(100)]);
    await settle();
    let isFlushed = false;
    const flushed = log.flush().then(() => {
      isFlushed = true;
    });
    await settle();
    expect(isFlushed).toBe(false);
    release();
    await flushed;
    expect(log.positions().highWatermark).toBe(1);
  });

  test("a failed sync refuses what it covered and what was written beside it", async () => {
    const disk = new FaultyDisk();
    const { log } = await openedOn(disk);
    disk.plan({ kind: "sync", effect: "fail" });
    const release = disk.hold({ kind: "sync" });
    const first = log.append([batchOfSize(100)]);
    await settle();
    const second = log.append([batchOfSize(100)], { needsSync: false });
    await second.written;
    const waiting = log.append([batchOfSize(100)]);
    release();
    for (const { durable } of [first, second, waiting]) {
      await expect(durable).rejects.toMatchObject({ code: "KAFKA_STORAGE_ERROR" });
    }
    expect(log.health().state).toBe("failed");
    expect(log.positions().highWatermark).toBe(0);
  });

  test("a write that ends after a sync has failed is refused: no later sync is believed", async () => {
    const disk = new FaultyDisk();
    const { log } = await openedOn(disk);
    disk.plan({ kind: "sync", effect: "fail" });
    const releaseSync = disk.hold({ kind: "sync" });
    const first = log.append([batchOfSize(100)]);
    await settle();
    const releaseWrite = disk.hold({ kind: "write" });
    const second = log.append([batchOfSize(100)], { needsSync: false });
    await settle();
    releaseSync();
    await expect(first.durable).rejects.toMatchObject({ code: "KAFKA_STORAGE_ERROR" });
    const syncs = disk.operations.filter(({ kind }) => kind === "sync").length;
    releaseWrite();
    await expect(second.durable).rejects.toMatchObject({ code: "KAFKA_STORAGE_ERROR" });
    expect(disk.operations.filter(({ kind }) => kind === "sync")).toHaveLength(syncs);
    expect(log.positions().highWatermark).toBe(0);
  });

  test("a roll waits for the sync under way and for one of what came after it", async () => {
    const disk = new FaultyDisk();
    const { log } = await openedOn(disk, { segmentBytes: 400 });
    const release = disk.hold({ kind: "sync", path: /\.log$/ });
    void log.append([batchOfSize(150)]);
    await settle();
    await log.append([batchOfSize(150)], { needsSync: false }).written;
    const rolled = log.append([batchOfSize(300)], { needsSync: false });
    await settle();
    expect(log.segmentCount()).toBe(1);
    release();
    await rolled.durable;
    expect(log.segmentCount()).toBe(2);
    expect(log.positions().highWatermark).toBe(3);
  });

  test("a write refused for lack of room while a sync is under way is synced away by the next", async () => {
    const disk = new FaultyDisk();
    const { log } = await openedOn(disk);
    const release = disk.hold({ kind: "sync" });
    void log.append([batchOfSize(100)]);
    await settle();
    disk.plan({ kind: "write", effect: "full" });
    const refused = log.append([batchOfSize(100)], { needsSync: false });
    await expect(refused.written).rejects.toMatchObject({ code: "DISK_FULL" });
    release();
    await settle();
    await log.close();
    expect(
      disk
        .paths()
        .filter((path) => path.endsWith(".log"))
        .every((path) => disk.isDurable(path)),
    ).toBe(true);
  });
});

import { describe, expect, test } from "vitest";
import { seededRandom } from "../../src/base/random.ts";
import { settle } from "../support/fake-clock.ts";
import { FaultyDisk } from "../support/faulty-disk.ts";
import { batchOfSize, batchOfValues, LogFixture, logDirectory } from "../support/log-fixture.ts";

const large = { segmentBytes: 1 << 20 };

function countOf(disk: FaultyDisk, kind: string, part = ".log"): number {
  return disk.operations.filter((each) => each.kind === kind && each.path.includes(part)).length;
}

async function openedOn(disk: FaultyDisk, more = {}): Promise<LogFixture> {
  const fixture = new LogFixture({ disk, config: { ...large, ...more } });
  await fixture.open();
  return fixture;
}

describe("writer: group commit", () => {
  test("appends of one turn share one write and one sync", async () => {
    const disk = new FaultyDisk();
    const { log } = await openedOn(disk);
    const pending = [1, 2, 3].map(() => log.append([batchOfValues(["a", "b"])]));
    expect(pending.map(({ baseOffset, nextOffset }) => [baseOffset, nextOffset])).toEqual([
      [0, 2],
      [2, 4],
      [4, 6],
    ]);
    await Promise.all(pending.map(({ durable }) => durable));
    expect(countOf(disk, "write")).toBe(1);
    expect(countOf(disk, "sync") - 1).toBe(1);
  });

  test("durable comes only after a sync that began after the write; readers see nothing before", async () => {
    const disk = new FaultyDisk();
    const { log } = await openedOn(disk);
    const release = disk.hold({ kind: "sync" });
    const seen: string[] = [];
    const first = log.append([batchOfSize(100)]);
    void first.written.then(() => seen.push("written"));
    void first.durable.then(() => seen.push("durable"));
    await settle();
    expect(seen).toEqual(["written"]);
    expect(log.positions()).toMatchObject({ logStartOffset: 0, highWatermark: 0, logEndOffset: 1 });
    expect((await log.read({ offset: 0, maxBytes: 999, upTo: "highWatermark" })).bytes.length).toBe(
      0,
    );
    const all = await log.read({ offset: 0, maxBytes: 999, upTo: "logEndOffset" });
    expect(all.nextOffset).toBe(1);
    all.release();
    // What comes during the sync is the next group, and is not covered by this sync.
    const second = log.append([batchOfSize(100)]);
    void second.durable.then(() => seen.push("second"));
    const operationsBefore = disk.operationCount;
    release();
    await second.durable;
    expect(seen).toEqual(["written", "durable", "second"]);
    const later = disk.operations.slice(operationsBefore).map(({ kind }) => kind);
    expect(later.filter((kind) => kind === "write" || kind === "sync")).toEqual(["write", "sync"]);
  });

  test("without need of a sync: written first, synced when nothing else waits", async () => {
    const disk = new FaultyDisk();
    const { log } = await openedOn(disk);
    const pending = log.append([batchOfSize(100)], { needsSync: false });
    await pending.written;
    await pending.durable;
    expect(log.positions().highWatermark).toBe(1);
  });

  test("durability os: visible when written, synced after flushMs", async () => {
    const disk = new FaultyDisk();
    const fixture = await openedOn(disk, { durability: "os", flushMs: 500 });
    const { log, clock } = fixture;
    const syncs = countOf(disk, "sync");
    const pending = log.append([batchOfSize(100)], { needsSync: false });
    await pending.written;
    expect(log.positions().highWatermark).toBe(1);
    await clock.run(499);
    expect(countOf(disk, "sync")).toBe(syncs);
    expect(log.checkpoint().recoveryPoint).toBe(0);
    await clock.run(1);
    await pending.durable;
    expect(countOf(disk, "sync")).toBe(syncs + 1);
    expect(log.checkpoint().recoveryPoint).toBe(1);
    expect(clock.timerCount).toBe(0);
  });

  test("never more than W unsynced, nor flushMessages records", async () => {
    const disk = new FaultyDisk();
    const fixture = new LogFixture({
      disk,
      config: { ...large, durability: "os", flushMessages: 7 },
      limits: { groupBytesMax: 100, unsyncedBytesMax: 250 },
    });
    const log = await fixture.open();
    const synced: number[] = [];
    for (let index = 0; index < 6; index++) {
      const pending = log.append([batchOfSize(100)], { needsSync: false });
      void pending.durable.then(() => synced.push(index));
      await pending.written;
      expect(index + 1 - synced.length).toBeLessThanOrEqual(2);
    }
    expect(synced).toEqual([0, 1, 2, 3]);
    await log.append([batchOfValues(["1", "2", "3", "4", "5", "6", "7"])], { needsSync: false })
      .durable;
  });

  test("flush makes everything durable, also what was not to be synced", async () => {
    const disk = new FaultyDisk();
    const { log } = await openedOn(disk, { durability: "os" });
    await log.flush();
    log.append([batchOfSize(100)], { needsSync: false });
    await log.flush();
    expect(log.checkpoint().recoveryPoint).toBe(1);
    expect(disk.isDurable(`${logDirectory}/00000000000000000000.log`)).toBe(true);
  });

  test("listeners hear of an advance before the append is answered, until they leave", async () => {
    const { log } = await openedOn(new FaultyDisk());
    const heard: number[] = [];
    const leave = log.onAdvance(() => heard.push(log.positions().highWatermark));
    await log.append([batchOfSize(100)]).durable;
    expect(heard).toEqual([1]);
    leave();
    await log.append([batchOfSize(100)]).durable;
    expect(heard).toEqual([1]);
  });
});

describe("writer: bounds", () => {
  test("an append larger than W is refused, whatever is queued", async () => {
    const { log } = await openedOn(new FaultyDisk());
    expect(() => log.append([batchOfSize(4097)])).toThrowError(
      expect.objectContaining({ code: "MESSAGE_TOO_LARGE" }),
    );
    await log.append([batchOfSize(4096)]).durable;
  });

  test("past the queue's bound appends are refused, and taken again once it has drained", async () => {
    const disk = new FaultyDisk();
    const { log } = await openedOn(disk);
    const release = disk.hold({ kind: "write", path: /\.log$/ });
    const pending = [1, 2, 3, 4].map(() => log.append([batchOfSize(4096)]));
    expect(log.queuedBytes()).toBe(16_384);
    expect(() => log.append([batchOfSize(100)])).toThrowError(
      expect.objectContaining({ code: "SERVER_OVERLOADED" }),
    );
    release();
    await Promise.all(pending.map(({ durable }) => durable));
    expect(log.queuedBytes()).toBe(0);
    expect(log.append([batchOfSize(100)]).baseOffset).toBe(4);
  });
});

describe("writer: a full disk", () => {
  test("the group and all behind it are refused, offsets are given again, room brings it back", async () => {
    const disk = new FaultyDisk();
    const fixture = await openedOn(disk);
    const { log } = fixture;
    disk.capacityBytes = disk.usedBytes;
    const big = [1, 2].map(() => log.append([batchOfSize(4000)]));
    for (const { durable, written } of big) {
      await expect(written).rejects.toMatchObject({ code: "DISK_FULL" });
      await expect(durable).rejects.toMatchObject({ code: "DISK_FULL" });
    }
    expect(log.health()).toEqual({ state: "ok" });
    expect(log.positions()).toMatchObject({ logStartOffset: 0, highWatermark: 0, logEndOffset: 0 });
    expect(log.queuedBytes()).toBe(0);
    // Room for what is needed is enough; the larger step ahead is only tried.
    disk.capacityBytes = disk.usedBytes + 200;
    const again = log.append([batchOfValues(["after"])]);
    expect(again.baseOffset).toBe(0);
    await again.durable;
    expect((await fixture.readAll(0)).map(({ value }) => value)).toEqual(["after"]);
  });

  test("a write that stops half way is undone before anything else is written", async () => {
    const disk = new FaultyDisk();
    const fixture = await openedOn(disk);
    const { log } = fixture;
    await log.append([batchOfValues(["kept"])]).durable;
    const size = disk.contents(`${logDirectory}/00000000000000000000.log`)?.length;
    disk.plan({ kind: "write", effect: "full" });
    await expect(log.append([batchOfSize(900)]).durable).rejects.toMatchObject({
      code: "DISK_FULL",
    });
    expect(disk.contents(`${logDirectory}/00000000000000000000.log`)?.length).toBe(size);
    await log.append([batchOfValues(["after"])]).durable;
    expect((await fixture.readAll(0)).map(({ value }) => value)).toEqual(["kept", "after"]);
  });

  test("a roll that finds no room leaves the old segment active", async () => {
    const disk = new FaultyDisk();
    const fixture = await openedOn(disk, { segmentBytes: 300 });
    const { log } = fixture;
    await log.append([batchOfSize(250)]).durable;
    disk.plan({ kind: "open", path: /1\.log$/, effect: "full" });
    await expect(log.append([batchOfSize(250)]).durable).rejects.toMatchObject({
      code: "DISK_FULL",
    });
    expect(log.segmentCount()).toBe(1);
    await log.append([batchOfSize(250)]).durable;
    expect(log.segmentCount()).toBe(2);
    expect((await fixture.readAll(0)).length).toBe(2);
  });
});

describe("writer: a failed write or sync is final", () => {
  for (const kind of ["write", "sync"] as const) {
    test(`${kind}: everything waiting is rejected, appends are refused, reads go on`, async () => {
      const disk = new FaultyDisk();
      const fixture = await openedOn(disk);
      const { log } = fixture;
      await log.append([batchOfValues(["durable"])]).durable;
      let advances = 0;
      log.onAdvance(() => advances++);
      disk.plan({ kind, path: /\.log$/, effect: "fail" });
      const first = log.append([batchOfSize(100)]);
      await settle(1);
      const failure = { code: "KAFKA_STORAGE_ERROR" };
      await expect(first.durable).rejects.toMatchObject(failure);
      expect(() => log.append([batchOfSize(100)])).toThrowError(expect.objectContaining(failure));
      await expect(log.flush()).rejects.toMatchObject(failure);
      expect(log.health().state).toBe("failed");
      expect(advances).toBe(1);
      expect(log.positions().highWatermark).toBe(1);
      expect((await fixture.readAll(0)).map(({ value }) => value)).toEqual(["durable"]);
      const { operationCount } = disk;
      await log.close();
      const late = disk.operations.slice(operationCount).map((each) => each.kind);
      expect(late).not.toContain("sync");
      expect(late).not.toContain("write");
    });
  }

  test("a promise nobody awaits does not end the process", async () => {
    const disk = new FaultyDisk();
    const { log } = await openedOn(disk);
    const unhandled: unknown[] = [];
    const listener = (reason: unknown): number => unhandled.push(reason);
    process.on("unhandledRejection", listener);
    disk.plan({ kind: "sync", effect: "fail" });
    log.append([batchOfSize(100)]);
    await settle();
    process.off("unhandledRejection", listener);
    expect(log.health().state).toBe("failed");
    expect(unhandled).toEqual([]);
  });
});

describe("writer: rolling", () => {
  test("by size: before a segment would exceed it; all batches of an append stay together", async () => {
    const disk = new FaultyDisk();
    const { log } = await openedOn(disk, { segmentBytes: 300 });
    await log.append([batchOfSize(100), batchOfSize(100)]).durable;
    await log.append([batchOfSize(100), batchOfSize(100)]).durable;
    await log.append([batchOfSize(100), batchOfSize(100), batchOfSize(150)]).durable;
    const sizes = disk
      .paths()
      .filter((path) => path.endsWith(".log"))
      .map((path) => disk.contents(path)?.length);
    expect(sizes).toEqual([200, 200, 350]);
  });

  test("many segments are rolled within one turn of appends", async () => {
    const fixture = await openedOn(new FaultyDisk(), { segmentBytes: 300 });
    for (let index = 0; index < 20; index++) fixture.log.append([batchOfSize(140)]);
    await fixture.log.flush();
    expect(fixture.log.segmentCount()).toBe(10);
    expect((await fixture.readAll(0)).length).toBe(20);
  });

  test("by age of the records, and by the clock when asked", async () => {
    const fixture = await openedOn(new FaultyDisk(), { segmentMs: 1000 });
    const { log, clock } = fixture;
    const nowMs = clock.nowMs();
    await log.append([batchOfSize(100, nowMs)]).durable;
    await log.append([batchOfSize(100, nowMs + 1000)]).durable;
    expect(log.segmentCount()).toBe(1);
    await log.append([batchOfSize(100, nowMs + 1001)]).durable;
    expect(log.segmentCount()).toBe(2);
    await clock.run(2001);
    await log.rollIfDue();
    expect(log.segmentCount()).toBe(2);
    await clock.run(1);
    await log.rollIfDue();
    expect(log.segmentCount()).toBe(3);
    await log.rollIfDue();
    expect(log.segmentCount()).toBe(3);
  });

  test("by age, also for a segment from before a restart", async () => {
    const fixture = await openedOn(new FaultyDisk(), { segmentMs: 1000 });
    await fixture.log.append([batchOfSize(100, fixture.clock.nowMs())]).durable;
    await fixture.closeClean();
    await fixture.clock.run(1001);
    const log = await fixture.open();
    await log.rollIfDue();
    expect(log.segmentCount()).toBe(2);
  });

  test("by a full index", async () => {
    const fixture = await openedOn(new FaultyDisk(), {
      indexIntervalBytes: 50,
      segmentIndexBytes: 48,
    });
    const { log } = fixture;
    // Room for three entries beside the last time entry: the first batch has none.
    for (let index = 0; index < 4; index++) await log.append([batchOfSize(100, 5 + index)]).durable;
    expect(log.segmentCount()).toBe(1);
    await log.append([batchOfSize(100, 99)]).durable;
    expect(log.segmentCount()).toBe(2);
  });

  test("reserved blocks are given back when a segment is sealed and when the log is closed", async () => {
    const disk = new FaultyDisk();
    const fixture = await openedOn(disk);
    await fixture.log.append([batchOfSize(100)]).durable;
    expect(disk.usedBytes).toBeGreaterThan(100_000);
    await fixture.log.close();
    expect(disk.usedBytes).toBeLessThan(1000);
  });
});

describe("writer: close", () => {
  test("what was queued becomes durable, then nothing is taken any more", async () => {
    const disk = new FaultyDisk();
    const fixture = await openedOn(disk, { durability: "os" });
    const { log } = fixture;
    const pending = log.append([batchOfSize(100)], { needsSync: false });
    const [closed] = await Promise.all([log.close(), log.close(), pending.durable]);
    expect(closed).toBeUndefined();
    expect(() => log.append([batchOfSize(100)])).toThrowError(
      expect.objectContaining({ code: "KAFKA_STORAGE_ERROR" }),
    );
    await expect(log.read({ offset: 0, maxBytes: 1, upTo: "highWatermark" })).rejects.toMatchObject(
      { code: "KAFKA_STORAGE_ERROR" },
    );
    const after = new LogFixture({ disk: disk.crash(seededRandom(1), "none"), config: large });
    await after.open();
    expect((await after.readAll(0)).length).toBe(1);
    expect(disk.openFiles).toBe(0);
    expect(disk.liveMaps).toBe(0);
  });

  test("when the last sync fails, close says so", async () => {
    const disk = new FaultyDisk();
    const { log } = await openedOn(disk, { durability: "os" });
    await log.append([batchOfSize(100)], { needsSync: false }).written;
    disk.plan({ kind: "sync", effect: "fail" });
    await expect(log.close()).rejects.toMatchObject({ code: "KAFKA_STORAGE_ERROR" });
    expect(disk.openFiles).toBe(0);
  });

  test("a lease outlives the log", async () => {
    const disk = new FaultyDisk({ views: "poisoned" });
    const fixture = await openedOn(disk);
    await fixture.log.append([batchOfValues(["leased"])]).durable;
    const result = await fixture.log.read({ offset: 0, maxBytes: 999, upTo: "highWatermark" });
    await fixture.log.close();
    await settle();
    expect(Buffer.from(result.bytes).toString("latin1")).toContain("leased");
    expect(disk.liveMaps).toBe(1);
    result.release();
    result.release();
    await settle();
    expect(disk.liveMaps).toBe(0);
  });
});

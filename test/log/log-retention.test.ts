import { describe, expect, test } from "vitest";
import { settle } from "../support/fake-clock.ts";
import { FaultyDisk } from "../support/faulty-disk.ts";
import { batchOfSize, LogFixture, logDirectory } from "../support/log-fixture.ts";

// Segments of three batches of 100 bytes, one record each.
async function filled(count: number, more = {}): Promise<LogFixture> {
  const config = { segmentBytes: 300, ...more };
  const fixture = new LogFixture({ disk: new FaultyDisk(), config });
  const log = await fixture.open();
  const nowMs = fixture.clock.nowMs();
  for (let index = 0; index < count; index++) {
    await log.append([batchOfSize(100, nowMs + index)]).durable;
  }
  return fixture;
}

function logFiles(fixture: LogFixture): readonly string[] {
  const paths = (fixture.disk as FaultyDisk).paths();
  return paths
    .filter((path) => path.startsWith(logDirectory) && path.includes(".log"))
    .map((path) => path.slice(-10));
}

describe("retention: trim", () => {
  test("removes whole segments below the offset and moves the log start", async () => {
    const fixture = await filled(10);
    const { log } = fixture;
    await log.trim(7);
    expect(log.positions().logStartOffset).toBe(7);
    expect(log.segmentCount()).toBe(2);
    expect((await fixture.readAll(7)).map(({ offset }) => offset)).toEqual([7, 8, 9]);
    await expect(log.read({ offset: 6, maxBytes: 1, upTo: "highWatermark" })).rejects.toMatchObject(
      { code: "OFFSET_BELOW_LOG_START", facts: { logStartOffset: 7 } },
    );
    await log.trim(3);
    expect(log.positions().logStartOffset).toBe(7);
    await expect(log.trim(11)).rejects.toMatchObject({ code: "OFFSET_OUT_OF_RANGE" });
  });

  test("the new start is durable before a file is touched, and files are unlinked later", async () => {
    const fixture = await filled(10);
    const disk = fixture.disk as FaultyDisk;
    const before = disk.operationCount;
    await fixture.log.trim(6);
    const kinds = disk.operations.slice(before).map(({ kind, path }) => `${kind} ${path}`);
    const persisted = kinds.indexOf("syncDirectory /data");
    expect(persisted).toBeGreaterThan(0);
    expect(kinds.findIndex((each) => each.startsWith(`rename ${logDirectory}`))).toBeGreaterThan(
      persisted,
    );
    expect(logFiles(fixture)).toEqual(["og.deleted", "og.deleted", "000006.log", "000009.log"]);
    await fixture.clock.run(59_999);
    expect(logFiles(fixture)).toHaveLength(4);
    await fixture.clock.run(1);
    expect(logFiles(fixture)).toEqual(["000006.log", "000009.log"]);
  });

  test("the new start is not seen before it is durable", async () => {
    const fixture = await filled(10);
    const disk = fixture.disk as FaultyDisk;
    const release = disk.hold({ kind: "rename", path: /checkpoint/ });
    const trimmed = fixture.log.trim(7);
    await settle(10);
    expect(fixture.log.positions().logStartOffset).toBe(0);
    release();
    await trimmed;
    expect(fixture.log.positions().logStartOffset).toBe(7);
  });

  test("what was waiting to be unlinked at a stop is unlinked at the next start", async () => {
    const fixture = await filled(10);
    await fixture.log.trim(6);
    await fixture.closeClean();
    expect(fixture.clock.timerCount).toBe(0);
    await fixture.open();
    expect(logFiles(fixture)).toEqual(["000006.log", "000009.log"]);
    expect(fixture.log.positions().logStartOffset).toBe(6);
  });

  test("when the checkpoint cannot be written no file is touched; a second trim makes up for it", async () => {
    const fixture = await filled(10);
    const disk = fixture.disk as FaultyDisk;
    const fault = disk.plan({ kind: "rename", path: /checkpoint/, effect: "fail" });
    await expect(fixture.log.trim(6)).rejects.toMatchObject({ code: "KAFKA_STORAGE_ERROR" });
    expect(fault.hits).toBe(1);
    expect(fixture.log.segmentCount()).toBe(4);
    // Nobody knows what the next start would find, so nobody is told.
    expect(fixture.log.positions().logStartOffset).toBe(0);
    expect(await fixture.readAll(0)).toHaveLength(10);
    await fixture.log.trim(6);
    expect(fixture.log.segmentCount()).toBe(2);
  });

  test("under durability os the log never starts above its durable end", async () => {
    const fixture = await filled(0, { durability: "os" });
    const { log } = fixture;
    await log.append([batchOfSize(100)], { needsSync: false }).written;
    expect(log.checkpoint().recoveryPoint).toBe(0);
    await log.trim(1);
    expect(log.checkpoint()).toMatchObject({ recoveryPoint: 1, logStartOffset: 1 });
  });

  test("a reader keeps its lease of a removed segment", async () => {
    const fixture = await filled(10);
    const result = await fixture.log.read({ offset: 0, maxBytes: 999, upTo: "highWatermark" });
    const copy = result.bytes.slice();
    await fixture.log.trim(9);
    await fixture.clock.run(60_000);
    expect(result.bytes).toEqual(copy);
    result.release();
    await settle();
    expect((fixture.disk as FaultyDisk).liveMaps).toBe(0);
  });
});

describe("retention: by size", () => {
  test("the oldest segments go while the log stays at least as large as asked", async () => {
    const fixture = await filled(10, { retentionBytes: 450 });
    expect(await fixture.log.applyRetention()).toBe(1);
    expect(fixture.log.positions().logStartOffset).toBe(3);
    expect(await fixture.log.sizeBytes()).toBe(700);
    expect(await fixture.log.applyRetention()).toBe(0);
    fixture.log.configure({ ...fixture.config, retentionBytes: 100 });
    expect(await fixture.log.applyRetention()).toBe(2);
    expect(await fixture.log.sizeBytes()).toBe(100);
  });

  test("retention.bytes of 0 empties the log; offsets go on", async () => {
    const fixture = await filled(10, { retentionBytes: 0 });
    expect(await fixture.log.applyRetention()).toBe(4);
    expect(fixture.log.positions()).toMatchObject({
      logStartOffset: 10,
      highWatermark: 10,
      logEndOffset: 10,
    });
    expect(fixture.log.append([batchOfSize(100)]).baseOffset).toBe(10);
    await fixture.closeClean();
    const log = await fixture.open();
    expect(log.positions().logStartOffset).toBe(10);
    expect((await fixture.readAll(10)).length).toBe(1);
  });
});

describe("retention: by age", () => {
  test("segments whose newest record is older go, the active one too after a roll", async () => {
    const fixture = await filled(10, { retentionMs: 1000 });
    const { log, clock } = fixture;
    await clock.run(1002);
    expect(await log.applyRetention()).toBe(0);
    await clock.run(1);
    expect(await log.applyRetention()).toBe(1);
    expect(log.positions().logStartOffset).toBe(3);
    await clock.run(1000);
    expect(await log.applyRetention()).toBe(3);
    expect(log.positions()).toMatchObject({
      logStartOffset: 10,
      highWatermark: 10,
      logEndOffset: 10,
    });
    expect(log.segmentCount()).toBe(1);
    expect(await log.applyRetention()).toBe(0);
  });

  test("a record from the future keeps its segment and those behind it", async () => {
    const fixture = await filled(0, { retentionMs: 1000 });
    const { log, clock } = fixture;
    const nowMs = clock.nowMs();
    for (let index = 0; index < 9; index++) {
      const future = index === 4 ? 1_000_000 : 0;
      await log.append([batchOfSize(100, nowMs + future)]).durable;
    }
    await clock.run(10_000);
    expect(await log.applyRetention()).toBe(1);
    expect(log.positions().logStartOffset).toBe(3);
  });

  test("a clock that goes back removes nothing, and appends go on", async () => {
    const fixture = await filled(10, { retentionMs: 1000 });
    fixture.clock.setWall(fixture.clock.nowMs() - 1_000_000_000);
    expect(await fixture.log.applyRetention()).toBe(0);
    await fixture.log.append([batchOfSize(100)]).durable;
  });

  test("where the policy does not delete, only trimmed segments go", async () => {
    const fixture = await filled(10, {
      retentionMs: 1,
      retentionBytes: 1,
      deleteByRetention: false,
    });
    await fixture.clock.run(100_000);
    expect(await fixture.log.applyRetention()).toBe(0);
    await fixture.log.trim(4);
    expect(fixture.log.segmentCount()).toBe(3);
  });
});

describe("retention: holds", () => {
  test("age and size remove nothing at or behind the lowest offset that is held", async () => {
    const fixture = await filled(10, { retentionMs: 1, retentionBytes: 0 });
    const { log, clock } = fixture;
    await clock.run(100_000);
    log.hold("one", 8);
    log.hold("other", 4);
    expect(await log.applyRetention()).toBe(1);
    expect(log.positions().logStartOffset).toBe(3);
    log.hold("other", 6);
    expect(await log.applyRetention()).toBe(1);
    expect(log.positions().logStartOffset).toBe(6);
    log.hold("other", null);
    expect(await log.applyRetention()).toBe(0);
    log.hold("one", null);
    expect(await log.applyRetention()).toBe(2);
    expect(log.positions().logStartOffset).toBe(10);
  });

  test("a hold at the end of a segment lets the segment go; in its last record it does not", async () => {
    const fixture = await filled(10, { retentionBytes: 100 });
    fixture.log.hold("one", 5);
    expect(await fixture.log.applyRetention()).toBe(1);
    expect(fixture.log.positions().logStartOffset).toBe(3);
    fixture.log.hold("one", 9);
    expect(await fixture.log.applyRetention()).toBe(2);
    expect(fixture.log.positions().logStartOffset).toBe(9);
  });

  test("a trim asks nobody, and a holder that is not there may let go", async () => {
    const fixture = await filled(10);
    fixture.log.hold("nobody", null);
    fixture.log.hold("one", 2);
    await fixture.log.trim(7);
    expect(fixture.log.positions().logStartOffset).toBe(7);
    expect(fixture.log.segmentCount()).toBe(2);
  });
});

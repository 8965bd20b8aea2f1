// The corruption table, row by row: what may have happened to the files of a partition, and what is made of it. Rows
// about a manifest speak of what stands in its place here: names, chained offsets, checksums and sizes are the
// authority (decision 0003). The rows about a data directory, its disk and its catalog are in the file beside this
// one; row 19, the swap of compaction, is tested with compaction, and row 25, a clock far ahead, with the age clock.

import { describe, expect, test } from "vitest";
import { seededRandom } from "../../src/base/random.ts";
import { segmentName } from "../../src/log/segment.ts";
import {
  appended,
  batchBytes,
  edit,
  fixtureOf,
  flipped,
  openedCorrupt,
  pathOf,
  quarantined,
  written,
} from "../support/damaged-log.ts";
import { outcomeOf } from "../support/engines.ts";
import { FakeClock } from "../support/fake-clock.ts";
import { FaultyDisk } from "../support/faulty-disk.ts";
import { batchOfSize, LogFixture, logDirectory } from "../support/log-fixture.ts";

const everything = { maxBytes: 9999, upTo: "highWatermark" } as const;

function offsetsUpTo(end: number): readonly number[] {
  return Array.from({ length: end }, (_, index) => index);
}

async function offsetsRead(fixture: LogFixture): Promise<readonly number[]> {
  return (await fixture.readAll(0)).map(({ offset }) => offset);
}

// Every record is read but the damaged ones, which are errors.
async function expectDamaged(fixture: LogFixture, count: number, damaged: readonly number[]) {
  for (let offset = 0; offset < count; offset++) {
    const read = fixture.log.read({ offset, maxBytes: 1, upTo: "highWatermark" });
    if (damaged.includes(offset))
      await expect(read).rejects.toMatchObject({ code: "CORRUPT_MESSAGE" });
    else expect(await outcomeOf(read), `offset ${offset}`).toBe("ok");
  }
}

describe("corruption table: the active segment", () => {
  test("1 torn tail: cut to the last whole batch, kept in quarantine, what was acknowledged is there", async () => {
    for (let length = 301; length < 700; length += 19) {
      const disk = await written(7, 3);
      edit(disk, pathOf(0), (bytes) => bytes.slice(0, length));
      const fixture = fixtureOf(disk);
      const { logEndOffset } = (await fixture.open()).positions();
      expect(logEndOffset).toBe(Math.floor(length / batchBytes));
      expect(quarantined(disk)).toHaveLength(length % batchBytes === 0 ? 0 : 1);
      expect(await offsetsRead(fixture)).toEqual(offsetsUpTo(logEndOffset));
    }
  });

  test("2 garbage behind the end: the same", async () => {
    const disk = await written(4, 2);
    const garbage = seededRandom(1).bytes(123);
    edit(disk, pathOf(0), appended(garbage));
    const fixture = fixtureOf(disk);
    await fixture.open();
    expect(disk.contents(quarantined(disk)[0] ?? "")).toEqual(garbage);
    expect(await offsetsRead(fixture)).toEqual(offsetsUpTo(4));
  });

  test("3 bit flip below the recovery point: nothing cut, reads around it, corrupt once it is seen", async () => {
    const disk = await written(8, 8);
    edit(disk, pathOf(0), flipped(370));
    const fixture = fixtureOf(disk);
    await fixture.open();
    await expectDamaged(fixture, 4, [3]);
    expect(fixture.log.health().state).toBe("corrupt");
    expect(() => fixture.log.append([batchOfSize(100)])).toThrowError(
      expect.objectContaining({ code: "KAFKA_STORAGE_ERROR" }),
    );
    expect(disk.contents(pathOf(0))?.length).toBe(800);
  });

  test("14 zero length: empty where nothing was acknowledged in it, else corrupt", async () => {
    const rolled = await written(10, 10);
    rolled.setContents(pathOf(10), new Uint8Array(0));
    const fixture = fixtureOf(rolled);
    await fixture.open();
    expect(fixture.log.append([batchOfSize(100)]).baseOffset).toBe(10);
    const lost = await written(15, 15);
    lost.setContents(pathOf(10), new Uint8Array(0));
    expect((await openedCorrupt(lost)).log.positions().highWatermark).toBe(10);
  });

  test("16 wrong magic in the first batch: refused, never emptied", async () => {
    const disk = await written(1, null);
    edit(disk, pathOf(0), flipped(16, 3));
    await openedCorrupt(disk);
    expect(disk.contents(pathOf(0))?.length).toBe(batchBytes);
  });

  test("28 good batches of an earlier time behind the tail: never brought back", async () => {
    const disk = await written(6, 2);
    edit(disk, pathOf(0), (bytes) => bytes.fill(0, 300, 400));
    const fixture = fixtureOf(disk);
    await fixture.open();
    await fixture.log.append([batchOfSize(100, 7777)]).durable;
    const again = fixtureOf((fixture.disk as FaultyDisk).crash(seededRandom(1), "none"));
    await again.open();
    const times = (await again.readAll(0)).map(({ timestampMs }) => timestampMs);
    expect(times).toEqual([1000, 1001, 1002, 7777]);
  });
});

describe("corruption table: sealed segments", () => {
  test("4 bit flip: the fetch of that batch is an error, the others are served, nothing cut", async () => {
    const disk = await written(25, 25);
    edit(disk, pathOf(0), flipped(370));
    const fixture = fixtureOf(disk);
    await fixture.open();
    await expectDamaged(fixture, 25, [3]);
    expect(disk.contents(pathOf(0))?.length).toBe(1000);
  });

  test("5 flip in base offset, length, epoch, magic: an error, soon", async () => {
    for (let bit = 0; bit < 17 * 8; bit += 5) {
      const disk = await written(25, 25);
      edit(disk, pathOf(0), flipped(300 + (bit >> 3), 1 << (bit & 7)));
      const fixture = fixtureOf(disk);
      await fixture.open();
      const read = fixture.log.read({ offset: 3, maxBytes: 1, upTo: "highWatermark" });
      await expect(read, `bit ${bit}`).rejects.toMatchObject({ code: "CORRUPT_MESSAGE" });
    }
  });

  test("6 a zeroed block: damage, not an end", async () => {
    const disk = await written(25, 25);
    edit(disk, pathOf(0), (bytes) => bytes.fill(0, 300, 400));
    const fixture = fixtureOf(disk);
    await fixture.open();
    expect(fixture.log.positions().highWatermark).toBe(25);
    // Behind a header that is gone, the next index entry is the first place that is known again.
    await expectDamaged(fixture, 25, [3, 4, 5]);
  });

  test("10 two segment files swapped: corrupt where they are scanned, an error where they are read", async () => {
    for (const checkpointed of [5, 25]) {
      const disk = await written(25, checkpointed);
      const first = disk.contents(pathOf(0)) ?? new Uint8Array(0);
      disk.setContents(pathOf(0), disk.contents(pathOf(10)) ?? new Uint8Array(0));
      disk.setContents(pathOf(10), first);
      const fixture = fixtureOf(disk);
      const log = await fixture.open();
      expect(log.health().state).toBe(checkpointed === 5 ? "corrupt" : "ok");
      const code = "CORRUPT_MESSAGE";
      await expect(log.read({ offset: 0, ...everything })).rejects.toMatchObject({ code });
      await expect(log.read({ offset: 12, ...everything })).rejects.toMatchObject({ code });
    }
  });

  test("11 a copy of a segment under another name: never read as other offsets", async () => {
    const disk = await written(25, 25);
    disk.setContents(pathOf(5), disk.contents(pathOf(0)) ?? new Uint8Array(0));
    const fixture = fixtureOf(disk);
    const log = await fixture.open();
    const code = "CORRUPT_MESSAGE";
    await expect(log.read({ offset: 6, ...everything })).rejects.toMatchObject({ code });
    const result = await log.read({ offset: 12, ...everything });
    expect(result.nextOffset).toBeGreaterThan(12);
    result.release();
    // Another generation of a name, which no manifest would know: such names mean nothing and are left alone.
    const other = `${logDirectory}/${segmentName(0)}.2.log`;
    const strange = await written(25, 5);
    strange.setContents(other, strange.contents(pathOf(0)) ?? new Uint8Array(0));
    const whole = fixtureOf(strange);
    await whole.open();
    expect(await offsetsRead(whole)).toEqual(offsetsUpTo(25));
    expect(strange.contents(other)).not.toBeNull();
  });

  test("12 one removed: what is before and behind keeps its offsets, the gap is an error", async () => {
    const disk = await written(35, 35);
    await disk.remove(pathOf(10));
    const fixture = fixtureOf(disk);
    await fixture.open();
    expect(await fixture.readAllBelow(10)).toHaveLength(10);
    await expect(fixture.log.read({ offset: 10, ...everything })).rejects.toMatchObject({
      code: "CORRUPT_MESSAGE",
    });
    expect((await fixture.readAll(20))[0]?.offset).toBe(20);
    const scanned = await written(35, 5);
    await scanned.remove(pathOf(10));
    expect((await openedCorrupt(scanned)).log.positions().highWatermark).toBe(10);
  });

  test("13 the first one removed, the log start not moved: corrupt", async () => {
    const disk = await written(25, 22);
    await disk.remove(pathOf(0));
    expect((await openedCorrupt(disk)).log.positions().logStartOffset).toBe(10);
  });

  test("15 zero length: corrupt where it is scanned, an error where it is read", async () => {
    const scanned = await written(25, 5);
    scanned.setContents(pathOf(10), new Uint8Array(0));
    expect((await openedCorrupt(scanned)).log.positions().highWatermark).toBe(10);
    const read = await written(35, 35);
    read.setContents(pathOf(10), new Uint8Array(0));
    const fixture = fixtureOf(read);
    await fixture.open();
    await expect(fixture.log.read({ offset: 10, ...everything })).rejects.toMatchObject({
      code: "CORRUPT_MESSAGE",
    });
  });
});

describe("corruption table: indexes", () => {
  const good = (disk: FaultyDisk): readonly number[] => [
    ...(disk.contents(pathOf(0, "index")) ?? []),
  ];

  test("7 missing: made again", async () => {
    const disk = await written(25, 25);
    const before = good(disk);
    for (const kind of ["index", "timeindex"]) await disk.remove(pathOf(0, kind));
    const fixture = fixtureOf(disk);
    await fixture.open();
    expect(await offsetsRead(fixture)).toEqual(offsetsUpTo(25));
    expect(good(disk)).toEqual(before);
  });

  test("8 entries past the end, unordered, odd length, another base: dropped and made again", async () => {
    const entry = (offset: number, position: number): Uint8Array => {
      const bytes = Buffer.alloc(8);
      bytes.writeUInt32BE(offset, 0);
      bytes.writeUInt32BE(position, 4);
      return bytes;
    };
    const others = [
      (bytes: Uint8Array) => Buffer.concat([bytes, entry(900, 90_000)]),
      (bytes: Uint8Array) => Buffer.concat([bytes, bytes]),
      (bytes: Uint8Array) => bytes.slice(0, bytes.length - 3),
      () => entry(3, 100),
      () => seededRandom(3).bytes(64),
    ];
    for (const [index, other] of others.entries()) {
      const disk = await written(25, 25);
      const before = good(disk);
      edit(disk, pathOf(0, "index"), other);
      const fixture = fixtureOf(disk);
      await fixture.open();
      expect(await offsetsRead(fixture), `case ${index}`).toEqual(offsetsUpTo(25));
      expect(good(disk), `case ${index}`).toEqual(before);
    }
  });

  test("8 and never trusted for the position of an append", async () => {
    const disk = await written(8, 8);
    disk.setContents(pathOf(0, "index"), Buffer.from([0, 0, 0, 99, 0, 0, 99, 99]));
    const fixture = fixtureOf(disk);
    const log = await fixture.open();
    await log.append([batchOfSize(100)]).durable;
    expect(disk.contents(pathOf(0))?.length).toBe(900);
    expect(await offsetsRead(fixture)).toEqual(offsetsUpTo(9));
  });

  test("9 an entry into the middle of a batch: found when it is used, made again", async () => {
    const disk = await written(25, 25);
    const before = good(disk);
    edit(disk, pathOf(0, "index"), (bytes) => {
      new DataView(bytes.buffer, bytes.byteOffset).setUint32(4, 250);
      return bytes;
    });
    const fixture = fixtureOf(disk);
    await fixture.open();
    for (const offset of offsetsUpTo(25)) {
      const result = await fixture.log.read({ offset, maxBytes: 1, upTo: "highWatermark" });
      expect(result.nextOffset).toBe(offset + 1);
      result.release();
    }
    expect(good(disk)).toEqual(before);
  });
});

describe("corruption table: time and repetition", () => {
  test("24 the clock goes backwards: appends go on, nothing is forgotten early, times stay as they came", async () => {
    const clock = new FakeClock();
    const config = { segmentBytes: 1000, retentionMs: 60_000 };
    const fixture = new LogFixture({ disk: new FaultyDisk(), clock, config });
    const log = await fixture.open();
    const startMs = clock.nowMs();
    for (let index = 0; index < 15; index++) {
      await log.append([batchOfSize(100, startMs + index)]).durable;
    }
    clock.setWall(startMs - 10 * 86_400_000);
    for (let index = 0; index < 15; index++) {
      await log.append([batchOfSize(100, clock.nowMs() + index)]).durable;
    }
    expect(await log.applyRetention()).toBe(0);
    expect(await offsetsRead(fixture)).toEqual(offsetsUpTo(30));
    const found = await log.offsetForTime(startMs + 14);
    expect(found).toMatchObject({ offset: 14, timestampMs: startMs + 14 });
  });

  test("27 a crash during recovery, at every call, over and over: as one recovery", async () => {
    let disk = await written(7, 2);
    edit(disk, pathOf(0), (bytes) => bytes.slice(0, 660));
    let crashes = 0;
    for (let nth = 1; ; nth++) {
      const halt = disk.plan({ nth, effect: nth % 2 === 0 ? "halt-before" : "halt-after" });
      const fixture = fixtureOf(disk);
      const outcome = await outcomeOf(fixture.open());
      halt.cancel();
      if (halt.hits === 0) {
        expect(await offsetsRead(fixture)).toEqual(offsetsUpTo(6));
        break;
      }
      expect(outcome).toBe("KAFKA_STORAGE_ERROR");
      crashes++;
      disk = disk.crash(seededRandom(nth));
    }
    expect(crashes).toBeGreaterThan(10);
  });
});

import { describe, expect, test } from "vitest";
import { viewOf } from "../../src/base/bytes.ts";
import type { LogConfig } from "../../src/log/log-types.ts";
import { batchesOf, batchOf } from "../support/batches.ts";
import { FakeClock } from "../support/fake-clock.ts";
import { FaultyDisk } from "../support/faulty-disk.ts";
import { LogFixture } from "../support/log-fixture.ts";

const compaction = {
  dirtyRatioMin: 0.5,
  minLagMs: 0,
  maxLagMs: Number.POSITIVE_INFINITY,
  deleteRetentionMs: 10_000,
};
const config: Partial<LogConfig> = { segmentBytes: 500, indexIntervalBytes: 150, compaction };
const resources = { keyBytesMax: 1 << 16, throttle: () => null };

const keyed = (key: string, value: string | null, timestampMs = 1000): Uint8Array =>
  batchOf([{ key, value, timestampMs }]);

async function put(fixture: LogFixture, ...batches: Uint8Array[]): Promise<void> {
  for (const batch of batches) await fixture.log.append([batch]).durable;
}

const keyedBy = (id: number, sequence: number, isTransactional = false): Uint8Array =>
  batchOf([{ key: "k0", value: `of ${id}`, timestampMs: 1000 }], {
    producer: { producerId: id, producerEpoch: 0, baseSequence: sequence },
    isTransactional,
  });

// Thirty records of four keys, in seven segments or so.
async function filled(
  more: Partial<typeof compaction> = {},
  batch = (index: number): Uint8Array => keyed(`k${index % 4}`, `v${index}`),
): Promise<LogFixture> {
  const fixture = new LogFixture({
    disk: new FaultyDisk(),
    config: { ...config, compaction: { ...compaction, ...more } },
  });
  await fixture.open();
  for (let index = 0; index < 30; index++) await put(fixture, batch(index));
  return fixture;
}

async function storedBatches({ log }: LogFixture): Promise<readonly Uint8Array[]> {
  const batches: Uint8Array[] = [];
  for (let next = 0; ; ) {
    const read = await log.read({ offset: next, maxBytes: 9999, upTo: "highWatermark" });
    if (read.bytes.length === 0) return batches;
    batches.push(...batchesOf(read.bytes.slice()));
    read.release();
    next = read.nextOffset;
  }
}

const paths = ({ disk }: LogFixture): string[] => (disk as FaultyDisk).paths();

async function expectLatest(fixture: LogFixture): Promise<void> {
  const lines = await summary(fixture);
  for (let offset = 26; offset < 30; offset++) {
    expect(lines).toContain(`${offset} k${offset % 4}=v${offset}`);
  }
}

const turn = (): Promise<void> =>
  new Promise((resolve) => {
    setImmediate(resolve);
  });

const summary = async (fixture: LogFixture): Promise<string[]> =>
  (await fixture.readAll(fixture.log.positions().logStartOffset)).map(
    ({ offset, key, value }) => `${offset} ${key}=${value}`,
  );

describe("compaction: the latest record of each key", () => {
  test("stays at its offset, across neighbours that become one segment", async () => {
    const fixture = new LogFixture({ disk: new FaultyDisk(), config });
    await fixture.open();
    for (let index = 0; index < 30; index++) {
      await put(fixture, keyed(`k${index % 4}`, `v${index}`));
    }
    const segmentsBefore = fixture.log.segmentCount();
    expect(await fixture.log.compactionNeed()).toMatchObject({ dirtyRatio: 1, isDue: true });
    const facts = await fixture.log.compact(resources);
    expect(facts).not.toBeNull();
    expect(fixture.log.segmentCount()).toBeLessThan(segmentsBefore);
    const cleanBelow = facts?.cleanBelow ?? 0;
    const left = (await summary(fixture)).filter((line) => Number.parseInt(line, 10) < cleanBelow);
    expect(left).toHaveLength(4);
    expect(await fixture.log.compactionNeed()).toMatchObject({ dirtyBytes: 0, isDue: false });
    const before = await summary(fixture);
    await fixture.closeClean();
    await fixture.open();
    expect(await summary(fixture)).toEqual(before);
    expect(fixture.log.positions().logEndOffset).toBe(30);
  });

  test("records without a key stay: nothing takes their place", async () => {
    const fixture = await filled({}, (index) =>
      batchOf([{ key: index % 3 === 0 ? null : "k", value: `v${index}` }]),
    );
    await fixture.log.compact(resources);
    const lines = await summary(fixture);
    for (let index = 0; index < 30; index += 3) expect(lines).toContain(`${index} null=v${index}`);
  });

  test("more keys than there is memory for: a part each run, in the end all", async () => {
    const fixture = await filled({}, (index) => keyed(`k${index % 10}`, `v${index}`));
    const few = { ...resources, keyBytesMax: 24 * 8 };
    let cleanBelow = 0;
    for (;;) {
      const facts = await fixture.log.compact(few);
      if (facts === null || facts.cleanBelow === cleanBelow) break;
      expect(facts.cleanBelow).toBeGreaterThan(cleanBelow);
      cleanBelow = facts.cleanBelow;
    }
    const left = (await summary(fixture)).filter((line) => Number.parseInt(line, 10) < cleanBelow);
    expect(left).toHaveLength(10);
  });

  test("no read is answered by batches without records while there are some behind them", async () => {
    const fixture = await filled({}, (index) => keyed(index < 25 ? "k" : `k${index}`, "v"));
    await fixture.log.compact(resources);
    const stored = await storedBatches(fixture);
    expect(viewOf(stored[0] ?? new Uint8Array(61)).getInt32(57)).toBeGreaterThan(0);
    for (let offset = 0; offset < 30; offset++) {
      const read = await fixture.log.read({ offset, maxBytes: 1, upTo: "highWatermark" });
      expect(viewOf(read.bytes).getInt32(57)).toBeGreaterThan(0);
      expect(read.nextOffset).toBeGreaterThan(offset);
      read.release();
    }
  });

  test("many runs: small segments become one, and the log ends where it did", async () => {
    const fixture = await filled();
    await fixture.log.compact(resources);
    await fixture.log.compact(resources);
    expect(fixture.log.segmentCount()).toBe(2);
    const read = await fixture.log.read({ offset: 0, maxBytes: 1 << 20, upTo: "highWatermark" });
    // The first segment ends where the active one begins, though what was last there is gone.
    expect(read.nextOffset).toBeGreaterThan(20);
    read.release();
  });
});

describe("compaction: what may be touched", () => {
  test("not the active segment, not what is held, not what is undecided", async () => {
    const fixture = await filled();
    const { log } = fixture;
    log.hold("queue", 0);
    expect(await log.compactionNeed()).toBeNull();
    log.hold("queue", 12);
    expect((await log.compact(resources))?.cleanBelow).toBeLessThanOrEqual(12);
    log.hold("queue", null);
    const lines = await summary(fixture);
    for (let index = 12; index < 30; index++) {
      expect(lines).toContain(`${index} k${index % 4}=v${index}`);
    }
    const open = await filled({}, (index) =>
      index === 5 ? keyedBy(7, 0, true) : keyed(`k${index % 4}`, `v${index}`),
    );
    expect((await open.log.compact(resources))?.cleanBelow ?? 0).toBeLessThanOrEqual(5);
  });

  test("not what is young; what waited for long is due, whatever the ratio", async () => {
    const fixture = await filled({ minLagMs: 5000, maxLagMs: 20_000, dirtyRatioMin: 1 }, (index) =>
      keyed(`k${index % 4}`, `v${index}`, new FakeClock().nowMs() + index),
    );
    expect(await fixture.log.compactionNeed()).toBeNull();
    fixture.clock.advance(6000);
    expect(await fixture.log.compactionNeed()).toMatchObject({ dirtyRatio: 1, isDue: false });
    fixture.clock.advance(20_000);
    expect(await fixture.log.compactionNeed()).toMatchObject({ isDue: true });
  });

  test("a topic that does not ask for it: nothing is done", async () => {
    const fixture = await filled();
    fixture.log.configure({ ...fixture.config, compaction: null });
    expect(await fixture.log.compactionNeed()).toBeNull();
    expect(await fixture.log.compact(resources)).toBeNull();
  });
});

describe("compaction: tombstones and markers", () => {
  test("a tombstone stays for its time, then goes without being asked for by new records", async () => {
    const fixture = await filled({}, (index) => keyed(`k${index % 4}`, index === 17 ? null : "v"));
    const tombstone = async (): Promise<boolean> => (await summary(fixture)).includes("17 k1=null");
    for (let index = 0; index < 9; index++) await put(fixture, keyed("k0", "w"));
    await put(fixture, keyed("k1", null));
    const last = fixture.log.positions().logEndOffset - 1;
    for (let index = 0; index < 9; index++) await put(fixture, keyed("k0", "w"));
    await fixture.log.compact(resources);
    expect(await tombstone()).toBe(false);
    expect(await summary(fixture)).toContain(`${last} k1=null`);
    expect(await fixture.log.compactionNeed()).toMatchObject({ isDue: false });
    fixture.clock.advance(9_999);
    expect(await fixture.log.compactionNeed()).toMatchObject({ isDue: false });
    fixture.clock.advance(1);
    expect(await fixture.log.compactionNeed()).toMatchObject({ isDue: true });
    await fixture.log.compact(resources);
    expect((await summary(fixture)).filter((line) => line.includes("k1="))).toEqual([]);
    expect(await fixture.log.compactionNeed()).toMatchObject({ isDue: false });
  });

  test("markers go when nothing of their transactions is left and the time is over", async () => {
    const fixture = await filled({}, (index) =>
      index % 6 === 0 ? keyedBy(index, 0, true) : keyed(`k${index % 4}`, "v"),
    );
    for (let index = 0; index < 30; index += 6) {
      const marker = { producerId: index, producerEpoch: 0, coordinatorEpoch: 0 };
      await fixture.log.appendMarker({ ...marker, isCommit: index % 12 === 0 }, 1000).durable;
    }
    for (let index = 0; index < 20; index++) await put(fixture, keyed("t", "w"));
    const markers = async (): Promise<number> => {
      let count = 0;
      for (const batch of await storedBatches(fixture)) {
        if ((viewOf(batch).getUint16(21) & 0x20) !== 0) count++;
      }
      return count;
    };
    // As long as the producers are known, their last batches stay, and so do the markers.
    await fixture.log.compact(resources);
    expect(await markers()).toBe(5);
    fixture.log.expireProducers(Number.POSITIVE_INFINITY);
    for (let index = 0; index < 20; index++) await put(fixture, keyed("t", "w"));
    await fixture.log.compact(resources);
    expect(await markers()).toBe(5);
    fixture.clock.advance(10_000);
    await fixture.log.compact(resources);
    expect(await markers()).toBe(0);
    const { lastStableOffset, highWatermark } = fixture.log.positions();
    expect(lastStableOffset).toBe(highWatermark);
  });

  test("a producer goes on where it was, though all of its records are gone", async () => {
    const fixture = await filled({}, (index) =>
      index === 3 ? keyedBy(9, 0) : keyed(`k${index % 4}`, `v${index}`),
    );
    await fixture.log.compact(resources);
    expect(await summary(fixture)).not.toContain("3 k0=of 9");
    await fixture.closeClean();
    const disk = fixture.disk as FaultyDisk;
    // Without any snapshot only the batches tell.
    for (const path of disk.paths().filter((each) => each.endsWith(".snapshot"))) {
      disk.setContents(path, new Uint8Array(0));
    }
    const again = new LogFixture({ disk, config });
    await again.open();
    expect(() => again.log.append([keyedBy(9, 5)])).toThrow(/expected 1/);
    await again.log.append([keyedBy(9, 1)]).durable;
  });
});

describe("compaction: beside others", () => {
  test("readers: what they lease stays, and every read tells the truth while files change", async () => {
    const fixture = await filled();
    const { log } = fixture;
    const before = await log.read({ offset: 0, maxBytes: 300, upTo: "highWatermark" });
    const kept = before.bytes.slice();
    let isOver = false;
    const reader = async (): Promise<number> => {
      let reads = 0;
      for (; !isOver; reads++) {
        await turn();
        await expectLatest(fixture);
        const found = await log.offsetForTime(1000);
        expect(found?.timestampMs).toBe(1000);
        expect(await log.maxTimestamp()).not.toBeNull();
      }
      return reads;
    };
    const readers = [reader(), reader()];
    for (let round = 0; round < 3; round++) {
      const resources = { keyBytesMax: 1 << 16, throttle: turn };
      expect(await log.compact(resources)).not.toBeNull();
      for (let index = 0; index < 10; index++) await put(fixture, keyed("z", `w${index}`));
    }
    isOver = true;
    for (const reads of await Promise.all(readers)) expect(reads).toBeGreaterThan(0);
    expect(Buffer.from(before.bytes)).toEqual(Buffer.from(kept));
    before.release();
    await log.close();
    expect((fixture.disk as FaultyDisk).liveMaps).toBe(0);
  });

  test("trim and retention: what they took is not put back, and the run ends", async () => {
    const fixture = await filled();
    const { log } = fixture;
    let isTrimmed = false;
    const throttle = (): Promise<void> | null => {
      if (isTrimmed) return null;
      isTrimmed = true;
      return log.trim(20);
    };
    expect(await log.compact({ ...resources, throttle })).toBeNull();
    expect(isTrimmed).toBe(true);
    expect(log.positions().logStartOffset).toBe(20);
    expect((await summary(fixture)).length).toBeLessThanOrEqual(10);
    expect(paths(fixture).filter((path) => /cleaned|swap/.test(path))).toEqual([]);
    expect(await log.compact(resources)).not.toBeNull();
    expect((await summary(fixture)).slice(-4).map((line) => line.split(" ")[0])).toEqual([
      "26",
      "27",
      "28",
      "29",
    ]);
  });

  test("close: ends a run that waits, and the log opens again as it was", async () => {
    const fixture = await filled();
    const before = await summary(fixture);
    const run = fixture.log.compact({ ...resources, throttle: () => new Promise(() => undefined) });
    await turn();
    await fixture.log.close();
    expect(await run).toBeNull();
    await fixture.open();
    expect(await summary(fixture)).toEqual(before);
    expect(paths(fixture).filter((path) => /cleaned|swap/.test(path))).toEqual([]);
  });
});

describe("compaction: what goes wrong", () => {
  test("a damaged batch ends the run before it: nothing behind it is touched or dropped", async () => {
    const fixture = await filled();
    await fixture.closeClean();
    const disk = fixture.disk as FaultyDisk;
    const victim = paths(fixture).filter((path) => path.endsWith(".log"))[2] ?? "";
    const bytes = disk.contents(victim) ?? new Uint8Array(0);
    bytes[70] = (bytes[70] ?? 0) ^ 1;
    disk.setContents(victim, bytes);
    await fixture.open();
    await expect(fixture.log.compact(resources)).rejects.toMatchObject({ code: "CORRUPT_MESSAGE" });
    expect(fixture.log.health()).toEqual({ state: "ok" });
    expect(Buffer.from(disk.contents(victim) ?? [])).toEqual(Buffer.from(bytes));
    await put(fixture, keyed("k0", "appends go on"));
  });

  test("no room: the run ends, nothing is left of it, and with room again it succeeds", async () => {
    const fixture = await filled();
    const disk = fixture.disk as FaultyDisk;
    const before = await summary(fixture);
    disk.plan({ kind: "write", path: /cleaned/, effect: "full" });
    await expect(fixture.log.compact(resources)).rejects.toMatchObject({ code: "DISK_FULL" });
    expect(await summary(fixture)).toEqual(before);
    expect(paths(fixture).filter((path) => /cleaned|swap/.test(path))).toEqual([]);
    expect(await fixture.log.compact(resources)).not.toBeNull();
  });

  test("any call fails once: the latest stay, reads go on, and so does the next opening", async () => {
    const calls = async (): Promise<number> => {
      const fixture = await filled();
      const disk = fixture.disk as FaultyDisk;
      const before = disk.operationCount;
      await fixture.log.compact(resources);
      return disk.operationCount - before;
    };
    const count = await calls();
    for (let nth = 1; nth <= count; nth += 2) {
      const fixture = await filled();
      const disk = fixture.disk as FaultyDisk;
      const fault = disk.plan({ nth, effect: "fail" });
      await fixture.log.compact(resources).catch(() => undefined);
      fault.cancel();
      await expectLatest(fixture);
      await fixture.log.compact(resources);
      await expectLatest(fixture);
      await fixture.log.close();
      await fixture.open();
      expect(fixture.log.health()).toEqual({ state: "ok" });
      await expectLatest(fixture);
    }
  });
});

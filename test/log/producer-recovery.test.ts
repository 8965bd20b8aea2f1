import { describe, expect, test } from "vitest";
import type { Log } from "../../src/log/log.ts";
import { rebuildAborted } from "../../src/log/producer-recovery.ts";
import { Segment } from "../../src/log/segment.ts";
import { encodeAborted } from "../../src/log/transaction-index.ts";
import { FaultyDisk } from "../support/faulty-disk.ts";
import { LogFixture, logDirectory, smallLimits } from "../support/log-fixture.ts";
import { modelOf } from "../support/producer-model.ts";
import { producerBatch } from "../support/producer-batches.ts";
import { seededRandom } from "../../src/base/random.ts";

const config = { segmentBytes: 300 };

function pathOf(offset: number, ending: string): string {
  return `${logDirectory}/${String(offset).padStart(20, "0")}.${ending}`;
}

async function written(): Promise<LogFixture> {
  const fixture = new LogFixture({ disk: new FaultyDisk(), config });
  const log = await fixture.open();
  for (let sequence = 0; sequence < 6; sequence++) {
    await log.append([producerBatch({ id: 1, sequence, isTransactional: true })]).durable;
    const isCommit = sequence % 2 === 0;
    const marker = { producerId: 1, producerEpoch: 0, coordinatorEpoch: 0, isCommit };
    await log.appendMarker(marker, 500).durable;
  }
  await log.append([producerBatch({ id: 2, sequence: 9, isTransactional: true })]).durable;
  await fixture.closeClean();
  return fixture;
}

function stateOf(log: Log): unknown {
  const entries = Array.from(log.producers(), (entry) => {
    const { batches, ...rest } = modelOf(entry);
    return { id: entry.producerId, ...rest, last: batches.at(-1) };
  });
  return [entries.sort((one, other) => one.id - other.id), log.positions()];
}

const disk = (fixture: LogFixture): FaultyDisk => fixture.disk as FaultyDisk;

describe("producer recovery: snapshots", () => {
  test("the newest one damaged in any byte: an older one and the batches say the same", async () => {
    const fixture = await written();
    const path = pathOf(13, "snapshot");
    const good = disk(fixture).contents(path);
    if (good === null) throw new Error("there is a snapshot at the end");
    const expected = stateOf(await fixture.open());
    await fixture.log.close();
    for (let at = 0; at < good.length; at++) {
      const bad = good.slice();
      bad[at] = (bad[at] ?? 0) ^ 0x10;
      disk(fixture).setContents(path, bad);
      const log = await fixture.open();
      expect(stateOf(log), `byte ${at}`).toEqual(expected);
      await log.close();
    }
    expect(fixture.kept.warnings).toHaveLength(good.length);
  });

  test("one above the end speaks of batches that are gone: it is not believed later either", async () => {
    const fixture = await written();
    const above = disk(fixture).contents(pathOf(13, "snapshot"));
    disk(fixture).setContents(pathOf(15, "snapshot"), above ?? new Uint8Array(0));
    const after = new LogFixture({ disk: disk(fixture).kill(), config });
    const log = await after.open();
    expect(disk(after).contents(pathOf(15, "snapshot"))).toBeNull();
    await log.append([producerBatch({ id: 2, sequence: 10, count: 2, isTransactional: true })])
      .durable;
    const expected = stateOf(log);
    const again = new LogFixture({ disk: disk(after).crash(seededRandom(3), "none"), config });
    expect(stateOf(await again.open())).toEqual(expected);
  });

  test("the only ones are above the end or damaged: their names stay, for the log had producers", async () => {
    const fixture = new LogFixture({ disk: new FaultyDisk(), config });
    const log = await fixture.open();
    await log.append([producerBatch({ id: 1, sequence: 0 })]).durable;
    await fixture.closeClean();
    disk(fixture).setContents(
      pathOf(20, "snapshot"),
      disk(fixture).contents(pathOf(1, "snapshot")) ?? new Uint8Array(0),
    );
    await disk(fixture).remove(pathOf(1, "snapshot"));
    let left = disk(fixture).kill();
    for (let round = 0; round < 3; round++) {
      const killed = new LogFixture({ disk: left, config });
      const again = await killed.open();
      expect(Array.from(again.producers(), ({ producerId }) => producerId)).toEqual([1]);
      expect(disk(killed).contents(pathOf(20, "snapshot"))).toEqual(new Uint8Array(0));
      left = left.kill();
    }
  });

  test("a transaction index ahead of the snapshot: what the batches tell is not told twice", async () => {
    const fixture = new LogFixture({ disk: new FaultyDisk() });
    const log = await fixture.open();
    const abort = { producerId: 1, producerEpoch: 0, coordinatorEpoch: 0, isCommit: false };
    const abortOne = async (sequence: number): Promise<void> => {
      await log.append([producerBatch({ id: 1, sequence, isTransactional: true })]).durable;
      await log.appendMarker(abort, 500).durable;
    };
    await abortOne(0);
    await fixture.persist();
    await fixture.clock.run(0);
    await abortOne(1);
    const left = disk(fixture).kill();
    expect(left.contents(pathOf(2, "snapshot"))).not.toBeNull();
    const spans = [0, 2].map((firstOffset) => ({
      producerId: 1,
      firstOffset,
      lastOffset: firstOffset + 1,
      lastStableOffset: firstOffset + 2,
    }));
    left.setContents(pathOf(0, "txnindex"), encodeAborted(spans));
    const again = await new LogFixture({ disk: left }).open();
    await again.append([producerBatch({ id: 2, sequence: 0 })]).durable;
    const read = await again.read({ offset: 0, maxBytes: 1 << 20, upTo: "lastStableOffset" });
    read.release();
    expect(read.aborted).toEqual(spans);
  });

  test("a transaction index ahead of the log: what a power cut took back is not sealed with it", async () => {
    const fixture = new LogFixture({ disk: new FaultyDisk() });
    const log = await fixture.open();
    await log.append([producerBatch({ id: 1, sequence: 0, isTransactional: true })]).durable;
    const marker = { producerId: 1, producerEpoch: 0, coordinatorEpoch: 0, isCommit: false };
    await log.appendMarker(marker, 500).durable;
    await fixture.persist();
    await fixture.clock.run(0);
    const left = disk(fixture).kill();
    const aborted = { producerId: 1, firstOffset: 0, lastOffset: 1, lastStableOffset: 2 };
    const gone = { producerId: 1, firstOffset: 2, lastOffset: 3, lastStableOffset: 4 };
    left.setContents(pathOf(0, "txnindex"), encodeAborted([aborted, gone]));
    const after = new LogFixture({ disk: left });
    const again = await after.open();
    // The same offsets again, and this time it is committed.
    await again.append([producerBatch({ id: 1, sequence: 1, isTransactional: true })]).durable;
    await again.appendMarker({ ...marker, isCommit: true }, 500).durable;
    for (let sequence = 0; sequence < 12; sequence++) {
      await again.append([producerBatch({ id: 2, sequence })]).durable;
    }
    expect(again.segmentCount()).toBeGreaterThan(1);
    await after.closeClean();
    const last = await new LogFixture({ disk: disk(after).kill() }).open();
    const read = await last.read({ offset: 0, maxBytes: 1 << 20, upTo: "lastStableOffset" });
    read.release();
    expect(read.aborted).toEqual([aborted]);
  });

  test("without a checkpoint all batches are read", async () => {
    const fixture = await written();
    const expected = stateOf(await fixture.open());
    await fixture.log.close();
    for (const path of disk(fixture).paths()) {
      if (path.endsWith(".snapshot") || path.endsWith(".txnindex"))
        await disk(fixture).remove(path);
    }
    expect(stateOf(await fixture.openAlone({ checkpoint: null }))).toEqual(expected);
  });
});

test("producer recovery: the aborted transactions of one segment, from any snapshots", async () => {
  const fixture = await written();
  const bases = disk(fixture)
    .paths()
    .filter((path) => path.endsWith(".log"))
    .map((path) => Number(path.slice(logDirectory.length + 1, -4)));
  expect(bases.length).toBeGreaterThan(3);
  const segments = bases.map((base) => new Segment(logDirectory, base));
  const { clock, logger, files } = fixture;
  const options = { directory: logDirectory, disk: fixture.disk, clock, logger, files };
  const log = { ...options, random: seededRandom(1), config: fixture.config, limits: smallLimits };
  const whole = {
    ...log,
    checkpoint: null,
    createIfMissing: false,
    persistCheckpoint: () => Promise.resolve(),
    observer: { appended: () => undefined, synced: () => undefined, recovered: () => undefined },
  };
  for (const snapshots of [bases.slice(1), bases.slice(1, 2), []]) {
    const found: number[] = [];
    for (let count = 1; count <= segments.length; count++) {
      const spans = await rebuildAborted(whole, segments.slice(0, count), snapshots);
      found.push(...spans.map(({ firstOffset }) => firstOffset));
    }
    expect(found).toEqual([2, 6, 10]);
  }
});

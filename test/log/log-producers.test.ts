// What a log remembers of producers, seen from outside: retries, fencing, transactions, and all of it after a restart.

import { describe, expect, test } from "vitest";
import type { Log } from "../../src/log/log.ts";
import type { PendingAppend } from "../../src/log/log-types.ts";
import { FaultyDisk } from "../support/faulty-disk.ts";
import { batchOfValues, LogFixture, logDirectory } from "../support/log-fixture.ts";
import { type ProducerBatchOptions, producerBatch } from "../support/producer-batches.ts";

function send(log: Log, options: ProducerBatchOptions): PendingAppend {
  return log.append([producerBatch(options)]);
}

function inTransaction(log: Log, id: number, sequence: number): PendingAppend {
  return send(log, { id, sequence, isTransactional: true });
}

function end(log: Log, id: number, isCommit: boolean): PendingAppend {
  const marker = { producerId: id, producerEpoch: 0, coordinatorEpoch: 0, isCommit };
  return log.appendMarker(marker, 2000);
}

function codeOf(act: () => unknown): string {
  try {
    act();
    return "ok";
  } catch (error) {
    return (error as { code: string }).code;
  }
}

async function abortedOf(log: Log, offset = 0, maxBytes = 1 << 20): Promise<readonly string[]> {
  const read = await log.read({ offset, maxBytes, upTo: "lastStableOffset" });
  read.release();
  return read.aborted.map(({ producerId, firstOffset }) => `${producerId}@${firstOffset}`);
}

function snapshots(disk: FaultyDisk): readonly string[] {
  const names = disk.paths().filter((path) => path.endsWith(".snapshot"));
  return names.map((path) => path.slice(logDirectory.length + 1).replace(/^0+(?=\d)/, ""));
}

async function opened(options: Partial<ConstructorParameters<typeof LogFixture>[0]> = {}) {
  const disk = new FaultyDisk();
  const fixture = new LogFixture({ disk, config: { segmentBytes: 100_000 }, ...options });
  return { disk, fixture, log: await fixture.open() };
}

describe("log: retries of idempotent producers", () => {
  test("a batch sent again: its first offsets, and nothing is appended", async () => {
    const { log } = await opened();
    const first = send(log, { id: 7, sequence: 0, count: 3, timestampMs: 5000 });
    await first.durable;
    const again = send(log, { id: 7, sequence: 0, count: 3, timestampMs: 5000 });
    expect(again).toMatchObject({ baseOffset: 0, nextOffset: 3, isDuplicate: true });
    expect(again.maxTimestampMs).toBe(5000);
    await again.durable;
    expect(log.positions().logEndOffset).toBe(3);
  });

  test("a retry is not acknowledged before the first append is durable, and asks for its sync", async () => {
    const { disk, fixture, log } = await opened({ config: { durability: "os", flushMs: 60_000 } });
    const first = log.append([producerBatch({ id: 1, sequence: 0 })], { needsSync: false });
    await first.written;
    const release = disk.hold({ kind: "sync" });
    const again = send(log, { id: 1, sequence: 0 });
    expect(again.isDuplicate).toBe(true);
    let isDurable = false;
    const done = again.durable.then(() => {
      isDurable = true;
    });
    await fixture.clock.run(0);
    expect(isDurable).toBe(false);
    release();
    await done;
    expect(isDurable).toBe(true);
  });

  test("the disk refuses the first append: the retry is refused too, the next one is new", async () => {
    const { disk, log } = await opened();
    await send(log, { id: 1, sequence: 0 }).durable;
    disk.plan({ kind: ["write", "reserve"], path: /\.log$/, effect: "full" });
    const first = send(log, { id: 1, sequence: 1 });
    const again = send(log, { id: 1, sequence: 1 });
    const behind = send(log, { id: 2, sequence: 50 });
    expect(again.isDuplicate).toBe(true);
    for (const pending of [first, again, behind]) {
      await expect(pending.durable).rejects.toMatchObject({ code: "DISK_FULL" });
    }
    expect([...log.producers()].map(({ producerId }) => producerId)).toEqual([1]);
    const third = send(log, { id: 1, sequence: 1 });
    expect(third).toMatchObject({ baseOffset: 1, isDuplicate: false });
    await third.durable;
  });

  test("several batches in one append: all or none, again or not at all", async () => {
    const { log } = await opened();
    const both = (): Uint8Array[] => [
      producerBatch({ id: 1, sequence: 0, count: 2 }),
      producerBatch({ id: 1, sequence: 2 }),
    ];
    expect(log.append(both())).toMatchObject({ baseOffset: 0, nextOffset: 3, isDuplicate: false });
    expect(log.append(both())).toMatchObject({ baseOffset: 0, nextOffset: 3, isDuplicate: true });
    const half = [producerBatch({ id: 1, sequence: 2 }), producerBatch({ id: 1, sequence: 3 })];
    expect(codeOf(() => log.append(half))).toBe("OUT_OF_ORDER_SEQUENCE_NUMBER");
    const gap = [producerBatch({ id: 1, sequence: 3 }), producerBatch({ id: 1, sequence: 5 })];
    expect(codeOf(() => log.append(gap))).toBe("OUT_OF_ORDER_SEQUENCE_NUMBER");
    expect(log.positions().logEndOffset).toBe(3);
    expect(send(log, { id: 1, sequence: 3 }).baseOffset).toBe(3);
    await log.flush();
  });

  test("expired producers may begin anywhere, those with an open transaction stay", async () => {
    const { fixture, log } = await opened();
    await send(log, { id: 1, sequence: 0 }).durable;
    await inTransaction(log, 2, 0).durable;
    await fixture.clock.run(1000);
    log.expireProducers(fixture.clock.nowMs());
    expect([...log.producers()].map(({ producerId }) => producerId)).toEqual([2]);
    expect(send(log, { id: 1, sequence: 40 }).baseOffset).toBe(2);
    await log.flush();
  });
});

describe("log: transactions", () => {
  test("the last stable offset stands at the first open transaction until its marker is readable", async () => {
    const { log } = await opened();
    await log.append([batchOfValues(["plain"])]).durable;
    await send(log, { id: 1, sequence: 0, count: 2, isTransactional: true }).durable;
    await inTransaction(log, 2, 0).durable;
    expect(log.positions()).toMatchObject({ lastStableOffset: 1, highWatermark: 4 });
    const marker = end(log, 1, true);
    expect(marker.baseOffset).toBe(4);
    expect(log.positions().lastStableOffset).toBe(1);
    await marker.durable;
    expect(log.positions()).toMatchObject({ lastStableOffset: 3, highWatermark: 5 });
    await end(log, 2, false).durable;
    expect(log.positions()).toMatchObject({ lastStableOffset: 6, highWatermark: 6 });
  });

  test("readers of committed records: end at it, and are told what was aborted, by first offset", async () => {
    const { log } = await opened();
    await inTransaction(log, 1, 0).durable; // 0
    await inTransaction(log, 2, 0).durable; // 1
    await end(log, 2, false).durable; // 2
    await inTransaction(log, 3, 0).durable; // 3
    const early = await log.read({ offset: 0, maxBytes: 1 << 20, upTo: "lastStableOffset" });
    expect(early).toMatchObject({ nextOffset: 0, aborted: [] });
    await end(log, 1, false).durable; // 4
    const upTo3 = await log.read({ offset: 0, maxBytes: 1 << 20, upTo: "lastStableOffset" });
    expect(upTo3.nextOffset).toBe(3);
    expect(upTo3.bytes.length).toBeGreaterThan(0);
    expect(await abortedOf(log)).toEqual(["1@0", "2@1"]);
    expect(await abortedOf(log, 0, 1)).toEqual(["1@0"]);
    expect(await abortedOf(log, 2)).toEqual(["1@0", "2@1"]);
    await end(log, 3, true).durable; // 5
    expect(await abortedOf(log, 3)).toEqual(["1@0"]);
    expect(await abortedOf(log, 5)).toEqual([]);
  });

  test("a batch outside the transaction, and markers of older epochs: refused", async () => {
    const { log } = await opened();
    await inTransaction(log, 1, 0).durable;
    expect(codeOf(() => send(log, { id: 1, sequence: 1 }))).toBe("INVALID_TXN_STATE");
    const marker = { producerId: 1, producerEpoch: 2, coordinatorEpoch: 5, isCommit: false };
    await log.appendMarker(marker, 1000).durable;
    expect(codeOf(() => log.appendMarker({ ...marker, producerEpoch: 1 }, 1000))).toBe(
      "INVALID_PRODUCER_EPOCH",
    );
    expect(codeOf(() => log.appendMarker({ ...marker, coordinatorEpoch: 4 }, 1000))).toBe(
      "TRANSACTION_COORDINATOR_FENCED",
    );
    // The epoch of the marker fences the producer that it was sent for.
    expect(codeOf(() => inTransaction(log, 1, 1))).toBe("INVALID_PRODUCER_EPOCH");
  });

  test("a marker without a transaction: appended, and older epochs are fenced from then on", async () => {
    const { log } = await opened();
    const marker = { producerId: 9, producerEpoch: 3, coordinatorEpoch: 0, isCommit: false };
    await log.appendMarker(marker, 1000).durable;
    expect(log.positions()).toMatchObject({ lastStableOffset: 1, highWatermark: 1 });
    expect(await abortedOf(log)).toEqual([]);
    expect(codeOf(() => send(log, { id: 9, epoch: 2, sequence: 0 }))).toBe(
      "INVALID_PRODUCER_EPOCH",
    );
  });

  test("the disk refuses first batch and marker: the transactions are as they were", async () => {
    const { disk, log } = await opened();
    await inTransaction(log, 1, 0).durable;
    disk.plan({ kind: ["write", "reserve"], path: /\.log$/, effect: "full" });
    const refused = [inTransaction(log, 2, 0), end(log, 1, true)];
    for (const pending of refused) {
      await expect(pending.durable).rejects.toMatchObject({ code: "DISK_FULL" });
    }
    expect(log.positions()).toMatchObject({ lastStableOffset: 0, logEndOffset: 1 });
    await end(log, 1, true).durable;
    expect(log.positions()).toMatchObject({ lastStableOffset: 2, highWatermark: 2 });
  });
});

describe("log: producers after a restart", () => {
  test("closed in order: a snapshot at the end, and nothing else is read", async () => {
    const { disk, fixture, log } = await opened();
    await send(log, { id: 1, sequence: 0, count: 2 }).durable;
    await inTransaction(log, 2, 0).durable;
    await fixture.closeClean();
    expect(snapshots(disk)).toEqual(["3.snapshot"]);
    const from = disk.operationCount;
    const again = await fixture.open();
    const opens = disk.operations.slice(from).filter(({ kind }) => kind === "open");
    const endings = opens.map(({ path }) => path.slice(-9)).sort();
    expect(endings).toEqual([".snapshot", ".txnindex", "heckpoint"]);
    expect(send(again, { id: 1, sequence: 0, count: 2 })).toMatchObject({ isDuplicate: true });
    expect(again.positions().lastStableOffset).toBe(2);
    await end(again, 2, false).durable;
    expect(await abortedOf(again)).toEqual(["2@2"]);
  });

  test("killed: as the batches say, also where a checkpoint covers them", async () => {
    const { disk, fixture, log } = await opened();
    await fixture.persist();
    await send(log, { id: 1, sequence: 0 }).durable;
    await fixture.persist();
    await fixture.clock.run(0);
    await inTransaction(log, 2, 0).durable;
    await end(log, 2, false).durable;
    await send(log, { id: 1, sequence: 1 }).durable;
    await fixture.persist();
    const after = new LogFixture({ disk: disk.kill(), config: fixture.config });
    const again = await after.open();
    expect(send(again, { id: 1, sequence: 1 })).toMatchObject({ baseOffset: 3, isDuplicate: true });
    expect(await abortedOf(again)).toEqual(["2@1"]);
  });

  test("a log without producers: no file of theirs, whatever happens to it", async () => {
    const { disk, fixture, log } = await opened({ config: { segmentBytes: 300 } });
    for (let index = 0; index < 5; index++) await log.append([batchOfValues(["a", "b"])]).durable;
    await fixture.closeClean();
    await fixture.open();
    const names = disk.paths().filter((path) => /snapshot|txnindex/.test(path));
    expect(names).toEqual([]);
  });

  test("segments that retention removes take their files along; producers stay", async () => {
    const { disk, fixture, log } = await opened({ config: { segmentBytes: 300 } });
    for (let sequence = 0; sequence < 8; sequence++) await send(log, { id: 1, sequence }).durable;
    await log.trim(6);
    await fixture.clock.run(100_000);
    const left = snapshots(disk).map((name) => Number.parseInt(name, 10));
    expect(Math.min(...left)).toBeGreaterThanOrEqual(3);
    await fixture.closeClean();
    const again = await fixture.open();
    expect(codeOf(() => send(again, { id: 1, sequence: 9 }))).toBe("OUT_OF_ORDER_SEQUENCE_NUMBER");
    expect(send(again, { id: 1, sequence: 7 }).isDuplicate).toBe(true);
  });

  test("transaction indexes of sealed segments: read when asked for, made again when missing or damaged", async () => {
    const { disk, fixture, log } = await opened({ config: { segmentBytes: 400 } });
    for (let round = 0; round < 8; round++) {
      await inTransaction(log, round, 0).durable;
      await end(log, round, round % 2 === 0).durable;
    }
    const expected = await abortedOf(log, 0, 1 << 20);
    const all = async (): Promise<readonly string[]> => {
      const found = new Set<string>();
      for (let offset = 0; offset < 16; offset++) {
        for (const name of await abortedOf(fixture.log, offset)) found.add(name);
      }
      return [...found];
    };
    expect(await all()).toEqual(["1@2", "3@6", "5@10", "7@14"]);
    await fixture.closeClean();
    await fixture.open();
    expect(await all()).toEqual(["1@2", "3@6", "5@10", "7@14"]);
    expect(await abortedOf(fixture.log, 0, 1 << 20)).toEqual(expected);
    await fixture.closeClean();
    const indexes = disk.paths().filter((path) => path.endsWith(".txnindex"));
    expect(indexes.length).toBeGreaterThan(2);
    await disk.remove(indexes[0] ?? "");
    disk.setContents(indexes[1] ?? "", new Uint8Array(20));
    await fixture.open();
    expect(await all()).toEqual(["1@2", "3@6", "5@10", "7@14"]);
  });

  test("every snapshot damaged or gone: all batches are read again", async () => {
    const { disk, fixture, log } = await opened({ config: { segmentBytes: 400 } });
    for (let sequence = 0; sequence < 4; sequence++) {
      await inTransaction(log, 1, sequence).durable;
      await end(log, 1, sequence % 2 === 0).durable;
    }
    await fixture.closeClean();
    for (const path of disk.paths().filter((name) => name.endsWith(".snapshot"))) {
      disk.setContents(path, new Uint8Array(10));
    }
    const again = await fixture.open();
    expect(send(again, { id: 1, sequence: 3, isTransactional: true }).isDuplicate).toBe(true);
    expect(await abortedOf(again, 2)).toContain("1@2");
    expect(fixture.kept.warnings).toContain("a snapshot of producers is damaged and is not used");
  });

  test("much appended since the last snapshot: a checkpoint brings the next one", async () => {
    const config = { segmentBytes: 1 << 30, segmentIndexBytes: 1 << 20 };
    const limits = { unsyncedBytesMax: 2 << 20, groupBytesMax: 2 << 20, queuedBytesMax: 4 << 20 };
    const { disk, fixture, log } = await opened({ config, limits });
    await send(log, { id: 1, sequence: 0 }).durable;
    await fixture.persist();
    await fixture.clock.run(0);
    expect(snapshots(disk)).toEqual(["1.snapshot"]);
    const value = "x".repeat(1 << 20);
    for (let sequence = 1; sequence <= 5; sequence++) {
      await send(log, { id: 1, sequence, value }).durable;
      await fixture.persist();
      await fixture.clock.run(0);
    }
    expect(snapshots(disk)).toEqual(["5.snapshot"]);
  });
});

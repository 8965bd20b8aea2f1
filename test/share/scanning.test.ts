import { describe, expect, test } from "vitest";
import type { SharePartition } from "../../src/share/share-partition.ts";
import type { ShareGroup } from "../../src/share/share-machine.ts";
import { FakeClock } from "../support/fake-clock.ts";
import { producerBatch } from "../support/producer-batches.ts";
import { ShareWorld } from "../support/share-processes.ts";

async function scanned(group: ShareGroup, world: ShareWorld, wanted = Infinity) {
  const partition = world.partitionOf(group.name, "t");
  await world.engine.scanner.scan(group, partition, wanted);
  return partition;
}

function rangesOf(partition: SharePartition): readonly (readonly [number, number])[] {
  const all = partition.within({ first: 0, last: Number.MAX_SAFE_INTEGER });
  return [...all].map(({ first, last }) => [first, last] as const);
}

describe("scanning", () => {
  test("records alike are one run across batches; what asks for its own treatment stands alone", async () => {
    const world = await ShareWorld.open();
    const group = await world.begun();
    await world.append("t", [{ value: "a" }, { value: "b" }]);
    await world.append("t", [
      { value: "c" },
      { value: "d", headers: [{ key: "varve-priority", value: "3" }] },
      { value: "e" },
    ]);
    const partition = await scanned(group, world);
    expect(rangesOf(partition)).toEqual([
      [0, 2],
      [3, 3],
      [4, 4],
    ]);
    expect(partition.scannedTo).toBe(5);
    expect(partition.header.frontier).toBe(0);
    expect(world.source.lent).toBe(0);
  });

  test("a delayed record: is found and not ready; keyed ones are runs of their own", async () => {
    const world = await ShareWorld.open();
    const group = await world.begun(1, { order: "key" });
    const later = String(world.clock.nowMs() + 500);
    await world.append("t", [
      { value: "a", headers: [{ key: "varve-deliver-at", value: later }] },
      { key: "k", value: "b" },
      { key: "k", value: "c" },
    ]);
    const partition = await scanned(group, world);
    expect(partition.counts).toMatchObject({ waiting: 3, delayed: 1 });
    expect(partition.runCount).toBe(3);
    expect(partition.peekReady()?.first).toBe(1);
  });

  test("with enough found to choose from: no further, however much there is", async () => {
    const world = await ShareWorld.open();
    const group = await world.begun();
    const many = Array.from({ length: 6000 }, () => ({ value: "x".repeat(90) }));
    for (let batch = 0; batch < 4; batch++) await world.append("t", many);
    const partition = await scanned(group, world, 1);
    expect(partition.counts.waiting).toBeGreaterThanOrEqual(10_000);
    expect(partition.scannedTo).toBeLessThan(24_000);
    const before = world.source.fetches.length;
    await scanned(group, world, 1);
    expect(world.source.fetches.length).toBe(before);
    expect((await scanned(group, world)).counts.waiting).toBe(24_000);
  });

  test("markers and aborted transactions: passed over; an open one is waited for", async () => {
    const world = await ShareWorld.open();
    const group = await world.begun(1, { isolation: "read_committed" });
    const place = { topic: "t", partition: 0 };
    world.broker.setTransactionGate({ check: () => null });
    const send = async (id: number, sequence: number): Promise<void> => {
      const batches = [producerBatch({ id, sequence, isTransactional: true, count: 2 })];
      const partitions = [{ ...place, batches, expectedEndOffset: null }];
      await world.broker.data.produce({ acks: -1, transactionalId: "x", partitions });
    };
    const end = (producerId: number, isCommit: boolean): Promise<void> =>
      world.broker.appendMarker(place, {
        producerId,
        producerEpoch: 0,
        coordinatorEpoch: 0,
        isCommit,
      });
    await send(1, 0);
    await end(1, false);
    await send(2, 0);
    await end(2, true);
    await send(3, 0);
    await world.append("t", [{ value: "behind" }]);
    const partition = await scanned(group, world);
    expect(rangesOf(partition)).toEqual([[3, 4]]);
    expect(partition.scannedTo).toBe(6);
    await end(3, false);
    await scanned(group, world);
    expect(rangesOf(partition)).toEqual([
      [3, 4],
      [8, 8],
    ]);
    expect(partition.scannedTo).toBe(10);
  });

  test("of a dead-letter topic: the queue's own letters, whatever they once asked for", async () => {
    const world = await ShareWorld.open();
    await world.topic("t.dead");
    const group = await world.group("g", { topic: "t", deadLetterTopic: "t.dead", order: "key" });
    world.engine.begin(group, world.places("t.dead"));
    const headers = (queue: string) => [
      { key: "varve-deliver-at", value: "9999999999999" },
      { key: "varve-dead-queue", value: queue },
    ];
    await world.append("t.dead", [
      { key: "k", value: "a", headers: headers("g") },
      { value: "b", headers: headers("other") },
      { value: "c" },
      { key: "k", value: "d", headers: headers("g") },
    ]);
    const partition = world.partitionOf("g", "t.dead");
    await world.engine.scanner.scan(group, partition, Infinity);
    expect(rangesOf(partition)).toEqual([
      [0, 0],
      [3, 3],
    ]);
    expect(partition.counts).toMatchObject({ waiting: 2, delayed: 0 });
  });

  test("records that are gone from the log: the scan goes on where it begins", async () => {
    const world = await ShareWorld.open();
    const group = await world.begun();
    await world.appendEach("t", ["a", "b", "c"]);
    await world.broker.topics.deleteRecords("t", [{ partition: 0, offset: 2 }]);
    expect(rangesOf(await scanned(group, world))).toEqual([[2, 2]]);
  });

  test("two scans of one partition at once: no record is found twice, none is taken back", async () => {
    const world = await ShareWorld.open();
    world.loopClock = new FakeClock();
    const loopClock = world.loopClock;
    await world.restart();
    const group = await world.begun();
    await world.append(
      "t",
      Array.from({ length: 60 }, (_, at) => ({
        value: "x".repeat(10_000),
        headers: [{ key: "varve-priority", value: String(at % 10) }],
      })),
    );
    // Time passes at every look, so that scans pause in the middle.
    const looks = loopClock.monotonicMs.bind(loopClock);
    loopClock.monotonicMs = () => {
      loopClock.advance(20);
      return looks();
    };
    const partition = world.partitionOf("g", "t");
    const { scanner } = world.engine;
    let isTaken = false;
    const scans = [0, 1, 2].map(() =>
      scanner.scan(group, partition, Infinity).then(() => {
        if (isTaken) return;
        isTaken = true;
        // What a receiver takes while the others still scan must stay taken.
        partition.assign({ first: 0, last: 59 }, null);
      }),
    );
    await Promise.all(scans);
    expect([partition.counts.waiting, partition.scannedTo]).toEqual([0, 60]);
  });

  test("a log that cannot be read: KAFKA_STORAGE_ERROR, and nothing counts as scanned", async () => {
    const world = await ShareWorld.open();
    const group = await world.begun();
    await world.appendEach("t", ["a", "b"]);
    const inner = world.source.fetch.bind(world.source);
    world.source.fetch = async (request) => {
      const { partitions, release } = await inner(request);
      const failed = { error: "KAFKA_STORAGE_ERROR" as const, detail: "it hurts" };
      const batches = new Uint8Array(0);
      return { partitions: partitions.map((each) => ({ ...each, ...failed, batches })), release };
    };
    await expect(scanned(group, world)).rejects.toMatchObject({ code: "KAFKA_STORAGE_ERROR" });
    world.source.fetch = inner;
    expect((await scanned(group, world)).counts.waiting).toBe(2);
    expect(world.source.lent).toBe(0);
  });

  test("a topic that is gone: nothing to scan, and no error", async () => {
    const world = await ShareWorld.open();
    const group = await world.begun();
    await world.append("t", [{ value: "a" }]);
    await world.broker.topics.delete("t");
    expect(world.engine.scanner.endOf(group, world.partitionOf("g", "t"))).toBeNull();
    expect((await scanned(group, world)).runCount).toBe(0);
  });
});

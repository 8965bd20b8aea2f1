import { describe, expect, test } from "vitest";
import { DiskWatch, type DiskMarks } from "../../src/broker/disk-watch.ts";
import { defaultBrokerSettings } from "../../src/broker/broker-settings.ts";
import { WatchedDisk } from "../../src/storage/watched-disk.ts";
import {
  createTopic,
  openTestEngine,
  outcomeOf,
  produce,
  readAll,
  readValues,
} from "../support/engines.ts";
import { FakeClock, settle } from "../support/fake-clock.ts";
import { FaultyDisk } from "../support/faulty-disk.ts";
import { KeptLogger } from "../support/log-fixture.ts";

const kib = 1024;
const marks: DiskMarks = {
  diskWarnBytes: 400 * kib,
  diskWarnPercent: 0,
  diskReserveBytes: 200 * kib,
  diskReservePercent: 0,
  diskStallMs: 5000,
};

function watchOf(differing: Partial<DiskMarks> = {}) {
  const inner = new FaultyDisk({ capacityBytes: 1000 * kib });
  const clock = new FakeClock();
  const logger = new KeptLogger();
  let shortCount = 0;
  const watch = new DiskWatch({
    disk: WatchedDisk.over(inner, clock),
    path: "/data",
    clock,
    logger,
    marks: { ...marks, ...differing },
    onShort: () => {
      shortCount++;
    },
  });
  const fill = async (freeKib: number) => {
    inner.capacityBytes = freeKib * kib;
    await watch.look();
    return watch.level;
  };
  return { inner, clock, logger, watch, fill, shorts: () => shortCount };
}

const place = { directoryName: "orders-0" };

describe("disk watch: marks", () => {
  test("down and back: each mark is named once, and the way back needs a quarter more", async () => {
    const { watch, fill, logger, shorts } = watchOf();
    expect(await fill(400)).toBe("roomy");
    expect([watch.problems(), watch.warnings()]).toEqual([[], []]);
    expect(await fill(399)).toBe("low");
    expect(await fill(200)).toBe("low");
    expect([watch.problems().length, watch.warnings().length, shorts()]).toEqual([0, 1, 1]);
    expect(await fill(199)).toBe("full");
    expect(watch.refusalOf(place)?.code).toBe("DISK_FULL");
    expect([watch.problems().length, watch.warnings().length, shorts()]).toEqual([1, 0, 2]);
    expect(await fill(249)).toBe("full");
    expect(await fill(250)).toBe("low");
    expect(watch.refusalOf(place)).toBeNull();
    expect(await fill(499)).toBe("low");
    expect(await fill(500)).toBe("roomy");
    expect([logger.warnings.length, logger.errors.length, shorts()]).toEqual([1, 1, 2]);
  });

  test("percent: of the whole disk, and the larger of the two marks holds", async () => {
    const { inner, watch } = watchOf({ diskReserveBytes: 0, diskReservePercent: 10 });
    inner.setContents("/filler", new Uint8Array(901 * kib));
    await watch.look();
    expect(watch.level).toBe("full");
    expect(watch.fullError().facts).toEqual({ freeBytes: 99 * kib, reserveBytes: 100 * kib });
  });

  test("no marks: never low", async () => {
    const none = { diskWarnBytes: 0, diskReserveBytes: 0 };
    const { fill } = watchOf(none);
    expect(await fill(0)).toBe("roomy");
  });

  test("reserving ahead: never below the first mark, however many logs wish to", async () => {
    const { watch, fill } = watchOf();
    await fill(500);
    let granted = 0;
    for (let log = 0; log < 20; log++) granted += watch.reservable(64 << 20);
    expect(granted).toBeGreaterThan(50 * kib);
    expect(granted).toBeLessThanOrEqual(100 * kib);
    await fill(399);
    expect(watch.reservable(1)).toBe(0);
  });

  test("looks: once a second while somebody writes, sooner when a mark may be near", async () => {
    const { inner, clock, watch } = watchOf();
    const looks = () => inner.operations.filter(({ kind }) => kind === "freeBytes").length;
    inner.capacityBytes = 2 ** 30;
    watch.refusalOf(place);
    await settle();
    clock.advance(999);
    watch.refusalOf(place);
    expect(looks()).toBe(1);
    clock.advance(1);
    watch.refusalOf(place);
    await settle();
    expect(looks()).toBe(2);
    watch.took(2 ** 28);
    watch.refusalOf(place);
    expect(looks()).toBe(2);
    watch.took(2 ** 29);
    inner.capacityBytes = 100 * kib;
    watch.refusalOf(place);
    await settle();
    expect(looks()).toBe(3);
    expect(watch.level).toBe("full");
  });

  test("free space that is not told: a problem, and the level stays", async () => {
    const { inner, watch, fill } = watchOf();
    await fill(300);
    const fault = inner.plan({ kind: "freeBytes", effect: "fail", times: 10 });
    await watch.look();
    expect(watch.problems()).toEqual(["the free space of the disk is unknown"]);
    expect(watch.level).toBe("low");
    fault.cancel();
    await watch.look();
    expect(watch.problems()).toEqual([]);
  });
});

describe("disk watch: a disk that does not answer", () => {
  test("asking: does not wait for it, and tells of it when it is time", async () => {
    const { inner, clock, watch } = watchOf();
    const release = inner.hold({ kind: "freeBytes" });
    let isAnswered = false;
    void watch.ask().then(() => {
      isAnswered = true;
    });
    await clock.run(500);
    expect(isAnswered).toBe(true);
    expect(watch.problems()).toEqual([]);
    await clock.run(4500);
    expect(watch.stalledMs).toBe(5000);
    expect(watch.problems().join()).toMatch(/does not answer: statfs of \/?data .* 5000 ms/);
    expect(watch.refusalOf(place)).toBeNull();
    release();
    await settle();
    expect([watch.stalledMs, watch.problems()]).toEqual([0, []]);
  });
});

const small = { "segment.bytes": "16384", "file.delete.delay.ms": "3600000" };
const filler = "x".repeat(8000);

async function fillUp(engine: Parameters<typeof produce>[0], topic: string) {
  for (let count = 0; count < 200; count++) {
    const { error } = await produce(engine, { topic, values: [filler] });
    if (error !== null) return { error, count };
    // As if a second had gone by since the last look.
    await engine.services.health();
  }
  throw new Error("never full");
}

describe("disk watch: an engine whose disk fills up", () => {
  const settings = {
    diskWarnBytes: 600 * kib,
    diskWarnPercent: 0,
    diskReserveBytes: 300 * kib,
    diskReservePercent: 0,
  };

  test("below the reserve: records are refused, and all that drains goes on", async () => {
    const disk = new FaultyDisk({ capacityBytes: 4 << 20 });
    const { engine } = await openTestEngine({ disk, settings });
    const { topics, groups } = engine.services;
    await createTopic(engine, "orders", { configs: small });
    await createTopic(engine, "spare", { configs: small });
    await produce(engine, { topic: "spare", values: ["spare"] });
    disk.capacityBytes = disk.usedBytes + 800 * kib;
    const { error, count } = await fillUp(engine, "orders");
    expect(error).toBe("DISK_FULL");
    expect(count).toBeGreaterThan(10);
    expect(disk.capacityBytes - disk.usedBytes).toBeGreaterThan(200 * kib);
    expect(await outcomeOf(createTopic(engine, "more"))).toBe("DISK_FULL");
    expect(await outcomeOf(topics.createPartitions("orders", 2))).toBe("DISK_FULL");

    expect((await readAll(engine, "orders")).length).toBe(count);
    const committed = await groups.commitOffsets({
      group: "readers",
      memberId: "",
      memberEpoch: -1,
      offsets: [{ topic: "orders", partition: 0, offset: 3, leaderEpoch: -1, metadata: "" }],
    });
    expect(committed).toMatchObject([{ error: null }]);
    await createTopic(engine, "orders").catch((cause: unknown) => {
      expect(cause).toMatchObject({ code: "TOPIC_ALREADY_EXISTS" });
    });
    await topics.alterConfigs("orders", { "retention.bytes": "20000" });
    const { ready, problems } = await engine.services.health();
    expect([ready, problems.join()]).toEqual([false, expect.stringMatching(/nearly full/)]);

    await engine.applyRetention();
    await settle(20);
    await topics.delete("spare");
    expect(await engine.services.health()).toEqual({ ready: true, problems: [], warnings: [] });
    expect((await produce(engine, { topic: "orders", values: ["again"] })).error).toBeNull();
    await engine.close();
  });

  test("at the first mark: retention runs at once, and what it removes is gone at once", async () => {
    const disk = new FaultyDisk({ capacityBytes: 4 << 20 });
    const { engine } = await openTestEngine({ disk, settings });
    await createTopic(engine, "orders", { configs: { ...small, "retention.bytes": "1" } });
    for (let count = 0; count < 20; count++) {
      await produce(engine, { topic: "orders", values: [filler] });
    }
    expect((await readAll(engine, "orders")).length).toBe(20);
    disk.capacityBytes = disk.usedBytes + 590 * kib;
    const { ready, warnings } = await engine.services.health();
    expect([ready, warnings.join()]).toEqual([true, expect.stringMatching(/filling up/)]);
    await settle(100);
    expect((await readAll(engine, "orders")).length).toBeLessThan(5);
    expect(disk.paths().filter((path) => path.endsWith(".deleted"))).toEqual([]);
    await engine.close();
  });

  test("low: a log reserves what it needs and nothing ahead", async () => {
    const disk = new FaultyDisk({ capacityBytes: 8 << 20 });
    const { engine } = await openTestEngine({ disk, settings });
    await createTopic(engine, "orders");
    await createTopic(engine, "events");
    disk.capacityBytes = disk.usedBytes + 500 * kib;
    await engine.services.health();
    const before = disk.usedBytes;
    await produce(engine, { topic: "orders", values: ["a"] });
    expect(disk.usedBytes - before).toBeLessThan(1000);
    disk.capacityBytes = 1 << 30;
    await engine.services.health();
    await produce(engine, { topic: "events", values: ["a"] });
    expect(disk.usedBytes - before).toBeGreaterThan(512 * kib);
    await engine.close();
  });
});

describe("disk watch: an engine whose disk stalls or fails", () => {
  const settings = { diskStallMs: 5000, produceTimeoutMs: 8000 };

  test("a sync that does not end: red with its name, producers hear in time, green by itself", async () => {
    const { engine, disk, clock } = await openTestEngine({ settings });
    await createTopic(engine, "orders");
    await createTopic(engine, "events");
    const release = disk.hold({ kind: "sync", path: /orders-0/ });
    const stuck = produce(engine, { topic: "orders", values: ["stuck"] });
    await clock.run(5000);
    const { ready, problems } = await engine.services.health();
    expect(ready).toBe(false);
    expect(problems).toEqual([expect.stringMatching(/sync of orders-0\/0+\.log .* 5000 ms/)]);
    expect(engine.gauges().diskStalledMs).toBe(5000);
    const refused = await produce(engine, { topic: "orders", values: ["no"] });
    expect(refused).toMatchObject({ error: "KAFKA_STORAGE_ERROR", baseOffset: -1 });
    expect((await produce(engine, { topic: "events", values: ["yes"] })).error).toBeNull();
    await clock.run(6000);
    expect(await stuck).toMatchObject({ error: "REQUEST_TIMED_OUT", baseOffset: -1 });
    expect(engine.gauges().inFlightBytes).toBeGreaterThan(0);

    release();
    await settle(20);
    expect(engine.gauges().inFlightBytes).toBe(0);
    expect((await engine.services.health()).ready).toBe(true);
    expect((await produce(engine, { topic: "orders", values: ["next"] })).baseOffset).toBe(1);
    expect(await readValues(engine, "orders")).toEqual(["stuck", "next"]);
    await engine.close();
  });

  test("a failed sync: red at once and for good, and nothing after it is acknowledged", async () => {
    const { engine, disk, clock } = await openTestEngine({ settings });
    await createTopic(engine, "orders");
    await produce(engine, { topic: "orders", values: ["kept"] });
    disk.plan({ kind: "sync", path: /orders-0/, effect: "fail" });
    const lost = await Promise.all(
      [-1, 1, -1].map((acks) =>
        produce(engine, { topic: "orders", values: ["lost"], acks: acks as 1 | -1 }),
      ),
    );
    expect(lost.map(({ error }) => error)).toContain("KAFKA_STORAGE_ERROR");
    expect((await engine.services.health()).problems.join()).toMatch(/orders-0 is failed: a sync/);
    for (const acks of [0, 1, -1] as const) {
      const { error } = await produce(engine, { topic: "orders", values: ["no"], acks });
      expect(error).toBe("KAFKA_STORAGE_ERROR");
    }
    await clock.run(60_000);
    expect((await engine.services.health()).ready).toBe(false);
    expect(await readValues(engine, "orders")).toEqual(["kept"]);
    await engine.close();
  });
});

test("defaults: the reserve lies below the first mark", () => {
  const { diskWarnBytes, diskReserveBytes, diskWarnPercent, diskReservePercent } =
    defaultBrokerSettings;
  expect(diskReserveBytes).toBeLessThan(diskWarnBytes);
  expect(diskReservePercent).toBeLessThan(diskWarnPercent);
});

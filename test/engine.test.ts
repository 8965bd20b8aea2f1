import { cp, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, test } from "vitest";
import { seededRandom } from "../src/base/random.ts";
import { type Engine, openEngine } from "../src/engine.ts";
import { batchOf } from "./support/batches.ts";
import {
  createTopic,
  openTestEngine,
  outcomeOf,
  produce,
  readAll,
  readValues,
} from "./support/engines.ts";
import { FakeClock, settle } from "./support/fake-clock.ts";
import { FaultyDisk } from "./support/faulty-disk.ts";
import { until } from "./support/until.ts";

const directories: string[] = [];

afterEach(async () => {
  for (const directory of directories.splice(0)) await rm(directory, { recursive: true });
});

async function temporaryDirectory(): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), "varve-engine-"));
  directories.push(directory);
  return directory;
}

async function commit(engine: Engine, offset: number): Promise<void> {
  const offsets = [{ topic: "orders", partition: 0, offset, metadata: "" }];
  await engine.services.groups.commitOffsets({
    group: "readers",
    memberId: "",
    memberEpoch: -1,
    offsets,
  });
}

async function committed(engine: Engine): Promise<number | undefined> {
  const [offset] = await engine.services.groups.committedOffsets("readers", null);
  return offset?.offset;
}

describe("engine: the directory", () => {
  test("two engines: the second is refused until the first has closed", async () => {
    const { engine, disk } = await openTestEngine();
    expect(await outcomeOf(openTestEngine({ disk }))).toBe("KAFKA_STORAGE_ERROR");
    await createTopic(engine, "orders");
    await engine.close();
    await engine.close();
    const again = await openTestEngine({ disk });
    expect(again.engine.services.topics.lookup("orders")).not.toBeNull();
    expect(again.engine.clusterId).toBe(engine.clusterId);
  });

  test("an open that fails: lets go of the directory", async () => {
    const disk = new FaultyDisk();
    const settings = { topicDefaults: { nonsense: "1" } };
    expect(await outcomeOf(openTestEngine({ disk, settings }))).toBe("INVALID_CONFIG");
    const fault = disk.plan({ kind: "write", path: /__consumer/, effect: "full", times: 100 });
    expect(await outcomeOf(openTestEngine({ disk }))).toBe("DISK_FULL");
    fault.cancel();
    expect((await openTestEngine({ disk })).engine.gauges().topics).toBe(4);
  });

  test("closed in order: the next start reads no segment and everything is there", async () => {
    const { engine, disk, clock } = await openTestEngine();
    await createTopic(engine, "orders", { partitions: 2, configs: { "retention.ms": "-1" } });
    await produce(engine, { topic: "orders", values: ["a", "b"] });
    await produce(engine, { topic: "orders", partition: 1, values: ["c"], acks: 1 });
    await commit(engine, 2);
    await engine.close();
    expect(disk.paths().filter((path) => path.startsWith("/data/clean")).length).toBe(1);
    const before = disk.operationCount;
    const again = await openTestEngine({ disk, clock });
    const touched = disk.operations.slice(before).filter(({ path }) => path.includes("orders"));
    expect(touched.filter(({ kind }) => kind === "write" || kind === "sync")).toEqual([]);
    expect(touched.some(({ path, kind }) => path.endsWith(".log") && kind === "read")).toBe(false);
    expect(await readValues(again.engine, "orders", 0)).toEqual(["a", "b"]);
    expect(await readValues(again.engine, "orders", 1)).toEqual(["c"]);
    expect(await committed(again.engine)).toBe(2);
    expect((await again.engine.services.health()).ready).toBe(true);
  });

  test("files and maps: all are given back on close", async () => {
    const { engine, disk, clock } = await openTestEngine();
    await createTopic(engine, "orders", { partitions: 3 });
    await produce(engine, { topic: "orders", values: ["a"] });
    await readAll(engine, "orders");
    await engine.close();
    await settle(20);
    expect([disk.openFiles, disk.liveMaps]).toEqual([0, 0]);
    expect(clock.timerCount).toBe(0);
  });
});

describe("engine: share groups and queues", () => {
  const asked = { max: 10, maxBytes: 1 << 20, waitMs: 0, leaseMs: null, signal: null };

  async function received(engine: Engine): Promise<readonly (readonly [number, number])[]> {
    const { ranges, release } = await engine.services.queues.receive({ queue: "jobs", ...asked });
    release();
    return ranges.flatMap(({ firstOffset, lastOffset, deliveries }) =>
      Array.from(
        { length: lastOffset - firstOffset + 1 },
        (_, at) => [firstOffset + at, deliveries] as const,
      ),
    );
  }

  test("a queue: what is settled, held and waiting survives a stop and a start", async () => {
    const { engine, disk, clock } = await openTestEngine();
    await engine.services.queues.put("jobs", { leaseMs: 5000, maxDeliveries: 2 });
    await produce(engine, { topic: "jobs", values: ["a", "b", "c"] });
    expect(await received(engine)).toEqual([
      [0, 1],
      [1, 1],
      [2, 1],
    ]);
    const { epoch } = await firstRangeAfter(engine, clock);
    const receipt = { partition: 0, offset: 0, deliveries: 2, epoch };
    const reject = { kind: "reject" as const, receipt, reason: "why" };
    expect(await engine.services.queues.settle("jobs", [reject])).toEqual([null]);
    await produce(engine, { topic: "jobs", values: ["d"] });
    await until(async () => (await readValues(engine, "jobs.dead")).length > 0);
    await engine.close();
    const again = await openTestEngine({ disk, clock });
    expect(again.engine.services.queues.lookup("jobs")).toMatchObject({ maxDeliveries: 2 });
    expect(await received(again.engine)).toEqual([[3, 1]]);
    const { counts } = await again.engine.services.queues.describe("jobs");
    expect(counts).toMatchObject({ depth: 3, inFlight: 3, dead: 1, nacked: 1, lapsed: 3 });
    expect(await readValues(again.engine, "jobs.dead")).toEqual(["a"]);
    await again.engine.close();
    await settle(20);
    expect([disk.openFiles, disk.liveMaps, clock.timerCount]).toEqual([0, 0, 0]);
  });

  // Lets the leases lapse and takes everything again.
  async function firstRangeAfter(engine: Engine, clock: FakeClock): Promise<{ epoch: number }> {
    await clock.run(5000);
    const { ranges, release } = await engine.services.queues.receive({ queue: "jobs", ...asked });
    release();
    return { epoch: ranges[0]?.epoch ?? -1 };
  }

  test("a share group: survives as well, and its state is the server's own topic", async () => {
    const { engine, disk, clock } = await openTestEngine();
    await engine.services.shares.alterGroupConfigs("readers", {
      "share.auto.offset.reset": "earliest",
    });
    await engine.close();
    const again = await openTestEngine({ disk, clock });
    expect(await again.engine.services.shares.list()).toEqual([
      { group: "readers", state: "EMPTY" },
    ]);
    const topics = await again.engine.services.topics.list();
    const own = topics.find(({ name }) => name === "__share_group_state");
    expect(own).toMatchObject({ internal: true, partitionCount: 1 });
  });

  test("one name, one kind of group: a consumer group's name is no queue's", async () => {
    const { engine } = await openTestEngine();
    await createTopic(engine, "orders");
    await commit(engine, 1);
    expect(await outcomeOf(engine.services.queues.put("readers", {}))).toBe("GROUP_ID_NOT_FOUND");
  });

  test("a state log that failed: not ready, and says so", async () => {
    const { engine, disk } = await openTestEngine();
    disk.plan({ kind: "sync", path: /__share_group_state-0/, effect: "fail" });
    expect(await outcomeOf(engine.services.queues.put("jobs", {}))).not.toBe("ok");
    const { ready, problems } = await engine.services.health();
    expect([ready, problems.join()]).toEqual([false, expect.stringContaining("share")]);
  });
});

describe("engine: this machine's disk", () => {
  test("state of the server's own: in segments and up to a growth as set", async () => {
    const settings = { stateSegmentBytes: 2048, stateSnapshotBytes: 1024 };
    const { engine, disk } = await openTestEngine({ settings });
    await createTopic(engine, "orders");
    for (let offset = 0; offset < 100; offset++) await commit(engine, offset);
    await settle();
    const logs = disk.paths().filter((path) => /__consumer_offsets-0\/\d+\.log$/.test(path));
    // A hundred commits are more than ten segments; what a snapshot made needless is gone.
    expect(logs.length).toBeLessThan(5);
    expect(logs[0]).not.toContain("/00000000000000000000.log");
    expect(await committed(engine)).toBe(99);
    await engine.close();
    const again = await openTestEngine({ disk, settings });
    expect(await committed(again.engine)).toBe(99);
    await again.engine.close();
  });

  test("killed: what was acknowledged with acks=1 and acks=all is there", async () => {
    const path = await temporaryDirectory();
    const engine = await openEngine({ path });
    await createTopic(engine, "orders", { partitions: 3 });
    for (let round = 0; round < 20; round++) {
      const acks = round % 2 === 0 ? 1 : -1;
      const values = [`${round}a`, `${round}b`];
      const { error } = await produce(engine, {
        topic: "orders",
        partition: round % 3,
        values,
        acks,
      });
      expect(error).toBeNull();
    }
    await commit(engine, 5);
    // A copy made while the engine runs is what a killed process leaves: no goodbye of any kind.
    const copy = await temporaryDirectory();
    await cp(path, copy, { recursive: true });
    await engine.close();
    const survivor = await openEngine({ path: copy });
    for (const partition of [0, 1, 2]) {
      const expected = Array.from({ length: 20 }, (_, round) => round)
        .filter((round) => round % 3 === partition)
        .flatMap((round) => [`${round}a`, `${round}b`]);
      expect(await readValues(survivor, "orders", partition)).toEqual(expected);
    }
    expect(await committed(survivor)).toBe(5);
    expect((await survivor.services.health()).problems).toEqual([]);
    await survivor.close();
  });
});

describe("engine: power cuts", () => {
  test("any moment, any loss: what acks=all answered is there, once, in order", async () => {
    for (let seed = 1; seed <= 25; seed++) {
      const random = seededRandom(seed);
      const clock = new FakeClock();
      let disk = new FaultyDisk({ schedule: random });
      // What is known to be kept, by partition: offset to value.
      const kept = [new Map<number, string>(), new Map<number, string>()];
      let keptCommit = -1;
      for (let life = 0; life < 3; life++) {
        const { engine } = await openTestEngine({ disk, clock, seed: seed * 10 + life });
        await engine.services.topics.ensure("orders");
        await engine.services.topics.createPartitions("orders", 2);
        const label = `seed ${seed}, life ${life}`;
        for (const [partition, records] of kept.entries()) {
          const found = await readAll(engine, "orders", partition);
          expect(
            found.map((record) => record.offset),
            label,
          ).toEqual(found.map((_, at) => at));
          for (const [offset, value] of records) expect(found[offset]?.value, label).toBe(value);
        }
        expect((await committed(engine)) ?? -1, label).toBeGreaterThanOrEqual(keptCommit);
        const calls: Promise<void>[] = [];
        const count = random.below(60);
        for (let call = 0; call < count; call++) {
          const partition = random.below(2);
          const values = Array.from(
            { length: 1 + random.below(4) },
            (_, at) => `${label} ${call} ${at}`,
          );
          const acks = random.below(3) === 0 ? 1 : -1;
          const answer = produce(engine, { topic: "orders", partition, values, acks });
          calls.push(
            answer.then(({ error, baseOffset }) => {
              if (error !== null || acks !== -1) return;
              values.forEach((value, at) => kept[partition]?.set(baseOffset + at, value));
            }),
          );
          if (random.below(10) === 0) {
            const offset = life * 1000 + call;
            // The log may be shorter than the offset: a committed offset is the group's own matter.
            calls.push(commit(engine, offset).then(() => void (keptCommit = offset)));
          }
          await settle(random.below(4));
        }
        disk = disk.crash(random);
        await Promise.allSettled(calls);
        await settle();
      }
    }
  });
});

describe("engine: closing", () => {
  test("with work under way: every call is answered, what was promised is kept", async () => {
    const { engine, disk, clock } = await openTestEngine({ settings: { inFlightBytesMax: 2000 } });
    await createTopic(engine, "orders");
    const calls = Array.from({ length: 50 }, (_, index) =>
      produce(engine, { topic: "orders", values: [`value ${index}`] }).then(
        ({ error, baseOffset }) => ({ error, baseOffset, index }),
        (error: { code: string }) => ({ error: error.code, baseOffset: -1, index }),
      ),
    );
    await engine.close();
    const answers = await Promise.all(calls);
    const taken = answers.filter(({ error }) => error === null);
    expect(taken.length).toBeGreaterThan(0);
    for (const { error } of answers) {
      expect([null, "SERVER_STOPPING", "KAFKA_STORAGE_ERROR"]).toContain(error);
    }
    const again = await openTestEngine({ disk, clock });
    const values = await readValues(again.engine, "orders");
    for (const { baseOffset, index } of taken) expect(values[baseOffset]).toBe(`value ${index}`);
    expect(values.length).toBe(taken.length);
  });

  test("a log that failed: the next start scans instead of trusting the stop", async () => {
    const { engine, disk, clock } = await openTestEngine();
    await createTopic(engine, "orders", { partitions: 2 });
    disk.plan({ kind: "sync", path: /orders-0\/.*log/, effect: "fail" });
    const failed = await produce(engine, { topic: "orders", values: ["a"] });
    expect(failed.error).toBe("KAFKA_STORAGE_ERROR");
    await produce(engine, { topic: "orders", partition: 1, values: ["b"] });
    await engine.close();
    expect(disk.paths().filter((path) => path.startsWith("/data/clean"))).toEqual([]);
    const again = await openTestEngine({ disk, clock });
    expect((await again.engine.services.health()).problems).toEqual([]);
    expect(await readValues(again.engine, "orders", 1)).toEqual(["b"]);
  });
});

describe("engine: what it tells", () => {
  test("observer and gauges: count what went through", async () => {
    const heard = { appendedBytes: 0, records: 0, syncs: 0, produced: 0, fetchedBytes: 0 };
    const engine = await openEngine({
      path: "/data",
      disk: new FaultyDisk(),
      clock: new FakeClock(),
      random: seededRandom(1),
      observer: {
        appended: (bytes, records) => {
          heard.appendedBytes += bytes;
          heard.records += records;
        },
        synced: () => void heard.syncs++,
        recovered: () => undefined,
        produced: () => void heard.produced++,
        fetched: (bytes) => void (heard.fetchedBytes += bytes),
      },
    });
    await createTopic(engine, "orders", { partitions: 2 });
    const before = { ...heard };
    await produce(engine, { topic: "orders", values: ["a", "b", "c"] });
    const batchBytes = batchOf([{ value: "a" }, { value: "b" }, { value: "c" }]).length;
    expect(heard.records - before.records).toBe(3);
    expect(heard.appendedBytes - before.appendedBytes).toBe(batchBytes);
    expect(heard.syncs).toBeGreaterThan(before.syncs);
    expect(heard.produced).toBe(1);
    await readValues(engine, "orders");
    expect(heard.fetchedBytes).toBe(batchBytes);
    expect(engine.gauges()).toMatchObject({
      topics: 5,
      partitions: 6,
      inFlightBytes: 0,
      lentBytes: 0,
      parkedFetches: 0,
      parkedMembers: 0,
    });
  });

  test("a disk nearly full: not ready, and says so", async () => {
    const disk = new FaultyDisk({ capacityBytes: 2 ** 30 });
    const { engine } = await openTestEngine({ disk, settings: { diskReserveBytes: 2 ** 31 } });
    const { ready, problems } = await engine.services.health();
    expect(ready).toBe(false);
    expect(problems.join()).toMatch(/nearly full: \d+ bytes are free/);
  });

  test("topics and groups: a deleted topic's committed offsets are forgotten", async () => {
    const { engine } = await openTestEngine();
    await createTopic(engine, "orders");
    await commit(engine, 7);
    expect(await committed(engine)).toBe(7);
    await engine.services.topics.delete("orders");
    await settle(20);
    expect(await committed(engine)).toBeUndefined();
  });
});

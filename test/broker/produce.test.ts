import { describe, expect, test } from "vitest";
import type { RequiredAcks } from "../../src/services.ts";
import { batchOf } from "../support/batches.ts";
import { createTopic, openTestEngine, outcomeOf, produce, readValues } from "../support/engines.ts";
import { settle } from "../support/fake-clock.ts";

describe("produce: results", () => {
  test("many partitions: answered in request order, each for itself", async () => {
    const { engine } = await openTestEngine();
    await createTopic(engine, "orders", { partitions: 2 });
    const part = (topic: string, partition: number, value: string) => ({
      topic,
      partition,
      batches: [batchOf([{ value }])],
      expectedEndOffset: null,
    });
    const results = await engine.services.data.produce({
      acks: -1,
      partitions: [
        part("orders", 1, "a"),
        part("orders", 2, "b"),
        part("none", 0, "c"),
        part("__consumer_offsets", 0, "d"),
        part("orders", 0, "e"),
        part("orders", 1, "f"),
      ],
    });
    expect(results.map(({ error, baseOffset }) => [error, baseOffset])).toEqual([
      [null, 0],
      ["UNKNOWN_TOPIC_OR_PARTITION", -1],
      ["UNKNOWN_TOPIC_OR_PARTITION", -1],
      ["TOPIC_AUTHORIZATION_FAILED", -1],
      [null, 0],
      [null, 1],
    ]);
    expect(await readValues(engine, "orders", 1)).toEqual(["a", "f"]);
  });

  test("one bad batch among good ones for a partition: nothing is appended", async () => {
    const { engine } = await openTestEngine();
    await createTopic(engine, "orders");
    const bad = batchOf([{ value: "bad" }]);
    bad[bad.length - 1] = 0x55;
    const batches = [batchOf([{ value: "good" }]), bad];
    const [result] = await engine.services.data.produce({
      acks: -1,
      partitions: [{ topic: "orders", partition: 0, batches, expectedEndOffset: null }],
    });
    expect(result).toMatchObject({ error: "CORRUPT_MESSAGE", baseOffset: -1, logEndOffset: 0 });
    expect(await readValues(engine, "orders")).toEqual([]);
  });

  test("a batch larger than a segment: is kept and read whole", async () => {
    const { engine, disk, clock } = await openTestEngine();
    await createTopic(engine, "orders", { configs: { "segment.bytes": "1024" } });
    const values = ["small", "x".repeat(5000), "after"];
    for (const value of values) {
      expect((await produce(engine, { topic: "orders", values: [value] })).error).toBeNull();
    }
    expect(await readValues(engine, "orders")).toEqual(values);
    const again = await openTestEngine({ disk: disk.kill(), clock, seed: 2 });
    expect(await readValues(again.engine, "orders")).toEqual(values);
  });

  test("acks that do not exist: refused", async () => {
    const { engine } = await openTestEngine();
    const acks = 2 as unknown as RequiredAcks;
    expect(await outcomeOf(engine.services.data.produce({ acks, partitions: [] }))).toBe(
      "INVALID_REQUIRED_ACKS",
    );
  });

  test("append time: the answer carries the time the records got", async () => {
    const { engine, clock } = await openTestEngine();
    const configs = { "message.timestamp.type": "LogAppendTime" };
    await createTopic(engine, "stamped", { configs });
    const result = await produce(engine, { topic: "stamped", values: ["a"] });
    expect(result.logAppendTimeMs).toBe(clock.nowMs());
    await createTopic(engine, "plain");
    expect(await produce(engine, { topic: "plain", values: ["a"] })).toMatchObject({
      logAppendTimeMs: -1,
    });
  });
});

describe("produce: when it answers", () => {
  const segment = /orders-0\/.*\.log$/;

  test("acks=all: not before the sync; acks=1: after the write; acks=0: at once", async () => {
    const { engine, disk } = await openTestEngine();
    await createTopic(engine, "orders");
    const releaseSync = disk.hold({ kind: "sync", path: segment });
    const all = produce(engine, { topic: "orders", values: ["a"], acks: -1 });
    let isAnswered = false;
    void all.then(() => {
      isAnswered = true;
    });
    await settle();
    expect(isAnswered).toBe(false);
    expect(await readValues(engine, "orders")).toEqual([]);
    releaseSync();
    expect(await all).toMatchObject({ error: null, durability: "fsync" });
    const releaseWrite = disk.hold({ kind: "write", path: segment });
    expect(await produce(engine, { topic: "orders", values: ["b"], acks: 0 })).toMatchObject({
      error: null,
      baseOffset: 1,
      durability: "written",
    });
    releaseWrite();
    const releaseLater = disk.hold({ kind: "sync", path: segment });
    expect(await produce(engine, { topic: "orders", values: ["c"], acks: 1 })).toMatchObject({
      error: null,
      baseOffset: 2,
      durability: "written",
    });
    releaseLater();
  });

  test("durability os: acks=all answers after the write and says so", async () => {
    const { engine, disk } = await openTestEngine();
    await createTopic(engine, "orders", { configs: { "varve.durability": "os" } });
    const release = disk.hold({ kind: "sync", path: segment });
    expect(await produce(engine, { topic: "orders", values: ["a"] })).toMatchObject({
      error: null,
      durability: "written",
    });
    expect(await readValues(engine, "orders")).toEqual(["a"]);
    release();
  });

  test("the sync fails: nobody is told it was kept, then or later", async () => {
    const { engine, disk } = await openTestEngine();
    await createTopic(engine, "orders");
    disk.plan({ kind: "sync", path: segment, effect: "fail" });
    const values = ["a"];
    expect((await produce(engine, { topic: "orders", values })).error).toBe("KAFKA_STORAGE_ERROR");
    expect((await produce(engine, { topic: "orders", values })).error).toBe("KAFKA_STORAGE_ERROR");
    expect((await engine.services.health()).ready).toBe(false);
  });

  test("the disk is full: told by name, goes on when there is room again", async () => {
    const { engine, disk } = await openTestEngine();
    await createTopic(engine, "orders");
    const fault = disk.plan({
      kind: ["write", "reserve"],
      path: segment,
      effect: "full",
      times: 1000,
    });
    expect((await produce(engine, { topic: "orders", values: ["a"] })).error).toBe("DISK_FULL");
    fault.cancel();
    expect(await produce(engine, { topic: "orders", values: ["b"] })).toMatchObject({
      error: null,
      baseOffset: 0,
    });
    expect(await readValues(engine, "orders")).toEqual(["b"]);
  });
});

describe("produce: conditional append", () => {
  test("many at once on one end offset: one wins, the others learn the end", async () => {
    const { engine } = await openTestEngine();
    await createTopic(engine, "orders");
    for (let end = 0; end < 5; end++) {
      const calls = Array.from({ length: 8 }, (_, index) =>
        produce(engine, { topic: "orders", values: [`${end}:${index}`], expectedEndOffset: end }),
      );
      const results = await Promise.all(calls);
      const winners = results.filter((result) => result.error === null);
      expect(winners.map((result) => result.baseOffset)).toEqual([end]);
      for (const loser of results.filter((result) => result.error !== null)) {
        expect(loser).toMatchObject({ error: "OFFSET_MISMATCH", logEndOffset: end + 1 });
      }
    }
    expect((await readValues(engine, "orders")).length).toBe(5);
  });
});

describe("produce: bounds", () => {
  test("too much in flight: producers wait their turn, then are refused, then go on", async () => {
    const batchBytes = batchOf([{ value: "x".repeat(100) }]).length;
    const settings = { inFlightBytesMax: 2 * batchBytes, admissionWaitMs: 50 };
    const { engine, disk, clock } = await openTestEngine({ settings });
    await createTopic(engine, "orders");
    const release = disk.hold({ kind: "sync", path: /orders-0/ });
    const call = { topic: "orders", values: ["x".repeat(100)] };
    const admitted = [produce(engine, call), produce(engine, call)];
    const refused = outcomeOf(produce(engine, call));
    expect(engine.gauges().inFlightBytes).toBe(2 * batchBytes);
    await clock.run(50);
    expect(await refused).toBe("SERVER_OVERLOADED");
    const patient = produce(engine, call);
    release();
    expect((await Promise.all([...admitted, patient])).map((result) => result.error)).toEqual([
      null,
      null,
      null,
    ]);
    await settle();
    expect(engine.gauges().inFlightBytes).toBe(0);
  });
});

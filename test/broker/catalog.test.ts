import { describe, expect, test } from "vitest";
import { createTopic, openTestEngine, outcomeOf, produce, readValues } from "../support/engines.ts";
import { settle } from "../support/fake-clock.ts";

function directories(paths: readonly string[]): readonly string[] {
  const names = paths.map((path) => path.split("/")[2] ?? "");
  return [...new Set(names)].filter((name) => name.startsWith("orders")).toSorted();
}

describe("catalog: create", () => {
  test("again with the same settings: confirms; with others: refused", async () => {
    const { engine } = await openTestEngine();
    const { topics } = engine.services;
    const create = (partitionCount: number | null, configs: Record<string, string>) =>
      topics.create({ name: "orders", partitionCount, configs, validateOnly: false });
    const configs = { "retention.ms": "60000" };
    const made = await create(3, configs);
    expect(made.isNew).toBe(true);
    const first = { ...made, isNew: false };
    expect(await create(3, configs)).toEqual(first);
    expect(await create(3, { "retention.ms": " 060000" })).toEqual(first);
    expect(await create(null, configs)).toEqual(first);
    expect(await outcomeOf(create(4, configs))).toBe("TOPIC_ALREADY_EXISTS");
    expect(await outcomeOf(create(3, {}))).toBe("TOPIC_ALREADY_EXISTS");
    expect(await outcomeOf(create(3, { "retention.ms": "1" }))).toBe("TOPIC_ALREADY_EXISTS");
  });

  test("many at once: one wins, the same settings are confirmed, others refused", async () => {
    const { engine } = await openTestEngine();
    const outcomes = await Promise.all(
      [2, 3, 2, 3, 2].map((partitions) => outcomeOf(createTopic(engine, "orders", { partitions }))),
    );
    expect(outcomes).toEqual(["ok", "TOPIC_ALREADY_EXISTS", "ok", "TOPIC_ALREADY_EXISTS", "ok"]);
  });

  test("only checked: everything is checked and nothing is made", async () => {
    const { engine, disk } = await openTestEngine();
    const request = { name: "orders", partitionCount: 2, configs: {}, validateOnly: true };
    const before = disk.operationCount;
    expect((await engine.services.topics.create(request)).name).toBe("orders");
    expect(engine.services.topics.lookup("orders")).toBeNull();
    expect(disk.operationCount).toBe(before);
    const bad = { ...request, partitionCount: 0 };
    expect(await outcomeOf(engine.services.topics.create(bad))).toBe("INVALID_PARTITIONS");
  });

  test("counts, configs and names that cannot be: refused, nothing is left behind", async () => {
    const settings = { topicPartitionsMax: 10, partitionsMax: 14 };
    const { engine, disk } = await openTestEngine({ settings });
    const outcome = (partitions: number, configs = {}) =>
      outcomeOf(createTopic(engine, "orders", { partitions, configs }));
    for (const count of [0, -1, 1.5, Number.NaN, 11]) {
      expect(await outcome(count)).toBe("INVALID_PARTITIONS");
    }
    expect(await outcome(1, { nonsense: "1" })).toBe("INVALID_CONFIG");
    expect(await outcomeOf(createTopic(engine, "a/b"))).toBe("INVALID_TOPIC_EXCEPTION");
    expect(await outcome(10)).toBe("ok");
    expect(await outcomeOf(createTopic(engine, "more"))).toBe("POLICY_VIOLATION");
    expect(directories(disk.paths()).length).toBe(10);
  });

  test("no room for partitions: the server's own topics are made all the same", async () => {
    const { engine } = await openTestEngine({ settings: { partitionsMax: 1 } });
    expect(engine.services.topics.lookup("__transaction_state")).not.toBeNull();
    expect(await outcomeOf(createTopic(engine, "orders"))).toBe("POLICY_VIOLATION");
  });

  test("many names at once at the limit: never more partitions than allowed", async () => {
    const { engine } = await openTestEngine({ settings: { partitionsMax: 12 } });
    const names = Array.from({ length: 5 }, (_, index) => `orders${index}`);
    const outcomes = await Promise.all(
      names.map((name) => outcomeOf(createTopic(engine, name, { partitions: 3 }))),
    );
    expect(outcomes.filter((outcome) => outcome === "ok").length).toBe(2);
    expect(outcomes.filter((outcome) => outcome === "POLICY_VIOLATION").length).toBe(3);
    expect(engine.gauges().partitions).toBe(10);
  });

  test("a create of which nobody knows, and another try: the topic that holds has its directories", async () => {
    const { engine, disk } = await openTestEngine();
    disk.plan({ kind: "sync", path: /__cluster_metadata/, effect: "fail" });
    const outcomes: string[] = [];
    for (let tries = 0; tries < 3; tries++) {
      outcomes.push(await outcomeOf(createTopic(engine, "orders", { partitions: 2 })));
    }
    expect(outcomes).toEqual(Array.from({ length: 3 }, () => "COORDINATOR_NOT_AVAILABLE"));
    // The process dies, and the page cache tells the next one of the first try.
    const again = await openTestEngine({ disk: disk.kill() });
    expect(again.engine.services.topics.lookup("orders")).not.toBeNull();
    expect((await again.engine.services.health()).problems).toEqual([]);
    for (const partition of [0, 1]) {
      await produce(again.engine, { topic: "orders", partition, values: ["a"] });
      expect(await readValues(again.engine, "orders", partition)).toEqual(["a"]);
    }
  });

  test("the disk refuses half way: the same create works afterwards", async () => {
    const { engine, disk } = await openTestEngine();
    disk.plan({ kind: ["open", "write"], path: /orders-2/, effect: "full" });
    expect(await outcomeOf(createTopic(engine, "orders", { partitions: 4 }))).toBe("DISK_FULL");
    expect(engine.services.topics.lookup("orders")).toBeNull();
    await createTopic(engine, "orders", { partitions: 4 });
    expect((await produce(engine, { topic: "orders", partition: 2, values: ["a"] })).error).toBe(
      null,
    );
  });
});

describe("catalog: change", () => {
  test("more partitions: are there at once; fewer: refused; the same: nothing", async () => {
    const { engine, disk } = await openTestEngine();
    await createTopic(engine, "orders", { partitions: 2 });
    const { topics } = engine.services;
    await topics.createPartitions("orders", 4, true);
    expect(topics.lookup("orders")?.partitionCount).toBeLessThan(4);
    await topics.createPartitions("orders", 4);
    expect(topics.lookup("orders")?.partitionCount).toBe(4);
    expect((await produce(engine, { topic: "orders", partition: 3, values: ["a"] })).error).toBe(
      null,
    );
    expect(await outcomeOf(topics.createPartitions("orders", 3))).toBe("INVALID_PARTITIONS");
    const before = disk.operationCount;
    await topics.createPartitions("orders", 4);
    expect(disk.operationCount).toBe(before);
  });

  test("config: only the keys given change, and null takes one away", async () => {
    const { engine } = await openTestEngine();
    const { topics } = engine.services;
    await createTopic(engine, "orders", { configs: { "retention.ms": "1000", "segment.ms": "7" } });
    await topics.alterConfigs("orders", { "retention.ms": "2000", "segment.ms": null });
    const { configs } = await topics.describe("orders");
    const valueOf = (key: string) => configs.find(({ name }) => name === key);
    expect(valueOf("retention.ms")).toMatchObject({ value: "2000", source: "topic" });
    expect(valueOf("segment.ms")).toMatchObject({ value: "604800000", source: "default" });
    expect(await outcomeOf(topics.alterConfigs("orders", { "retention.ms": "x" }))).toBe(
      "INVALID_CONFIG",
    );
    expect(valueOf("retention.ms")?.value).toBe("2000");
  });

  test("config replaced: keys that are not named take their default; only checked: nothing", async () => {
    const { topics } = (await openTestEngine()).engine.services;
    const configs = { "retention.ms": "1000", "segment.ms": "7" };
    const request = { name: "orders", partitionCount: null, configs, validateOnly: true };
    const checked = await topics.create(request);
    expect([checked.partitionCount, checked.isNew]).toEqual([1, true]);
    const own = async (entries = topics.describeConfigs("orders")) =>
      (await entries).flatMap(({ name, value, source }) =>
        source === "topic" ? [`${name}=${value}`] : [],
      );
    expect(await own(Promise.resolve(checked.configs))).toEqual([
      "retention.ms=1000",
      "segment.ms=7",
    ]);
    await topics.create({ ...request, validateOnly: false });
    const isReplacement = true;
    await topics.alterConfigs("orders", { "flush.ms": "3" }, { isReplacement, validateOnly: true });
    expect(await own()).toEqual(["retention.ms=1000", "segment.ms=7"]);
    await topics.alterConfigs("orders", { "flush.ms": "3", "segment.ms": "8" }, { isReplacement });
    expect(await own()).toEqual(["flush.ms=3", "segment.ms=8"]);
    const bad = topics.alterConfigs("orders", { "flush.ms": "x" }, { validateOnly: true });
    expect(await outcomeOf(bad)).toBe("INVALID_CONFIG");
    expect(await outcomeOf(topics.describeConfigs("none"))).toBe("UNKNOWN_TOPIC_OR_PARTITION");
  });
});

describe("catalog: delete", () => {
  test("a topic made again under the name: is another and empty, also reopened", async () => {
    const { engine, disk, clock } = await openTestEngine();
    const { topics } = engine.services;
    await createTopic(engine, "orders", { partitions: 2 });
    const before = topics.lookup("orders")?.topicId;
    for (let round = 0; round < 5; round++) {
      await produce(engine, { topic: "orders", values: ["old", "older"] });
    }
    // The old log's recovery point is on the disk now: the new one must not be judged by it.
    await clock.run(5000);
    await topics.delete("orders");
    expect((await produce(engine, { topic: "orders", values: ["a"] })).error).toBe(
      "UNKNOWN_TOPIC_OR_PARTITION",
    );
    await createTopic(engine, "orders", { partitions: 2 });
    const after = topics.lookup("orders")?.topicId;
    expect(after).not.toBe(before);
    await produce(engine, { topic: "orders", values: ["new"] });
    const reopened = await openTestEngine({ disk: disk.kill(), clock, seed: 2 });
    expect(reopened.engine.services.topics.lookup("orders")?.topicId).toBe(after);
    expect(await readValues(reopened.engine, "orders")).toEqual(["new"]);
    expect((await reopened.engine.services.health()).problems).toEqual([]);
  });

  test("its directories: are moved aside and removed after file.delete.delay.ms", async () => {
    const { engine, disk, clock } = await openTestEngine();
    const configs = { "file.delete.delay.ms": "5000" };
    await createTopic(engine, "orders", { partitions: 2, configs });
    await engine.services.topics.delete("orders");
    await clock.run(4999);
    expect(directories(disk.paths())).toEqual([
      expect.stringMatching(/^orders-0\.[0-9a-f]{32}-delete$/),
      expect.stringMatching(/^orders-1\.[0-9a-f]{32}-delete$/),
    ]);
    await clock.run(1);
    await settle(50);
    expect(directories(disk.paths())).toEqual([]);
  });

  test("while it is written: the producer gets an answer, nothing stays", async () => {
    const { engine, disk } = await openTestEngine();
    await createTopic(engine, "orders");
    const release = disk.hold({ kind: "sync", path: /orders-0/ });
    const produced = produce(engine, { topic: "orders", values: ["a"] });
    await settle();
    const deleted = engine.services.topics.delete("orders");
    await settle();
    expect(engine.services.topics.lookup("orders")).toBeNull();
    release();
    await deleted;
    expect(["ok", "KAFKA_STORAGE_ERROR", null]).toContain((await produced).error);
    expect(disk.paths().filter((path) => path.includes("/orders-0/"))).toEqual([]);
  });
});

describe("catalog: stopping", () => {
  test("changes after close: are refused", async () => {
    const { engine } = await openTestEngine();
    await engine.close();
    expect(await outcomeOf(createTopic(engine, "orders"))).toBe("SERVER_STOPPING");
  });
});

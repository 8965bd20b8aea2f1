import { describe, expect, test } from "vitest";
import { createTopic, openTestEngine, outcomeOf, produce, readValues } from "../support/engines.ts";

describe("topic services: what clients may do", () => {
  test("topics of the server: are listed and described, and cannot be changed", async () => {
    const { engine } = await openTestEngine();
    const { topics } = engine.services;
    await createTopic(engine, "orders");
    expect((await topics.list()).map(({ name, internal }) => [name, internal])).toEqual([
      ["__cluster_metadata", true],
      ["__consumer_offsets", true],
      ["__share_group_state", true],
      ["__transaction_state", true],
      ["orders", false],
    ]);
    expect((await topics.describe("__cluster_metadata")).partitions[0]?.highWatermark).toBe(4);
    const name = "__consumer_offsets";
    const attempts = [
      topics.delete(name),
      topics.alterConfigs(name, {}),
      topics.createPartitions(name, 2),
      topics.deleteRecords(name, []),
      topics.create({ name: "__mine", partitionCount: 1, configs: {}, validateOnly: false }),
      topics.ensure("__mine"),
    ];
    for (const attempt of attempts) {
      expect(await outcomeOf(attempt)).toBe("TOPIC_AUTHORIZATION_FAILED");
    }
    expect(topics.lookup("__mine")).toBeNull();
  });

  test("unknown topics: are said to be unknown", async () => {
    const { topics } = (await openTestEngine()).engine.services;
    const attempts = [
      topics.describe("none"),
      topics.delete("none"),
      topics.alterConfigs("none", {}),
      topics.createPartitions("none", 2),
      topics.deleteRecords("none", []),
    ];
    for (const attempt of attempts) {
      expect(await outcomeOf(attempt)).toBe("UNKNOWN_TOPIC_OR_PARTITION");
    }
  });
});

describe("topic services: ensure", () => {
  test("many at once for a new topic: one is created and all get it", async () => {
    const { engine } = await openTestEngine({ settings: { defaultPartitions: 3 } });
    const { topics } = engine.services;
    const found = await Promise.all(Array.from({ length: 10 }, () => topics.ensure("orders")));
    expect(new Set(found.map((listing) => listing.topicId)).size).toBe(1);
    expect(found[0]?.partitionCount).toBe(3);
    expect(topics.lookup("orders")).toEqual(found[0]);
  });

  test("while somebody creates it with other settings: that topic is taken", async () => {
    const { engine } = await openTestEngine();
    const [, ensured] = await Promise.all([
      createTopic(engine, "orders", { partitions: 4 }),
      engine.services.topics.ensure("orders"),
    ]);
    expect(ensured.partitionCount).toBe(4);
  });

  test("creation switched off, or a name that cannot be: refused", async () => {
    const settings = { autoCreateTopics: false };
    const { topics } = (await openTestEngine({ settings })).engine.services;
    expect(await outcomeOf(topics.ensure("orders"))).toBe("UNKNOWN_TOPIC_OR_PARTITION");
    expect(await outcomeOf(topics.ensure("or/ders"))).toBe("INVALID_TOPIC_EXCEPTION");
  });
});

describe("topic services: delete records", () => {
  test("each partition to its offset; -1 to the end; below the start: nothing", async () => {
    const { engine } = await openTestEngine();
    await createTopic(engine, "orders", { partitions: 3 });
    for (const partition of [0, 1, 2]) {
      await produce(engine, { topic: "orders", partition, values: ["a", "b", "c"] });
    }
    const { topics } = engine.services;
    expect(
      await topics.deleteRecords("orders", [
        { partition: 2, offset: -1 },
        { partition: 0, offset: 2 },
      ]),
    ).toEqual([
      { partition: 2, logStartOffset: 3 },
      { partition: 0, logStartOffset: 2 },
    ]);
    expect(await topics.deleteRecords("orders", [{ partition: 0, offset: 1 }])).toEqual([
      { partition: 0, logStartOffset: 2 },
    ]);
    expect(await readValues(engine, "orders", 0)).toEqual(["c"]);
    expect(await readValues(engine, "orders", 1)).toEqual(["a", "b", "c"]);
  });

  test("one bad among good: nothing is removed", async () => {
    const { engine } = await openTestEngine();
    await createTopic(engine, "orders", { partitions: 2 });
    await produce(engine, { topic: "orders", values: ["a", "b"] });
    const { topics } = engine.services;
    const good = { partition: 0, offset: 1 };
    for (const [bad, code] of [
      [{ partition: 1, offset: 1 }, "OFFSET_OUT_OF_RANGE"],
      [{ partition: 1, offset: -2 }, "OFFSET_OUT_OF_RANGE"],
      [{ partition: 1, offset: 0.5 }, "OFFSET_OUT_OF_RANGE"],
      [{ partition: 2, offset: 0 }, "UNKNOWN_TOPIC_OR_PARTITION"],
    ] as const) {
      expect(await outcomeOf(topics.deleteRecords("orders", [good, bad]))).toBe(code);
    }
    expect(await readValues(engine, "orders")).toEqual(["a", "b"]);
  });
});

import { describe, expect, test } from "vitest";
import type { EncodableRequest } from "../../../src/protocol/apis.ts";
import { zeroUuid } from "../../../src/protocol/codec.ts";
import { createTopic, openTestEngine } from "../../support/engines.ts";
import { talkTo } from "../../support/kafka-calls.ts";

type NewTopic = EncodableRequest<"createTopics">["topics"][number];

async function open() {
  const { engine } = await openTestEngine({ settings: { defaultPartitions: 3 } });
  const { topics } = engine.services;
  const { ask } = talkTo(engine.services);
  const create = async (asked: readonly Partial<NewTopic>[], validateOnly = false) => {
    const filled = asked.map((topic) => ({
      name: "orders",
      numPartitions: -1,
      replicationFactor: -1,
      assignments: [],
      configs: [],
      ...topic,
    }));
    return (await ask("createTopics", 7, { topics: filled, validateOnly })).topics;
  };
  return { engine, topics, ask, create };
}

describe("create topics", () => {
  test("counts of -1: the server's; the answer says what the topic is now", async () => {
    const { topics, create } = await open();
    const configs = [{ name: "retention.ms", value: "5000" }];
    const [made] = await create([{ configs }]);
    expect(made).toMatchObject({
      name: "orders",
      topicId: topics.lookup("orders")?.topicId,
      errorCode: 0,
      errorMessage: null,
      numPartitions: 3,
      replicationFactor: 1,
    });
    const own = made?.configs?.filter(({ configSource }) => configSource === 1);
    expect(own).toEqual([
      { name: "retention.ms", value: "5000", readOnly: false, configSource: 1, isSensitive: false },
    ]);
    expect(made?.configs?.length).toBeGreaterThan(20);
  });

  test("only validated: the same answer without an id, and no topic", async () => {
    const { topics, create } = await open();
    const [checked, bad] = await create(
      [{ numPartitions: 5 }, { name: "bad", numPartitions: 0 }],
      true,
    );
    expect(checked).toMatchObject({ errorCode: 0, numPartitions: 5, topicId: zeroUuid });
    expect(bad).toMatchObject({ errorCode: 37 });
    expect(topics.lookup("orders")).toBeNull();
  });

  test("what cannot be: each topic has its own error, the others are made", async () => {
    const { create, topics } = await open();
    await create([{ name: "there" }]);
    const assigned = (...brokers: readonly (readonly number[])[]) =>
      brokers.map((brokerIds, partitionIndex) => ({ partitionIndex, brokerIds }));
    const answers = await create([
      { name: "there", numPartitions: 3 },
      { name: "a/b" },
      { name: "no-partitions", numPartitions: 0 },
      { name: "fewer-partitions", numPartitions: -2 },
      { name: "two-copies", replicationFactor: 2 },
      { name: "no-copies", replicationFactor: 0 },
      { name: "both", numPartitions: 1, assignments: assigned([1]) },
      { name: "elsewhere", assignments: assigned([2]) },
      { name: "everywhere", assignments: assigned([1, 1]) },
      { name: "gap", assignments: [{ partitionIndex: 1, brokerIds: [1] }] },
      { name: "odd-key", configs: [{ name: "nonsense", value: "1" }] },
      { name: "no-value", configs: [{ name: "retention.ms", value: null }] },
      { name: "twice" },
      { name: "twice" },
      { name: "__mine" },
      { name: "good", assignments: assigned([1], [1]) },
    ]);
    expect(answers.map(({ name, errorCode }) => [name, errorCode])).toEqual([
      ["there", 36],
      ["a/b", 17],
      ["no-partitions", 37],
      ["fewer-partitions", 37],
      ["two-copies", 38],
      ["no-copies", 38],
      ["both", 42],
      ["elsewhere", 39],
      ["everywhere", 39],
      ["gap", 39],
      ["odd-key", 40],
      ["no-value", 40],
      ["twice", 42],
      ["twice", 42],
      ["__mine", 29],
      ["good", 0],
    ]);
    for (const { errorCode, errorMessage } of answers) {
      if (errorCode !== 0) expect(errorMessage).toMatch(/\w+ .*\w+/);
    }
    expect(topics.lookup("good")?.partitionCount).toBe(2);
    expect((await topics.list()).map(({ name }) => name)).not.toContain("twice");
  });
});

test("create topics: too many at once are refused, each of them", async () => {
  const { create, topics } = await open();
  const names = Array.from({ length: 10_001 }, (_, index) => ({ name: `t${index}` }));
  const codes = new Set((await create(names, true)).map(({ errorCode }) => errorCode));
  expect([...codes]).toEqual([44]);
  expect(topics.lookup("t0")).toBeNull();
});

describe("delete topics", () => {
  test("by name or by id, and what cannot be", async () => {
    const { engine, topics, ask } = await open();
    for (const name of ["a", "b", "c"]) await createTopic(engine, name);
    const old = await ask("deleteTopics", 5, { topicNames: ["a", "none"], timeoutMs: 1 });
    expect(old.responses.map(({ name, errorCode }) => [name, errorCode])).toEqual([
      ["a", 0],
      ["none", 3],
    ]);
    const topicId = topics.lookup("b")?.topicId ?? "";
    const strangeId = "00000000-0000-4000-8000-000000000001";
    const { responses } = await ask("deleteTopics", 6, {
      topics: [
        { name: null, topicId },
        { name: null, topicId: strangeId },
        { name: "c", topicId: strangeId },
        { name: null, topicId: zeroUuid },
        { name: "__consumer_offsets", topicId: zeroUuid },
      ],
      timeoutMs: 1,
    });
    expect(responses.map(({ name, topicId: id, errorCode }) => [name, id, errorCode])).toEqual([
      ["b", topicId, 0],
      [null, strangeId, 100],
      ["c", strangeId, 42],
      [null, zeroUuid, 42],
      ["__consumer_offsets", zeroUuid, 29],
    ]);
    expect([topics.lookup("a"), topics.lookup("b")]).toEqual([null, null]);
    expect(topics.lookup("c")).not.toBeNull();
  });
});

describe("create partitions", () => {
  test("the new total, and what cannot be", async () => {
    const { engine, topics, ask } = await open();
    for (const name of ["a", "b", "c", "d", "e"])
      await createTopic(engine, name, { partitions: 2 });
    const grow = async (
      asked: EncodableRequest<"createPartitions">["topics"],
      validateOnly = false,
    ) => {
      const { results } = await ask("createPartitions", 3, {
        topics: asked,
        timeoutMs: 1,
        validateOnly,
      });
      return results.map(({ name, errorCode }) => [name, errorCode]);
    };
    const on = (...ids: readonly number[]) => ids.map((id) => ({ brokerIds: [id] }));
    expect(await grow([{ name: "a", count: 4, assignments: null }], true)).toEqual([["a", 0]]);
    expect(topics.lookup("a")?.partitionCount).toBe(2);
    expect(
      await grow([
        { name: "a", count: 4, assignments: null },
        { name: "b", count: 4, assignments: on(1, 1) },
        { name: "c", count: 2, assignments: null },
        { name: "d", count: 4, assignments: on(1) },
        { name: "e", count: 3, assignments: on(2) },
        { name: "none", count: 3, assignments: null },
        { name: "twice", count: 3, assignments: null },
        { name: "twice", count: 4, assignments: null },
      ]),
    ).toEqual([
      ["a", 0],
      ["b", 0],
      ["c", 37],
      ["d", 39],
      ["e", 39],
      ["none", 3],
      ["twice", 42],
      ["twice", 42],
    ]);
    expect(["a", "b", "c"].map((name) => topics.lookup(name)?.partitionCount)).toEqual([4, 4, 2]);
  });
});

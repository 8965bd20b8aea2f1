import { afterEach, beforeEach, expect, test } from "vitest";
import { LogError } from "../../../src/base/error.ts";
import type { Engine } from "../../../src/engine.ts";
import { zeroUuid } from "../../../src/protocol/codec.ts";
import { createTopic, openTestEngine } from "../../support/engines.ts";
import { servicesWith, talkTo } from "../../support/kafka-calls.ts";

let engine: Engine;

beforeEach(async () => {
  ({ engine } = await openTestEngine());
  await createTopic(engine, "b", { partitions: 2 });
  await createTopic(engine, "a");
});

afterEach(() => engine.close());

const versions = Array.from({ length: 14 }, (_, version) => version);

test.each(versions)(
  "metadata: version %i: the broker, and topics with their leaders",
  async (version) => {
    const { ask } = talkTo(engine.services);
    const answer = await ask("metadata", version, { topics: [{ name: "b" }] });
    expect(answer.brokers).toEqual([{ nodeId: 1, host: "10.0.0.1", port: 9092, rack: null }]);
    expect(answer.clusterId).toBe(version >= 2 ? "cluster-of-the-test-01" : null);
    expect(answer.controllerId).toBe(version >= 1 ? 1 : -1);
    const leaderEpoch = version >= 7 ? 0 : -1;
    const leader = { errorCode: 0, leaderId: 1, leaderEpoch, replicaNodes: [1], isrNodes: [1] };
    expect(answer.topics).toMatchObject([
      {
        errorCode: 0,
        name: "b",
        topicId: version >= 10 ? engine.services.topics.lookup("b")?.topicId : zeroUuid,
        partitions: [
          { ...leader, partitionIndex: 0 },
          { ...leader, partitionIndex: 1 },
        ],
      },
    ]);
  },
);

test("metadata: no list: is all topics, the server's own marked as such", async () => {
  const { ask } = talkTo(engine.services);
  for (const [version, topics] of [
    [0, []],
    [1, null],
    [12, null],
  ] as const) {
    const answer = await ask("metadata", version, { topics });
    const shown = answer.topics.filter(({ isInternal }) => !isInternal).map(({ name }) => name);
    expect(shown).toEqual(expect.arrayContaining(["a", "b"]));
  }
  const { topics } = await ask("metadata", 12, { topics: null });
  expect(topics.find(({ name }) => name === "__consumer_offsets")?.isInternal).toBe(true);
});

test("metadata: an empty list: is the broker alone, from version 1 on", async () => {
  const { ask } = talkTo(engine.services);
  expect((await ask("metadata", 1, { topics: [] })).topics).toEqual([]);
});

test("metadata: by id: the topic with its name, or an error with the id", async () => {
  const { ask } = talkTo(engine.services);
  const topicId = engine.services.topics.lookup("a")?.topicId ?? "";
  const unknown = "11111111-2222-3333-4444-555555555555";
  const topics = [
    { topicId, name: null },
    { topicId: unknown, name: null },
  ];
  const answer = await ask("metadata", 12, { topics });
  expect(answer.topics).toMatchObject([
    { errorCode: 0, name: "a", topicId },
    { errorCode: 100, name: null, topicId: unknown, partitions: [] },
  ]);
});

test("metadata: an unknown topic: is made when the client lets it, and only then", async () => {
  const { ask } = talkTo(engine.services);
  const topics = [{ name: "new" }, { name: "new" }];
  const without = await ask("metadata", 4, { topics, allowAutoTopicCreation: false });
  expect(without.topics).toMatchObject([{ errorCode: 3, name: "new", partitions: [] }]);
  expect(engine.services.topics.lookup("new")).toBeNull();
  const withIt = await ask("metadata", 4, { topics, allowAutoTopicCreation: true });
  expect(withIt.topics).toMatchObject([
    { errorCode: 0, name: "new", partitions: [{ leaderId: 1 }] },
  ]);
  await ask("metadata", 3, { topics: [{ name: "older" }] });
  expect(engine.services.topics.lookup("older")?.partitionCount).toBe(1);
});

test.each([
  ["a name that topics cannot have", "not/allowed", 17],
  ["a dot", ".", 17],
  ["a name of the server's that is not there", "__mine", 29],
])("metadata: %s: is refused", async (_what, name, code) => {
  const { ask } = talkTo(engine.services);
  const answer = await ask("metadata", 9, { topics: [{ name }, { name: "a" }] });
  expect(answer.topics.map(({ errorCode }) => errorCode)).toEqual([code, 0]);
});

test("metadata: a name that topics cannot have, without making any: is refused as well", async () => {
  const { ask } = talkTo(engine.services);
  const topics = [{ name: "x".repeat(250) }, { name: "" }];
  const answer = await ask("metadata", 9, { topics, allowAutoTopicCreation: false });
  expect(answer.topics.map(({ errorCode }) => errorCode)).toEqual([17, 17]);
});

test("metadata: operations: only when asked for", async () => {
  const { ask } = talkTo(engine.services);
  const topics = [{ name: "a" }];
  const plain = await ask("metadata", 8, { topics });
  expect(plain.clusterAuthorizedOperations).toBe(-2147483648);
  expect(plain.topics[0]?.topicAuthorizedOperations).toBe(-2147483648);
  const asked = await ask("metadata", 8, {
    topics,
    includeClusterAuthorizedOperations: true,
    includeTopicAuthorizedOperations: true,
  });
  expect(asked.clusterAuthorizedOperations).toBe(8096);
  expect(asked.topics[0]?.topicAuthorizedOperations).toBe(3576);
});

test("metadata: a topic that cannot be made: has the error, and a fault is logged", async () => {
  const failures = [new LogError("DISK_FULL", "no room"), new TypeError("x")];
  const services = servicesWith({
    topics: { lookup: () => null, ensure: () => Promise.reject(failures.shift()) },
  });
  const { ask, unforeseen } = talkTo(services);
  const answer = await ask("metadata", 9, { topics: [{ name: "p" }, { name: "q" }] });
  expect(answer.topics.map(({ errorCode }) => errorCode)).toEqual([56, -1]);
  expect(unforeseen).toHaveLength(1);
});

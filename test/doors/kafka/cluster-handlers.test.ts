import { describe, expect, test } from "vitest";
import { createTopic, openTestEngine, produce } from "../../support/engines.ts";
import { talkTo } from "../../support/kafka-calls.ts";

async function open() {
  const { engine, disk } = await openTestEngine();
  return { engine, disk, ...talkTo(engine.services) };
}

describe("describe cluster", () => {
  test("the one broker, where this client reached it", async () => {
    const { ask } = await open();
    expect(await ask("describeCluster", 2, { includeClusterAuthorizedOperations: false })).toEqual({
      throttleTimeMs: 0,
      errorCode: 0,
      errorMessage: null,
      endpointType: 1,
      clusterId: "cluster-of-the-test-01",
      controllerId: 1,
      brokers: [{ brokerId: 1, host: "10.0.0.1", port: 9092, rack: null, isFenced: false }],
      clusterAuthorizedOperations: -(2 ** 31),
    });
    const asked = await ask("describeCluster", 0, { includeClusterAuthorizedOperations: true });
    expect(asked.clusterAuthorizedOperations).toBeGreaterThan(0);
  });

  test("controllers, and what there is not: refused", async () => {
    const { ask } = await open();
    const codeOf = async (endpointType: number) => {
      const body = { includeClusterAuthorizedOperations: false, endpointType };
      return (await ask("describeCluster", 1, body)).errorCode;
    };
    expect([await codeOf(2), await codeOf(3)]).toEqual([114, 115]);
  });
});

describe("describe topic partitions", () => {
  test("pages: each goes on where the one before ended, until there is no more", async () => {
    const { engine, ask } = await open();
    await createTopic(engine, "b", { partitions: 3 });
    await createTopic(engine, "a", { partitions: 2 });
    const seen: string[] = [];
    const topics = ["b", "none", "a"].map((name) => ({ name }));
    let cursor: { topicName: string; partitionIndex: number } | null = null;
    for (let page = 0; page < 4; page++) {
      const answer: Awaited<ReturnType<typeof ask<"describeTopicPartitions">>> = await ask(
        "describeTopicPartitions",
        0,
        { topics, responsePartitionLimit: 2, cursor },
      );
      for (const { name, errorCode, partitions } of answer.topics) {
        const numbers = partitions.map(({ partitionIndex }) => partitionIndex).join(",");
        seen.push(`${page}: ${name} ${errorCode} [${numbers}]`);
      }
      cursor = answer.nextCursor;
      if (cursor === null) break;
    }
    expect(seen).toEqual(["0: a 0 [0,1]", "1: b 0 [0,1]", "2: b 0 [2]", "2: none 3 []"]);
  });

  test("no names: all topics, by name, with their one replica", async () => {
    const { engine, ask } = await open();
    await createTopic(engine, "orders");
    const answer = await ask("describeTopicPartitions", 0, {
      topics: [],
      responsePartitionLimit: 2000,
      cursor: null,
    });
    const names = answer.topics.map(({ name }) => name ?? "");
    expect(names).toEqual([...names].sort());
    expect(names).toEqual(expect.arrayContaining(["__consumer_offsets", "orders"]));
    for (const { name, isInternal } of answer.topics) {
      expect(isInternal, name ?? "").toBe(name !== "orders");
    }
    expect(answer.topics.at(-1)).toMatchObject({
      topicId: engine.services.topics.lookup("orders")?.topicId,
      partitions: [
        { partitionIndex: 0, leaderId: 1, leaderEpoch: 0, replicaNodes: [1], isrNodes: [1] },
      ],
    });
  });
});

describe("describe log dirs", () => {
  test("the directory, its bytes, and the partitions asked for", async () => {
    const { engine, disk, ask } = await open();
    disk.capacityBytes = 2 ** 30;
    await createTopic(engine, "orders", { partitions: 3 });
    await produce(engine, { topic: "orders", partition: 1, values: ["a"] });
    const answer = await ask("describeLogDirs", 4, {
      topics: [
        { topic: "orders", partitions: [1, 2, 7] },
        { topic: "none", partitions: [0] },
      ],
    });
    const [directory] = answer.results;
    expect(directory).toMatchObject({ errorCode: 0, logDir: "/data", totalBytes: 2 ** 30 });
    expect(directory?.usableBytes).toBeLessThan(2 ** 30);
    expect(directory?.topics.map(({ name }) => name)).toEqual(["orders"]);
    const partitions = directory?.topics[0]?.partitions ?? [];
    expect(partitions.map(({ partitionIndex }) => partitionIndex)).toEqual([1, 2]);
    expect(partitions[0]?.partitionSize).toBeGreaterThan(60);
    expect(partitions[1]?.partitionSize).toBe(0);
    const all = await ask("describeLogDirs", 1, { topics: null });
    expect(all.results[0]?.topics.find(({ name }) => name === "orders")?.partitions.length).toBe(3);
  });
});

test("list partition reassignments: there are none", async () => {
  const { ask } = await open();
  const answer = await ask("listPartitionReassignments", 0, { topics: null });
  expect(answer).toEqual({ throttleTimeMs: 0, errorCode: 0, errorMessage: null, topics: [] });
});

// Administration as kafkajs does it, over real sockets.

import { type Admin, ConfigResourceTypes, Kafka, logLevel } from "kafkajs";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type LiveServer, liveServer } from "../../support/live-server.ts";

let server: LiveServer;
let kafka: Kafka;
let admin: Admin;

beforeAll(async () => {
  server = await liveServer({ defaultPartitions: "2" });
  kafka = new Kafka({
    clientId: "test",
    brokers: [server.kafka ?? ""],
    logLevel: logLevel.NOTHING,
    retry: { retries: 2, initialRetryTime: 20 },
  });
  admin = kafka.admin();
  await admin.connect();
});

afterAll(async () => {
  await admin.disconnect();
  expect(server.errors).toEqual([]);
  await server.close();
});

const upward = (one: number, other: number): number => one - other;

async function refusalOf(call: Promise<unknown>): Promise<string> {
  const error: unknown = await call.then(
    () => null,
    (thrown: unknown) => thrown,
  );
  const { errors, type } = (error ?? {}) as { errors?: { type: string }[]; type?: string };
  return errors?.[0]?.type ?? type ?? String(error);
}

test("kafkajs admin: topics are made, looked at, grown and deleted", async () => {
  const configEntries = [{ name: "retention.ms", value: "5000" }];
  const topics = [{ topic: "made", numPartitions: 3, configEntries }, { topic: "by-default" }];
  expect(await admin.createTopics({ topics, validateOnly: true, waitForLeaders: false })).toBe(
    true,
  );
  expect(await admin.listTopics()).not.toContain("made");
  expect(await admin.createTopics({ topics })).toBe(true);
  // False says that it was there already.
  expect(await admin.createTopics({ topics: [{ topic: "made" }] })).toBe(false);
  expect(await admin.listTopics()).toEqual(expect.arrayContaining(["made", "by-default"]));
  const partitionsOf = async (topic: string) => {
    const metadata = await admin.fetchTopicMetadata({ topics: [topic] });
    return metadata.topics[0]?.partitions;
  };
  expect(await partitionsOf("by-default")).toHaveLength(2);
  const topicPartitions = [{ topic: "made", count: 5, assignments: [[1], [1]] }];
  await admin.createPartitions({ topicPartitions });
  const partitions = await partitionsOf("made");
  expect(partitions?.map(({ partitionId }) => partitionId).toSorted(upward)).toEqual([
    0, 1, 2, 3, 4,
  ]);
  expect(partitions?.[0]).toMatchObject({ leader: 1, replicas: [1], isr: [1] });
  await admin.deleteTopics({ topics: ["made", "by-default"] });
  expect(await admin.listTopics()).not.toContain("made");
  const copies = [{ topic: "copies", replicationFactor: 3 }];
  expect(await refusalOf(admin.createTopics({ topics: copies }))).toBe(
    "INVALID_REPLICATION_FACTOR",
  );
  const name = [{ topic: "a/b" }];
  expect(await refusalOf(admin.createTopics({ topics: name }))).toBe("INVALID_TOPIC_EXCEPTION");
});

test("kafkajs admin: configs are described, and replaced as a whole", async () => {
  const configEntries = [
    { name: "retention.ms", value: "5000" },
    { name: "segment.ms", value: "7000" },
  ];
  await admin.createTopics({ topics: [{ topic: "configured", configEntries }] });
  const resource = { type: ConfigResourceTypes.TOPIC, name: "configured" };
  const own = async () => {
    const { resources } = await admin.describeConfigs({
      resources: [resource],
      includeSynonyms: true,
    });
    return (resources[0]?.configEntries ?? [])
      .filter(({ configSource }) => (configSource as number) === 1)
      .map(({ configName, configValue }) => `${configName}=${configValue}`);
  };
  expect(await own()).toEqual(["retention.ms=5000", "segment.ms=7000"]);
  const replaced = { ...resource, configEntries: [{ name: "flush.ms", value: "3" }] };
  await admin.alterConfigs({ validateOnly: true, resources: [replaced] });
  expect(await own()).toHaveLength(2);
  await admin.alterConfigs({ validateOnly: false, resources: [replaced] });
  expect(await own()).toEqual(["flush.ms=3"]);
  const odd = { ...resource, configEntries: [{ name: "nonsense", value: "3" }] };
  expect(await refusalOf(admin.alterConfigs({ validateOnly: false, resources: [odd] }))).toBe(
    "INVALID_CONFIG",
  );
  const broker = { type: ConfigResourceTypes.BROKER, name: "1", configNames: ["num.partitions"] };
  const described = await admin.describeConfigs({ resources: [broker], includeSynonyms: false });
  expect(described.resources[0]?.configEntries).toMatchObject([
    { configName: "num.partitions", configValue: "2", readOnly: true, isDefault: false },
  ]);
});

test("kafkajs admin: the cluster, offsets, and records removed", async () => {
  const cluster = await admin.describeCluster();
  const [host, port] = (server.kafka ?? "").split(":");
  expect(cluster).toMatchObject({
    controller: 1,
    brokers: [{ nodeId: 1, host, port: Number(port) }],
  });
  expect(cluster.clusterId).toHaveLength(22);
  expect(await admin.listPartitionReassignments({})).toMatchObject({ topics: [] });
  await admin.createTopics({ topics: [{ topic: "trimmed", numPartitions: 1 }] });
  const producer = kafka.producer();
  await producer.connect();
  await producer.send({ topic: "trimmed", messages: [{ value: "a" }, { value: "b" }] });
  await producer.disconnect();
  const offsets = async () => {
    const [{ low, high } = { low: "", high: "" }] = await admin.fetchTopicOffsets("trimmed");
    return [low, high];
  };
  expect(await offsets()).toEqual(["0", "2"]);
  await admin.deleteTopicRecords({ topic: "trimmed", partitions: [{ partition: 0, offset: "1" }] });
  expect(await offsets()).toEqual(["1", "2"]);
});

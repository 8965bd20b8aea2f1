// The door as kafkajs uses it: produce and fetch over real sockets.

import { CompressionTypes, type EachMessagePayload, Kafka, logLevel } from "kafkajs";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type LiveServer, liveServer } from "../../support/live-server.ts";

let server: LiveServer;
let kafka: Kafka;

beforeAll(async () => {
  server = await liveServer({ defaultPartitions: "2", groupInitialRebalanceDelayMs: "0" });
  kafka = new Kafka({
    clientId: "test",
    brokers: [server.kafka ?? ""],
    logLevel: logLevel.NOTHING,
    retry: { retries: 2, initialRetryTime: 20 },
  });
});

afterAll(async () => {
  await server.close();
});

test("kafkajs: a topic made by its admin: is there over HTTP, with its partitions", async () => {
  const admin = kafka.admin();
  await admin.connect();
  await admin.createTopics({ topics: [{ topic: "made", numPartitions: 3 }] });
  await admin.disconnect();
  const found = await server.call("GET", "/v1/topics/made");
  expect(found.body.partitions).toHaveLength(3);
});

test.each([
  ["plain", CompressionTypes.None],
  ["gzip", CompressionTypes.GZIP],
] as const)(
  "kafkajs: records sent %s with each acks: are read over HTTP",
  async (name, compression) => {
    const producer = kafka.producer();
    await producer.connect();
    for (const acks of [-1, 1, 0]) {
      const messages = [{ key: "k", value: `acks ${acks}`, headers: { h: "1" }, partition: 0 }];
      await producer.send({ topic: `sent-${name}`, acks, compression, messages });
    }
    await producer.send({
      topic: `sent-${name}`,
      compression,
      messages: [{ value: "last", partition: 0 }],
    });
    await producer.disconnect();
    const read = await server.call("GET", `/v1/topics/sent-${name}/partitions/0/records`);
    expect(read.body.records).toMatchObject([
      { offset: 0, key: "k", text: "acks -1" },
      { offset: 1, text: "acks 1" },
      { offset: 2, text: "acks 0" },
      { offset: 3, text: "last" },
    ]);
  },
);

test("kafkajs: records written over HTTP: are consumed by a group, values and headers as they were", async () => {
  await server.call("PUT", "/v1/topics/mixed", { json: { partitions: 1 } });
  const records = [
    { key: "k", value: { n: 1 }, headers: { h: "x" } },
    { key: null, text: "plain" },
  ];
  await server.call("POST", "/v1/topics/mixed/records", { json: { records } });
  const producer = kafka.producer();
  await producer.connect();
  await producer.send({ topic: "mixed", messages: [{ key: "j", value: "from kafkajs" }] });
  await producer.disconnect();
  const consumer = kafka.consumer({
    groupId: "readers",
    sessionTimeout: 10_000,
    maxWaitTimeInMs: 50,
  });
  await consumer.connect();
  await consumer.subscribe({ topic: "mixed", fromBeginning: true });
  const read: { offset: string; key: string | null; value: string; h: string | null }[] = [];
  await new Promise<void>((resolve, reject) => {
    const eachMessage = async ({ message }: EachMessagePayload): Promise<void> => {
      const { offset, key, value, headers } = message;
      const h = headers?.["h"]?.toString() ?? null;
      read.push({ offset, key: key?.toString() ?? null, value: value?.toString() ?? "", h });
      if (read.length === 3) resolve();
    };
    consumer.run({ eachMessage }).catch(reject);
  });
  await consumer.disconnect();
  expect(read).toEqual([
    { offset: "0", key: "k", value: '{"n":1}', h: "x" },
    { offset: "1", key: null, value: "plain", h: null },
    { offset: "2", key: "j", value: "from kafkajs", h: null },
  ]);
  // What the group has read is committed when it leaves, and HTTP shows it.
  const offsets = await server.call("GET", "/v1/groups/readers/offsets");
  expect(offsets.body.offsets).toMatchObject([
    { topic: "mixed", partition: 0, committedOffset: 3 },
  ]);
});

test("kafkajs: positions of a topic and of a time, and records deleted up to an offset", async () => {
  const admin = kafka.admin();
  const producer = kafka.producer();
  await Promise.all([admin.connect(), producer.connect()]);
  const messages = [1000, 2000, 3000].map((time) => ({
    value: "v",
    timestamp: String(time),
    partition: 0,
  }));
  for (const message of messages) await producer.send({ topic: "times", messages: [message] });
  const [all] = (await admin.fetchTopicOffsets("times")).filter(({ partition }) => partition === 0);
  expect(all).toEqual({ partition: 0, offset: "3", high: "3", low: "0" });
  const [timed] = await admin.fetchTopicOffsetsByTimestamp("times", 1500);
  expect(timed).toMatchObject({ partition: 0, offset: "1" });
  await admin.deleteTopicRecords({ topic: "times", partitions: [{ partition: 0, offset: "2" }] });
  const [after] = (await admin.fetchTopicOffsets("times")).filter(
    ({ partition }) => partition === 0,
  );
  expect(after).toMatchObject({ low: "2", high: "3" });
  await Promise.all([admin.disconnect(), producer.disconnect()]);
});

test("kafkajs: a batch that the topic refuses: the client hears why", async () => {
  await server.call("PUT", "/v1/topics/small", {
    json: { config: { "max.message.bytes": "200" } },
  });
  const producer = kafka.producer();
  await producer.connect();
  const send = producer.send({ topic: "small", messages: [{ value: "x".repeat(1000) }] });
  await expect(send).rejects.toMatchObject({ type: "MESSAGE_TOO_LARGE" });
  await producer.disconnect();
});

test("kafkajs: an idempotent producer: writes each record once", async () => {
  const producer = kafka.producer({ idempotent: true });
  await producer.connect();
  for (const value of ["a", "b"])
    await producer.send({ topic: "once", messages: [{ value, partition: 0 }] });
  await producer.disconnect();
  const read = await server.call("GET", "/v1/topics/once/partitions/0/records");
  expect(read.body.records.map(({ text }: { text: string }) => text)).toEqual(["a", "b"]);
});

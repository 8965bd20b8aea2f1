// The door as kafkajs uses it: produce and fetch over real sockets.

import { Kafka, CompressionTypes, logLevel } from "kafkajs";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type LiveServer, liveServer } from "../../support/live-server.ts";

let server: LiveServer;
let kafka: Kafka;

beforeAll(async () => {
  server = await liveServer({ defaultPartitions: "2" });
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

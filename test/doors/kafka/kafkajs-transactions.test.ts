// Transactions as kafkajs uses them, over real sockets.

import { type Admin, Kafka, logLevel, type Producer } from "kafkajs";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type LiveServer, liveServer } from "../../support/live-server.ts";
import { until } from "../../support/until.ts";

let server: LiveServer;
let kafka: Kafka;
let admin: Admin;

beforeAll(async () => {
  server = await liveServer({ groupInitialRebalanceDelayMs: 0 });
  kafka = new Kafka({
    clientId: "test",
    brokers: [server.kafka ?? ""],
    logLevel: logLevel.NOTHING,
    retry: { retries: 5, initialRetryTime: 20 },
  });
  admin = kafka.admin();
  await admin.connect();
});

afterAll(async () => {
  await admin.disconnect();
  expect(server.errors).toEqual([]);
  await server.close();
});

async function open(transactionalId: string): Promise<Producer> {
  const producer = kafka.producer({ transactionalId, maxInFlightRequests: 1, idempotent: true });
  await producer.connect();
  return producer;
}

/** What a reader of committed records sees of a topic, up to the value `last`. */
async function committed(topic: string, groupId: string): Promise<readonly string[]> {
  const seen: string[] = [];
  const consumer = kafka.consumer({
    groupId,
    sessionTimeout: 6000,
    heartbeatInterval: 100,
    maxWaitTimeInMs: 20,
  });
  await consumer.connect();
  await consumer.subscribe({ topic, fromBeginning: true });
  await consumer.run({
    eachMessage: async ({ message }) => void seen.push(message.value?.toString() ?? ""),
  });
  await until(() => seen.at(-1) === "last");
  await consumer.disconnect();
  return seen;
}

test("kafkajs transactions: commits are read in order, aborts never, offsets come with them", async () => {
  const topics = ["in", "out"].map((topic) => ({ topic, numPartitions: 1 }));
  await admin.createTopics({ topics });
  const producer = await open("worker");
  const offsetOf = async () => {
    const [found] = await admin.fetchOffsets({ groupId: "job", topics: ["in"] });
    return found?.partitions[0]?.offset;
  };
  const offsets = (offset: string) => {
    return {
      consumerGroupId: "job",
      topics: [{ topic: "in", partitions: [{ partition: 0, offset }] }],
    };
  };

  const first = await producer.transaction();
  await first.send({ topic: "out", messages: [{ value: "a" }, { value: "b" }] });
  await first.sendOffsets(offsets("3"));
  expect(await offsetOf()).toBe("-1");
  await first.commit();
  await until(async () => (await offsetOf()) === "3");

  const second = await producer.transaction();
  await second.send({ topic: "out", messages: [{ value: "lost" }] });
  await second.sendOffsets(offsets("9"));
  await second.abort();

  const third = await producer.transaction();
  await third.send({ topic: "in", messages: [{ value: "both" }] });
  await third.send({ topic: "out", messages: [{ value: "last" }] });
  await third.commit();
  expect(await committed("out", "reader")).toEqual(["a", "b", "last"]);
  expect(await offsetOf()).toBe("3");
  await producer.disconnect();
});

test("kafkajs transactions: a second producer of the name fences the first", async () => {
  await admin.createTopics({ topics: [{ topic: "fenced", numPartitions: 1 }] });
  const old = await open("twice");
  const stale = await old.transaction();
  await stale.send({ topic: "fenced", messages: [{ value: "stale" }] });
  const fresh = await open("twice");
  const transaction = await fresh.transaction();
  await transaction.send({ topic: "fenced", messages: [{ value: "last" }] });
  await transaction.commit();
  await expect(stale.commit()).rejects.toThrow();
  expect(await committed("fenced", "fenced-reader")).toEqual(["last"]);
  await old.disconnect();
  await fresh.disconnect();
});

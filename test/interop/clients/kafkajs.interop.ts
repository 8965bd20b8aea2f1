// kafkajs 2.2.4 against a live server, with every codec plugged in.

import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, expect, test } from "vitest";
import {
  type Admin,
  CompressionCodecs,
  CompressionTypes,
  ConfigResourceTypes,
  type Consumer,
  type ConsumerConfig,
  Kafka,
  type KafkaMessage,
  logLevel,
  type Producer,
} from "kafkajs";
import {
  compress,
  decompress,
  decompressedBytesMax,
  prepareCompression,
} from "../../../src/record/compression.ts";
import { soon } from "./soon.ts";
import { clientResults } from "../results.ts";
import { type ServerUnderTest, startServerUnderTest } from "../server-under-test.ts";

const results = clientResults("kafkajs", "2.2.4");
let server: ServerUnderTest;
let kafka: Kafka;
let admin: Admin;
const open: (Producer | Consumer)[] = [];

beforeAll(async () => {
  await prepareCompression();
  server = await startServerUnderTest();
  kafka = new Kafka({ brokers: [server.bootstrap], logLevel: logLevel.NOTHING });
  admin = kafka.admin();
  await admin.connect();
});

afterAll(async () => {
  for (const client of open) await client.disconnect();
  await admin.disconnect();
  await server.stop();
});

async function newTopic(numPartitions = 1): Promise<string> {
  const topic = `kafkajs-${randomUUID()}`;
  await admin.createTopics({ topics: [{ topic, numPartitions }] });
  return topic;
}

async function newProducer(options = {}): Promise<Producer> {
  const producer = kafka.producer(options);
  open.push(producer);
  await producer.connect();
  return producer;
}

async function newConsumer(options: Partial<ConsumerConfig> = {}): Promise<Consumer> {
  const settings = { sessionTimeout: 10_000, heartbeatInterval: 500, maxWaitTimeInMs: 200 };
  const consumer = kafka.consumer({ groupId: randomUUID(), ...settings, ...options });
  open.push(consumer);
  await consumer.connect();
  return consumer;
}

type Taken = KafkaMessage & { readonly partition: number };

// A consumer that is at work, and what it has been given so far.
async function reading(topic: string, options = {}): Promise<[Consumer, Taken[]]> {
  const consumer = await newConsumer(options);
  const taken: Taken[] = [];
  await consumer.subscribe({ topic, fromBeginning: true });
  await consumer.run({
    eachMessage: async ({ message, partition }) => {
      taken.push({ ...message, partition });
    },
  });
  return [consumer, taken];
}

async function read(topic: string, count: number, options = {}): Promise<readonly Taken[]> {
  const [consumer, taken] = await reading(topic, options);
  await soon(() => taken.length >= count);
  await consumer.disconnect();
  expect(taken).toHaveLength(count);
  return taken;
}

const text = (value: Buffer | null): string | null => value?.toString() ?? null;

test("produce: keys, headers, null and empty values, every acks", () =>
  results.run("produce", async () => {
    const topic = await newTopic();
    const producer = await newProducer();
    const messages = [
      { key: "k", value: "v", headers: { h: "1" } },
      { key: null, value: "" },
      { key: "", value: null },
      { key: "é", value: Buffer.from(Array.from({ length: 256 }, (_, byte) => byte)) },
    ];
    for (const acks of [-1, 1]) {
      const [answer] = await producer.send({ topic, messages, acks });
      expect(answer?.errorCode).toBe(0);
    }
    await producer.send({ topic, messages: [{ value: "unacknowledged" }], acks: 0 });
    const found = await read(topic, 9);
    expect(text(found[0]?.key ?? null)).toBe("k");
    expect(text(found[0]?.headers?.["h"] as Buffer)).toBe("1");
    expect(found[1]).toMatchObject({ key: null, value: Buffer.alloc(0) });
    expect(found[6]).toMatchObject({ key: Buffer.alloc(0), value: null });
    expect(found[7]?.value).toEqual(messages[3]?.value);
    expect(text(found[8]?.value ?? null)).toBe("unacknowledged");
  }));

test("consume: from the beginning, and from an offset", () =>
  results.run("consume", async () => {
    const topic = await newTopic();
    const producer = await newProducer();
    const values = Array.from({ length: 2000 }, (_, number) => String(number));
    await producer.send({ topic, messages: values.map((value) => ({ value })) });
    expect((await read(topic, 2000)).map(({ value }) => text(value))).toEqual(values);
    const [consumer, taken] = await reading(topic);
    consumer.seek({ topic, partition: 0, offset: "1990" });
    await soon(() => taken.at(-1)?.offset === "1999" && taken.length >= 10);
  }));

test("group-rebalance: two members share, one leaves", () =>
  results.run("group-rebalance", async () => {
    const topic = await newTopic(4);
    const producer = await newProducer();
    const groupId = randomUUID();
    const messages = Array.from({ length: 400 }, (_, number) => ({
      value: String(number),
      partition: number % 4,
    }));
    await producer.send({ topic, messages });
    const assigned: number[][] = [[], []];
    const members: Consumer[] = [];
    const seen = new Set<string>();
    for (const index of [0, 1]) {
      const consumer = await newConsumer({ groupId });
      consumer.on(consumer.events.GROUP_JOIN, ({ payload }) => {
        assigned[index] = payload.memberAssignment[topic] ?? [];
      });
      await consumer.subscribe({ topic, fromBeginning: true });
      await consumer.run({
        eachMessage: async ({ partition, message }) => {
          seen.add(`${partition}/${message.offset}`);
        },
      });
      members.push(consumer);
    }
    await soon(() => assigned.every((part) => part.length === 2) && seen.size === 400);
    expect(new Set(assigned.flat())).toEqual(new Set([0, 1, 2, 3]));
    await members[1]?.disconnect();
    await soon(() => assigned[0]?.length === 4);
  }));

test("offsets: commit, fetch, by time", () =>
  results.run("offsets", async () => {
    const topic = await newTopic();
    const producer = await newProducer();
    const groupId = randomUUID();
    const base = 1_700_000_000_000;
    const messages = Array.from({ length: 100 }, (_, number) => ({
      value: String(number),
      timestamp: String(base + number * 1000),
    }));
    await producer.send({ topic, messages });
    const [ends] = await admin.fetchTopicOffsets(topic);
    expect(ends).toMatchObject({ low: "0", high: "100", offset: "100" });
    const [byTime] = await admin.fetchTopicOffsetsByTimestamp(topic, base + 49_500);
    expect(byTime?.offset).toBe("50");
    const before = await admin.fetchOffsets({ groupId, topics: [topic] });
    expect(before[0]?.partitions[0]?.offset).toBe("-1");
    const partitions = [{ partition: 0, offset: "42", metadata: "note" }];
    await admin.setOffsets({ groupId, topic, partitions });
    expect((await admin.fetchOffsets({ groupId, topics: [topic] }))[0]?.partitions[0]?.offset).toBe(
      "42",
    );
    expect((await read(topic, 58, { groupId }))[0]?.offset).toBe("42");
    const after = await admin.fetchOffsets({ groupId, topics: [topic] });
    expect(after[0]?.partitions[0]?.offset).toBe("100");
  }));

test("admin: topics, partitions, configs, records, groups", () =>
  results.run("admin", async () => {
    const topic = await newTopic(2);
    expect(await admin.listTopics()).toContain(topic);
    expect(await admin.createTopics({ topics: [{ topic }] })).toBe(false);
    await admin.createPartitions({ topicPartitions: [{ topic, count: 3 }] });
    const { topics } = await admin.fetchTopicMetadata({ topics: [topic] });
    expect(topics[0]?.partitions).toHaveLength(3);
    const resource = { type: ConfigResourceTypes.TOPIC, name: topic };
    const configEntries = [{ name: "retention.ms", value: "90000" }];
    await admin.alterConfigs({ validateOnly: false, resources: [{ ...resource, configEntries }] });
    const described = await admin.describeConfigs({
      includeSynonyms: true,
      resources: [{ ...resource, configNames: ["retention.ms"] }],
    });
    expect(described.resources[0]?.configEntries[0]?.configValue).toBe("90000");
    const producer = await newProducer();
    const messages = Array.from({ length: 10 }, () => ({ value: "x", partition: 0 }));
    await producer.send({ topic, messages });
    // It looks for the leader in what it knew of the topic when it connected.
    const fresh = kafka.admin();
    await fresh.connect();
    await fresh.fetchTopicOffsets(topic);
    await fresh.deleteTopicRecords({ topic, partitions: [{ partition: 0, offset: "4" }] });
    await fresh.disconnect();
    const offsets = await admin.fetchTopicOffsets(topic);
    expect(offsets.find(({ partition }) => partition === 0)?.low).toBe("4");
    const cluster = await admin.describeCluster();
    expect(cluster.brokers).toHaveLength(1);
    expect(cluster.controller).toBe(cluster.brokers[0]?.nodeId);
    const groupId = randomUUID();
    const [consumer, taken] = await reading(topic, { groupId });
    await soon(() => taken.length === 6);
    expect((await admin.listGroups()).groups.map((group) => group.groupId)).toContain(groupId);
    const { groups } = await admin.describeGroups([groupId]);
    expect(groups[0]).toMatchObject({ state: "Stable", protocolType: "consumer" });
    await consumer.disconnect();
    await admin.deleteGroups([groupId]);
    await admin.deleteTopics({ topics: [topic] });
    expect(await admin.listTopics()).not.toContain(topic);
  }));

for (const codec of ["gzip", "snappy", "lz4", "zstd"] as const) {
  test(`compression-${codec}: batches of it go in and come out`, () =>
    results.run(`compression-${codec}`, async () => {
      const name = { gzip: "GZIP", snappy: "Snappy", lz4: "LZ4", zstd: "ZSTD" } as const;
      const type = CompressionTypes[name[codec]];
      // Only gzip comes with the client; the others are plugged in.
      CompressionCodecs[type] = () => ({
        compress: ({ buffer }: { buffer: Buffer }) =>
          Promise.resolve(Buffer.from(compress(codec, buffer, null))),
        decompress: (buffer: Buffer) =>
          Promise.resolve(Buffer.from(decompress(codec, buffer, decompressedBytesMax))),
      });
      const topic = await newTopic();
      const producer = await newProducer();
      const values = Array.from({ length: 500 }, (_, number) => `${number} `.repeat(40));
      await producer.send({
        topic,
        compression: type,
        messages: values.map((value) => ({ value })),
      });
      expect((await read(topic, 500)).map(({ value }) => text(value))).toEqual(values);
    }));
}

test("idempotence: sequences in order", () =>
  results.run("idempotence", async () => {
    const topic = await newTopic();
    const producer = await newProducer({ idempotent: true, maxInFlightRequests: 5 });
    const values = Array.from({ length: 100 }, (_, number) => String(number));
    for (const value of values) await producer.send({ topic, messages: [{ value }] });
    expect((await read(topic, 100)).map(({ value }) => text(value))).toEqual(values);
  }));

test("transactions: abort, commit with offsets, isolation, fencing", () =>
  results.run("transactions", async () => {
    const [topic, source] = [await newTopic(), await newTopic()];
    const [transactionalId, consumerGroupId] = [randomUUID(), randomUUID()];
    const settings = { transactionalId, idempotent: true, maxInFlightRequests: 1 };
    const producer = await newProducer(settings);
    const aborted = await producer.transaction();
    await aborted.send({ topic, messages: [{ value: "aborted" }] });
    await aborted.abort();
    const committed = await producer.transaction();
    const values = Array.from({ length: 10 }, (_, number) => String(number));
    await committed.send({ topic, messages: values.map((value) => ({ value })) });
    const topics = [{ topic: source, partitions: [{ partition: 0, offset: "10" }] }];
    await committed.sendOffsets({ consumerGroupId, topics });
    await committed.commit();
    const stable = await read(topic, 10, { readUncommitted: false });
    expect(stable.map(({ value }) => text(value))).toEqual(values);
    const all = await read(topic, 11, { readUncommitted: true });
    expect(text(all[0]?.value ?? null)).toBe("aborted");
    const offsets = await admin.fetchOffsets({ groupId: consumerGroupId, topics: [source] });
    expect(offsets[0]?.partitions[0]?.offset).toBe("10");
    const older = await producer.transaction();
    await older.send({ topic, messages: [{ value: "zombie" }] });
    const newer = await newProducer(settings);
    const next = await newer.transaction();
    await next.send({ topic, messages: [{ value: "newer" }] });
    await next.commit();
    await expect(older.commit()).rejects.toThrow();
    const final = await read(topic, 11, { readUncommitted: false });
    expect(text(final.at(-1)?.value ?? null)).toBe("newer");
  }));

// Consumer groups of the classic protocol as kafkajs uses them, over real sockets.

import { type Admin, type Consumer, Kafka, logLevel } from "kafkajs";
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
    retry: { retries: 3, initialRetryTime: 20 },
  });
  admin = kafka.admin();
  await admin.connect();
});

afterAll(async () => {
  await admin.disconnect();
  expect(server.errors).toEqual([]);
  await server.close();
});

interface Member {
  readonly consumer: Consumer;
  /** What it was given last; null before. */
  partitions(): readonly number[] | null;
}

/** A member of the group that hands over what it reads, and notices within moments that others come and go. */
async function join(
  groupId: string,
  topic: string,
  onValue: (value: string) => void,
): Promise<Member> {
  const consumer = kafka.consumer({
    groupId,
    sessionTimeout: 6000,
    heartbeatInterval: 20,
    maxWaitTimeInMs: 20,
  });
  let partitions: readonly number[] | null = null;
  consumer.on(consumer.events.GROUP_JOIN, ({ payload }) => {
    partitions = payload.memberAssignment[topic] ?? [];
  });
  await consumer.connect();
  await consumer.subscribe({ topic, fromBeginning: true });
  await consumer.run({
    eachMessage: async ({ message }) => onValue(message.value?.toString() ?? ""),
  });
  return { consumer, partitions: () => partitions };
}

async function send(topic: string, values: readonly string[]): Promise<void> {
  const producer = kafka.producer();
  await producer.connect();
  const messages = values.map((value, index) => ({ value, partition: index % 4 }));
  await producer.send({ topic, messages });
  await producer.disconnect();
}

const upward = (one: number, other: number): number => one - other;

function range(from: number, to: number): string[] {
  return Array.from({ length: to - from }, (_, index) => String(from + index));
}

test("kafkajs group: a second member takes half, and its leaving gives all back", async () => {
  const topic = "shared";
  await admin.createTopics({ topics: [{ topic, numPartitions: 4 }] });
  await send(topic, range(0, 20));
  const seen: string[] = [];
  const note = (value: string): void => void seen.push(value);
  const first = await join("g", topic, note);
  await until(() => seen.length === 20);
  expect(first.partitions()?.toSorted(upward)).toEqual([0, 1, 2, 3]);
  const second = await join("g", topic, note);
  await until(() => first.partitions()?.length === 2 && second.partitions()?.length === 2);
  const shared = [...(first.partitions() ?? []), ...(second.partitions() ?? [])];
  expect(shared.toSorted(upward)).toEqual([0, 1, 2, 3]);
  await send(topic, range(20, 40));
  await until(() => new Set(seen).size === 40);

  const { groups } = await admin.describeGroups(["g"]);
  expect(groups[0]).toMatchObject({
    errorCode: 0,
    groupId: "g",
    state: "Stable",
    protocolType: "consumer",
    protocol: "RoundRobinAssigner",
  });
  expect(groups[0]?.members.map(({ clientId }) => clientId)).toEqual(["test", "test"]);
  expect((await admin.listGroups()).groups).toContainEqual({
    groupId: "g",
    protocolType: "consumer",
  });
  await expect(admin.deleteGroups(["g"])).rejects.toThrow();

  await second.consumer.disconnect();
  await until(() => first.partitions()?.length === 4);
  await first.consumer.disconnect();
  const [offsets] = await admin.fetchOffsets({ groupId: "g", topics: [topic] });
  expect(offsets?.partitions.map(({ offset }) => offset)).toEqual(["10", "10", "10", "10"]);
  expect(await admin.deleteGroups(["g"])).toMatchObject([{ groupId: "g", errorCode: 0 }]);
  expect((await admin.listGroups()).groups).not.toContainEqual(
    expect.objectContaining({ groupId: "g" }),
  );
});

test("kafkajs group: goes on where the one before it committed", async () => {
  const topic = "resumed";
  await admin.createTopics({ topics: [{ topic, numPartitions: 4 }] });
  await send(topic, range(0, 8));
  const readAll = async (count: number) => {
    const seen: string[] = [];
    const { consumer } = await join("resuming", topic, (value) => void seen.push(value));
    await until(() => seen.length >= count);
    await consumer.disconnect();
    return seen.map(Number).toSorted(upward);
  };
  expect(await readAll(8)).toEqual(range(0, 8).map(Number));
  await send(topic, range(8, 12));
  expect(await readAll(4)).toEqual([8, 9, 10, 11]);
});

test("kafkajs group: members of the old protocol are seen over HTTP", async () => {
  const topic = "watched";
  await admin.createTopics({ topics: [{ topic, numPartitions: 1 }] });
  const { consumer, partitions } = await join("watching", topic, () => undefined);
  await until(() => partitions() !== null);
  await until(async () => {
    const { status, body } = await server.call("GET", "/v1/groups/watching");
    return status === 200 && body.members.length === 1 && body.state === "STABLE";
  });
  await consumer.disconnect();
});

import { createServer } from "node:net";
import { afterEach, expect, test } from "vitest";
import type { Clock } from "../../../src/base/clock.ts";
import { silentLogger } from "../../../src/base/logger.ts";
import { createKafkaDoor } from "../../../src/doors/kafka/kafka-door.ts";
import { decodeResponse } from "../../../src/protocol/codec.ts";
import { createTopic } from "../../support/engines.ts";
import { FakeClock, settle } from "../../support/fake-clock.ts";
import { servicesWith } from "../../support/kafka-calls.ts";
import {
  type KafkaFixture,
  type KafkaFixtureOptions,
  openKafka,
} from "../../support/kafka-fixture.ts";
import { requestFrame } from "../../support/kafka-wire.ts";
import { until } from "../../support/until.ts";

let kafka: KafkaFixture | null = null;

afterEach(async () => {
  await kafka?.close();
  kafka = null;
});

async function open(options: KafkaFixtureOptions = {}): Promise<KafkaFixture> {
  kafka = await openKafka(options);
  return kafka;
}

function waitingFetch(correlationId: number): Buffer {
  const partitions = [{ partition: 0, fetchOffset: 0, partitionMaxBytes: 1000 }];
  const topics = [{ topic: "t", partitions }];
  const body = { maxWaitMs: 600_000, minBytes: 1, isolationLevel: 0, topics };
  return requestFrame("fetch", { version: 4, correlationId }, body);
}

test("address: is where the door listens, and clients are told the same", async () => {
  const { address, wire } = await open();
  expect(address).toMatch(/^127\.0\.0\.1:\d+$/);
  const answer = await (await wire()).call("metadata", 1, { topics: [] });
  const [broker] = answer.brokers;
  expect(`${broker?.host}:${broker?.port}`).toBe(address);
});

test("address: an advertised one: is told in every answer that names the broker", async () => {
  const { wire } = await open({ advertised: { host: "logs.example", port: 19_092 } });
  const client = await wire();
  const told = { host: "logs.example", port: 19_092 };
  expect((await client.call("metadata", 1, { topics: [] })).brokers).toMatchObject([told]);
  expect(await client.call("findCoordinator", 0, { key: "g" })).toMatchObject(told);
  expect(
    (await client.call("describeCluster", 0, { includeClusterAuthorizedOperations: false }))
      .brokers,
  ).toMatchObject([told]);
});

test("api versions: over a real socket: the whole table", async () => {
  const { wire } = await open();
  const software = { clientSoftwareName: "wire", clientSoftwareVersion: "1" };
  const answer = await (await wire()).call("apiVersions", 4, software);
  expect(answer.errorCode).toBe(0);
  expect(answer.apiKeys).toContainEqual({ apiKey: 18, minVersion: 0, maxVersion: 4 });
  expect(answer.apiKeys.length).toBeGreaterThan(30);
});

test("connections: beyond the limit: are dropped and counted, the others go on", async () => {
  const { wire, metric } = await open({ limits: { connectionsMax: 1 } });
  const first = await wire();
  const second = await wire();
  await second.closed();
  expect(await metric("varve_kafka_connections_dropped_total")).toBe(1);
  expect((await first.call("apiVersions", 0, {})).errorCode).toBe(0);
  first.drop();
  await until(async () => (await metric("varve_kafka_connections")) === 0);
  expect((await (await wire()).call("apiVersions", 0, {})).errorCode).toBe(0);
});

test("metrics: requests, errors and bytes of each API", async () => {
  const { wire, metric } = await open();
  const client = await wire();
  const frame = requestFrame(
    "metadata",
    { version: 4 },
    { topics: [{ name: "x" }], allowAutoTopicCreation: false },
  );
  client.send(frame);
  const answer = await client.next();
  expect(await metric('varve_kafka_requests_total{api="metadata"}')).toBe(1);
  expect(await metric('varve_kafka_request_bytes_total{api="metadata"}')).toBe(frame.length);
  expect(await metric('varve_kafka_response_bytes_total{api="metadata"}')).toBe(answer.length + 4);
  expect(
    await metric('varve_kafka_errors_total{api="metadata",error="UNKNOWN_TOPIC_OR_PARTITION"}'),
  ).toBe(1);
  expect(await metric("varve_kafka_connections_accepted_total")).toBe(1);
});

test("close: what waits is answered empty, then the connections end, and nobody new is let in", async () => {
  const { wire, door, engine, address } = await open();
  await createTopic(engine, "t");
  const [waiting, idle] = [await wire(), await wire()];
  waiting.send(waitingFetch(3));
  await settle(20);
  const closing = door.close(60_000);
  const fetched = decodeResponse("fetch", 4, await waiting.next());
  expect(fetched.correlationId).toBe(3);
  expect(fetched.body.responses[0]?.partitions[0]?.errorCode).toBe(0);
  await Promise.all([waiting.closed(), idle.closed(), closing]);
  expect(door.address()).toBeNull();
  await expect(wire()).rejects.toThrow();
  expect(address).not.toBe("");
});

test("close: a request that does not end: is cut at the deadline", async () => {
  const clock = new FakeClock();
  const { wire, door } = await open({
    clock,
    services: (services) => ({
      ...services,
      data: { ...servicesWith({}).data, listOffsets: () => new Promise(() => undefined) },
    }),
  });
  const client = await wire();
  client.send(requestFrame("listOffsets", { version: 1 }, { replicaId: -1, topics: [] }));
  await settle(20);
  const closing = door.close(5000);
  await clock.run(4999);
  expect(client.isClosed).toBe(false);
  await clock.run(1);
  await closing;
  await client.closed();
});

test("the process stood still: deadlines hold back once", async () => {
  const clock = new FakeClock();
  let lateMs = 0;
  // Time that passes without a timer being fired.
  const stalling: Clock = {
    nowMs: () => clock.nowMs() + lateMs,
    monotonicMs: () => clock.monotonicMs() + lateMs,
    after: (delayMs, callback) => clock.after(delayMs, callback),
  };
  const { wire, metric } = await open({ clock: stalling, limits: { idleTimeoutMs: 4000 } });
  const client = await wire();
  await client.call("apiVersions", 0, {});
  lateMs = 60_000;
  await clock.run(1000);
  expect(await metric("varve_kafka_connections")).toBe(1);
  await clock.run(1000);
  await client.closed();
});

test("listen: the port is taken: rejects with the system's error", async () => {
  const blocker = createServer();
  await new Promise<void>((resolve) => blocker.listen(0, "127.0.0.1", resolve));
  const address = blocker.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  const door = createKafkaDoor({
    services: servicesWith({}),
    clock: new FakeClock(),
    logger: silentLogger,
    clusterId: "c",
    host: "127.0.0.1",
    port,
    advertised: null,
  });
  await expect(door.listen()).rejects.toMatchObject({ code: "EADDRINUSE" });
  await door.close(0);
  await new Promise((resolve) => blocker.close(resolve));
});

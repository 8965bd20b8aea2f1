// Connections: what holds for all requests, whatever they ask.

import { afterEach, expect, test } from "vitest";
import { decodeResponse } from "../../../src/protocol/codec.ts";
import type { DataServices } from "../../../src/services.ts";
import { batchOf, recordsOf } from "../../support/batches.ts";
import { createTopic, produce, readValues } from "../../support/engines.ts";
import { FakeClock, settle } from "../../support/fake-clock.ts";
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

/** The methods of a service object that may be a class, as own functions to replace some of. */
function bound(data: DataServices): DataServices {
  return {
    produce: (request) => data.produce(request),
    fetch: (request) => data.fetch(request),
    listOffsets: (partitions, isolation) => data.listOffsets(partitions, isolation),
  };
}

function produceFrame(
  values: readonly string[],
  { acks = -1, correlationId = 1, topic = "t" } = {},
): Buffer {
  const records = batchOf(values.map((value) => ({ value })));
  const topicData = [{ name: topic, partitionData: [{ index: 0, records }] }];
  const body = { transactionalId: null, acks, timeoutMs: 5000, topicData };
  return requestFrame("produce", { version: 9, correlationId }, body);
}

function fetchFrame({ correlationId = 1, maxWaitMs = 0, offset = 0, topic = "t" } = {}): Buffer {
  const partitions = [{ partition: 0, fetchOffset: offset, partitionMaxBytes: 1 << 26 }];
  const topics = [{ topic, partitions }];
  const body = { maxWaitMs, minBytes: 1, isolationLevel: 0, topics, forgottenTopicsData: [] };
  return requestFrame("fetch", { version: 12, correlationId }, { ...body, rackId: "" });
}

test("pipelining: a fetch that waits: later requests are done, their answers come after its own", async () => {
  const { engine, wire } = await open();
  await createTopic(engine, "t");
  const client = await wire();
  client.send(
    Buffer.concat([
      fetchFrame({ correlationId: 1, maxWaitMs: 600_000 }),
      produceFrame(["a"], { correlationId: 2 }),
    ]),
  );
  const fetched = decodeResponse("fetch", 12, await client.next());
  expect(fetched.correlationId).toBe(1);
  const records = fetched.body.responses[0]?.partitions[0]?.records ?? new Uint8Array(0);
  expect(recordsOf(records).map(({ value }) => value)).toEqual(["a"]);
  expect(decodeResponse("produce", 9, await client.next()).correlationId).toBe(2);
});

test("pipelining: a hundred produce requests at once: each is appended after the one before it", async () => {
  const { engine, wire } = await open({ limits: { requestsPerConnectionMax: 8 } });
  await createTopic(engine, "t");
  const client = await wire();
  const numbers = Array.from({ length: 100 }, (_, number) => number);
  const frames = numbers.map((id) => produceFrame([`v${id}`], { correlationId: id }));
  client.send(Buffer.concat(frames));
  for (const id of numbers) {
    const answer = decodeResponse("produce", 9, await client.next());
    expect(answer.correlationId).toBe(id);
    expect(answer.body.responses[0]?.partitionResponses[0]?.baseOffset).toBe(id);
  }
  expect(await readValues(engine, "t")).toEqual(numbers.map((id) => `v${id}`));
});

test("pipelining: with too little room for appends: they wait for it in the order they came", async () => {
  const { engine, wire } = await open({ settings: { inFlightBytesMax: 400 } });
  await createTopic(engine, "t");
  const client = await wire();
  const values = Array.from({ length: 150 }, (_, number) => `v${number}`);
  const frames = values.map((value, correlationId) => produceFrame([value], { correlationId }));
  client.send(Buffer.concat(frames));
  for (const id of values.keys()) {
    const answer = decodeResponse("produce", 9, await client.next());
    expect(answer.body.responses[0]?.partitionResponses[0]).toMatchObject({
      errorCode: 0,
      baseOffset: id,
    });
  }
  expect(await readValues(engine, "t")).toEqual(values);
});

test("frames: one byte at a time: are answered as if they came whole", async () => {
  const { engine, wire } = await open();
  await createTopic(engine, "t");
  const client = await wire();
  for (const byte of produceFrame(["slow"])) {
    client.send(Uint8Array.of(byte));
    await settle(1);
  }
  expect(decodeResponse("produce", 9, await client.next()).correlationId).toBe(1);
  expect(await readValues(engine, "t")).toEqual(["slow"]);
});

test("acks=0: there is no answer, and the next request has its own", async () => {
  const { engine, wire } = await open();
  await createTopic(engine, "t");
  const client = await wire();
  client.send(produceFrame(["quiet"], { acks: 0, correlationId: 1 }));
  client.send(produceFrame(["loud"], { correlationId: 2 }));
  expect(decodeResponse("produce", 9, await client.next()).correlationId).toBe(2);
  expect(await readValues(engine, "t")).toEqual(["quiet", "loud"]);
});

test("acks=0: one that fails: closes the connection, after the answers before it", async () => {
  const { engine, wire, logged } = await open();
  await createTopic(engine, "t");
  const client = await wire();
  client.send(produceFrame(["fine"], { correlationId: 1 }));
  client.send(produceFrame(["lost"], { acks: 0, topic: "none", correlationId: 2 }));
  expect(decodeResponse("produce", 9, await client.next()).correlationId).toBe(1);
  await client.closed();
  expect(logged.map(({ message }) => message).join()).toMatch(/acks=0 failed/);
});

const size = (bytes: number): Buffer => {
  const frame = Buffer.alloc(12);
  frame.writeInt32BE(bytes, 0);
  return frame;
};

const refusedFrames: readonly [string, Uint8Array, RegExp][] = [
  ["a negative size", size(-1), /-1 bytes was announced/],
  ["a size too small for any request", size(7), /7 bytes was announced/],
  ["a giant size", size(2 ** 31 - 1), /2147483647 bytes was announced/],
  ["a size one above the limit", size(1001), /1001 bytes was announced/],
  ["a TLS handshake", Buffer.from("16030100c4010000c00303", "hex"), /TLS handshake/],
  ["an HTTP request", Buffer.from("GET / HTTP/1.1\r\n\r\n"), /HTTP request .*'GET'/],
  ["an API that does not exist", Buffer.from("0000000a7fff0000000000010000", "hex"), /key 32767/],
  ["an API that is not served", Buffer.from("0000000a00040000000000010000", "hex"), /key 4 /],
  ["a version from the future", Buffer.from("0000000a00030063000000010000", "hex"), /version 99/],
  ["a version that is not read", Buffer.from("0000000a00000002000000010000", "hex"), /version 2 /],
  ["a header that is cut off", Buffer.from("00000008000300000000000a", "hex"), /closed/],
  [
    "a client id longer than the frame",
    Buffer.from("0000000a0003000000000001ffff7fff", "hex"),
    /closed/,
  ],
  [
    "a body that is cut off",
    Buffer.from("0000000b000300010000000100000000000001", "hex"),
    /closed/,
  ],
];

test.each(refusedFrames)(
  "refused: %s: closes the connection and says why",
  async (_what, bytes, message) => {
    const { wire, logged, metric } = await open({ limits: { requestBytesMax: 1000 } });
    const client = await wire();
    client.send(requestFrame("apiVersions", { version: 0, correlationId: 5 }, {}));
    client.send(bytes);
    const answer = decodeResponse("apiVersions", 0, await client.next());
    expect(answer.correlationId).toBe(5);
    await client.closed();
    expect(logged.map((line) => line.message).join()).toMatch(message);
    expect(await metric("varve_kafka_request_bytes")).toBe(0);
    expect(await metric("varve_kafka_connections_cut_total")).toBe(1);
  },
);

test("requests under way: as many as allowed begin, the next one when one has ended", async () => {
  const gates: (() => void)[] = [];
  const { wire, engine } = await open({
    limits: { requestsPerConnectionMax: 3 },
    services: (services) => ({
      ...services,
      data: {
        ...bound(services.data),
        produce: async (request) => {
          await new Promise<void>((resolve) => gates.push(resolve));
          return services.data.produce(request);
        },
      },
    }),
  });
  await createTopic(engine, "t");
  const client = await wire();
  const frames = [1, 2, 3, 4, 5].map((id) => produceFrame([`v${id}`], { correlationId: id }));
  client.send(Buffer.concat(frames));
  await until(() => gates.length === 3);
  await settle(20);
  expect(gates).toHaveLength(3);
  // The second is done first; it waits behind the first, and so does everything after it.
  gates[1]?.();
  await settle(20);
  expect(gates).toHaveLength(3);
  gates[0]?.();
  await until(() => gates.length === 5);
  for (const open of gates) open();
  for (const id of [1, 2, 3, 4, 5]) {
    expect(decodeResponse("produce", 9, await client.next()).correlationId).toBe(id);
  }
});

test("memory: no room for a second large request: it is read when the first has been answered", async () => {
  const gates: (() => void)[] = [];
  const { wire, engine, metric } = await open({
    limits: { requestBytesInFlightMax: 150_000 },
    services: (services) => ({
      ...services,
      data: {
        ...bound(services.data),
        produce: async (request) => {
          await new Promise<void>((resolve) => gates.push(resolve));
          return services.data.produce(request);
        },
      },
    }),
  });
  await createTopic(engine, "t");
  const [one, two] = [await wire(), await wire()];
  const frame = produceFrame(["x".repeat(100_000)]);
  one.send(frame);
  await until(() => gates.length === 1);
  two.send(frame);
  await settle(50);
  expect(gates).toHaveLength(1);
  expect(await metric("varve_kafka_request_bytes")).toBe(frame.length - 4);
  gates[0]?.();
  await one.next();
  await until(() => gates.length === 2);
  gates[1]?.();
  await two.next();
  await until(async () => (await metric("varve_kafka_request_bytes")) === 0);
});

test("memory: a client that goes away: what its requests took is given back", async () => {
  const { wire, engine, metric } = await open();
  await createTopic(engine, "t");
  const client = await wire();
  client.send(fetchFrame({ maxWaitMs: 600_000 }));
  client.send(fetchFrame({ maxWaitMs: 600_000 }));
  client.send(produceFrame(["never whole"]).subarray(0, 60));
  await until(async () => (await metric("varve_kafka_requests_in_progress")) === 1);
  await until(async () => (await metric("varve_kafka_request_bytes")) > 200);
  client.drop();
  await until(async () => (await metric("varve_kafka_connections")) === 0);
  await until(async () => (await metric("varve_kafka_requests_in_progress")) === 0);
  expect(await metric("varve_kafka_request_bytes")).toBe(0);
});

test("last words: a client that ends its side: still hears the answers, a fetch that waits comes back empty", async () => {
  const { wire, engine } = await open();
  await createTopic(engine, "t");
  const client = await wire();
  client.send(fetchFrame({ maxWaitMs: 600_000, correlationId: 1 }));
  client.send(produceFrame(["elsewhere"], { topic: "none", correlationId: 2 }));
  client.socket.end();
  const fetched = decodeResponse("fetch", 12, await client.next());
  expect(fetched.body.responses[0]?.partitions[0]).toMatchObject({
    errorCode: 0,
    highWatermark: 0,
  });
  const produced = decodeResponse("produce", 9, await client.next());
  expect(produced.body.responses[0]?.partitionResponses[0]?.errorCode).toBe(3);
  await client.closed();
});

test("last words: requests without answers, more than may run at once: are all done", async () => {
  const { wire, engine, metric } = await open({ limits: { requestsPerConnectionMax: 2 } });
  await createTopic(engine, "t");
  const client = await wire();
  const values = Array.from({ length: 30 }, (_, number) => `v${number}`);
  client.send(Buffer.concat(values.map((value) => produceFrame([value], { acks: 0 }))));
  client.socket.end();
  await client.closed();
  await until(async () => (await metric("varve_kafka_connections")) === 0);
  expect(await readValues(engine, "t")).toEqual(values);
});

test("a handler that fails unforeseen: the error is logged and the connection closed", async () => {
  const { wire, logged } = await open({
    services: (services) => ({
      ...services,
      data: {
        ...bound(services.data),
        listOffsets: () => Promise.reject(new TypeError("a fault")),
      },
    }),
  });
  const client = await wire();
  client.send(requestFrame("listOffsets", { version: 1 }, { replicaId: -1, topics: [] }));
  await client.closed();
  expect(logged[0]).toMatchObject({ facts: { api: "listOffsets", err: { message: "a fault" } } });
});

test("idle: without requests a connection ends after the time for it, and none before", async () => {
  const clock = new FakeClock();
  const { wire, metric } = await open({ clock, limits: { idleTimeoutMs: 40_000 } });
  const client = await wire();
  await client.call("apiVersions", 0, {});
  await clock.run(39_000);
  expect(await metric("varve_kafka_connections")).toBe(1);
  await client.call("apiVersions", 0, {});
  for (let step = 0; step < 6; step++) await clock.run(10_000);
  await client.closed();
});

test("idle: a connection whose fetch waits is not idle", async () => {
  const clock = new FakeClock();
  const { wire, engine } = await open({ clock, limits: { idleTimeoutMs: 40_000 } });
  await createTopic(engine, "t");
  const client = await wire();
  client.send(fetchFrame({ maxWaitMs: 600_000_000 }));
  for (let step = 0; step < 20; step++) await clock.run(10_000);
  await produce(engine, { topic: "t", values: ["late"] });
  expect(decodeResponse("fetch", 12, await client.next()).correlationId).toBe(1);
});

test("half a request: is waited for as long as the limit says", async () => {
  const clock = new FakeClock();
  const { wire, metric, logged } = await open({ clock, limits: { requestTimeoutMs: 40_000 } });
  const client = await wire();
  client.send(produceFrame(["half"]).subarray(0, 50));
  await until(async () => (await metric("varve_kafka_request_bytes")) > 0);
  await clock.run(30_000);
  expect(client.isClosed).toBe(false);
  await clock.run(10_000);
  await clock.run(10_000);
  await client.closed();
  expect(logged[0]?.message).toMatch(/did not arrive in full/);
  await until(async () => (await metric("varve_kafka_request_bytes")) === 0);
});

test("a client that reads nothing: is cut, and the bytes lent to it are given back", async () => {
  const clock = new FakeClock();
  let lent = 0;
  const { wire, engine, metric } = await open({
    clock,
    limits: { stallTimeoutMs: 40_000 },
    services: (services) => ({
      ...services,
      data: {
        ...bound(services.data),
        fetch: async (request) => {
          const result = await services.data.fetch(request);
          lent++;
          return {
            partitions: result.partitions,
            release: () => {
              lent--;
              result.release();
            },
          };
        },
      },
    }),
  });
  await createTopic(engine, "t");
  const value = "x".repeat(900_000);
  for (let count = 0; count < 20; count++) await produce(engine, { topic: "t", values: [value] });
  const client = await wire();
  client.socket.pause();
  // Asked for ten times: only one answer is made, since nobody takes it.
  client.send(Buffer.concat(Array.from({ length: 10 }, () => fetchFrame())));
  await until(() => lent === 1);
  await settle(50);
  expect(lent).toBe(1);
  for (let step = 0; step < 6; step++) await clock.run(10_000);
  await until(async () => (await metric("varve_kafka_connections")) === 0);
  expect(lent).toBe(0);
  expect(await metric("varve_kafka_requests_in_progress")).toBe(0);
});

test("a client that reads slowly: has everything in the end, in pieces that are never all in memory", async () => {
  const { wire, engine } = await open();
  await createTopic(engine, "t");
  const values = Array.from({ length: 8 }, (_, number) => String(number).repeat(700_000));
  for (const value of values) await produce(engine, { topic: "t", values: [value] });
  const client = await wire();
  client.socket.pause();
  client.send(fetchFrame());
  await settle(20);
  client.socket.resume();
  const fetched = decodeResponse("fetch", 12, await client.next());
  const records = fetched.body.responses[0]?.partitions[0]?.records ?? new Uint8Array(0);
  expect(recordsOf(records).map(({ value }) => value)).toEqual(values);
});

// Transactions come in by Kafka's protocol; what of them is seen goes out by HTTP.

import { Kafka, logLevel, type Producer, type Transaction } from "kafkajs";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Loose, type LiveServer, liveServer } from "../support/live-server.ts";
import { until } from "../support/until.ts";

let server: LiveServer;
let producer: Producer;
let count = 0;

beforeAll(async () => {
  server = await liveServer();
  const kafka = new Kafka({ brokers: [server.kafka ?? ""], logLevel: logLevel.NOTHING });
  producer = kafka.producer({ transactionalId: "t", idempotent: true, maxInFlightRequests: 1 });
  await producer.connect();
});

afterAll(async () => {
  await producer.disconnect();
  expect(await server.failures()).toBe(0);
  expect(server.errors).toEqual([]);
  await server.close();
});

async function newTopic(): Promise<string> {
  const name = `s${count++}`;
  await server.call("PUT", `/v1/topics/${name}`, { json: { partitions: 1 } });
  return name;
}

const plain = (topic: string, ...values: readonly string[]) =>
  server.call("POST", `/v1/topics/${topic}/records`, {
    json: { records: values.map((value) => ({ value })) },
  });

async function open(topic: string, ...values: readonly string[]): Promise<Transaction> {
  const transaction = await producer.transaction();
  const messages = values.map((value) => ({ value: JSON.stringify(value) }));
  await transaction.send({ topic, messages });
  return transaction;
}

async function end(
  topic: string,
  transaction: Transaction,
  how: "commit" | "abort",
): Promise<void> {
  await transaction[how]();
  await until(async () => {
    const { lastStableOffset, highWatermark } = await page(topic, "?from=latest");
    return (lastStableOffset ?? highWatermark) === highWatermark;
  });
}

async function page(topic: string, query = ""): Promise<Loose> {
  const answer = await server.call("GET", `/v1/topics/${topic}/partitions/0/records${query}`);
  expect(answer.status).toBe(200);
  return answer.body;
}

const valuesOf = (body: Loose): readonly unknown[] =>
  body.records.map(({ value }: { value: unknown }) => value);

/** `a`, an aborted `b` and `c`, a committed `d`, an open `e`: offsets 0, 1-2, (3), 4, (5), 6. */
async function mixedTopic(): Promise<{ readonly topic: string; readonly last: Transaction }> {
  const topic = await newTopic();
  await plain(topic, "a");
  await end(topic, await open(topic, "b", "c"), "abort");
  await end(topic, await open(topic, "d"), "commit");
  return { topic, last: await open(topic, "e") };
}

test("a partition: committed records up to the last stable offset, or all of them; no markers", async () => {
  const { topic, last } = await mixedTopic();
  const committed = await page(topic);
  expect(valuesOf(committed)).toEqual(["a", "d"]);
  expect(committed).toMatchObject({ nextOffset: 6, lastStableOffset: 6, highWatermark: 7 });
  expect(await page(topic, "?isolation=read_committed")).toEqual(committed);
  const all = await page(topic, "?isolation=read_uncommitted");
  expect(valuesOf(all)).toEqual(["a", "b", "c", "d", "e"]);
  expect(all).toMatchObject({ nextOffset: 7, lastStableOffset: 6, highWatermark: 7 });
  expect(valuesOf(await page(topic, "?from=1&maxRecords=1"))).toEqual(["d"]);
  const wrong = await server.call("GET", `/v1/topics/${topic}/records?isolation=none`);
  expect([wrong.status, wrong.body.code]).toEqual([400, "INVALID_REQUEST"]);
  await end(topic, last, "commit");
  expect(valuesOf(await page(topic, "?from=6"))).toEqual(["e"]);
});

test("merged, lines, events: the same records", async () => {
  const { topic, last } = await mixedTopic();
  const merged = async (query: string) => server.call("GET", `/v1/topics/${topic}/records${query}`);
  expect(valuesOf((await merged("")).body)).toEqual(["a", "d"]);
  expect((await merged("")).body.next).toBe("0:6");
  const all = await merged("?isolation=read_uncommitted");
  expect(valuesOf(all.body)).toEqual(["a", "b", "c", "d", "e"]);
  const path = `/v1/topics/${topic}/partitions/0/records`;
  const lines = await server.call("GET", path, { accept: "application/x-ndjson" });
  const parsed = lines.text
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line).value);
  expect(parsed).toEqual(["a", "d"]);
  const events = await server.call("GET", `${path}?follow=false`, { accept: "text/event-stream" });
  expect([...events.text.matchAll(/^id: (\d+)$/gm)].map(([, id]) => id)).toEqual(["1", "5"]);
  await end(topic, last, "abort");
});

test("stored batches: all bytes to the end that the isolation sets", async () => {
  const { topic, last } = await mixedTopic();
  const ask = async (query: string) => {
    const path = `/v1/topics/${topic}/partitions/0/records${query}`;
    const { headers, bytes } = await server.call("GET", path, {
      accept: "application/vnd.varve.batches",
    });
    const names = ["next-offset", "last-stable-offset", "high-watermark"];
    return { bytes, ends: names.map((name) => Number(headers.get(`varve-${name}`))) };
  };
  const committed = await ask("");
  const all = await ask("?isolation=read_uncommitted");
  expect(committed.ends).toEqual([6, 6, 7]);
  expect(all.ends).toEqual([7, 6, 7]);
  expect(all.bytes.subarray(0, committed.bytes.length)).toEqual(committed.bytes);
  expect(all.bytes.length).toBeGreaterThan(committed.bytes.length);
  await end(topic, last, "abort");
});

test("a wait at the last stable offset: ended by the commit, and by an abort with nothing to show", async () => {
  const topic = await newTopic();
  for (const how of ["commit", "abort"] as const) {
    const [{ offset }] = (await server.call("GET", `/v1/topics/${topic}/offsets`)).body.offsets;
    const transaction = await open(topic, how);
    const waiting = page(topic, `?from=${offset}&waitMs=60000`);
    await until(async () => (await server.metric("varve_http_waiting_requests")) === 1);
    await transaction[how]();
    const body = await waiting;
    expect(valuesOf(body)).toEqual(how === "commit" ? ["commit"] : []);
    expect(body.nextOffset).toBe(offset + 2);
  }
});

test("positions: latest and -N are those of the reader's end", async () => {
  const { topic, last } = await mixedTopic();
  const at = async (query: string) => {
    const { body } = await server.call("GET", `/v1/topics/${topic}/offsets${query}`);
    return body.offsets[0].offset;
  };
  expect(await at("")).toBe(6);
  expect(await at("?at=latest&isolation=read_uncommitted")).toBe(7);
  expect(await at("?at=-2")).toBe(4);
  expect((await page(topic, "?from=latest")).nextOffset).toBe(6);
  expect((await page(topic, "?from=latest&isolation=read_uncommitted")).nextOffset).toBe(7);
  await end(topic, last, "commit");
});

test("a group: committed records, or all; what cannot be shown is committed as passed over", async () => {
  const { topic, last } = await mixedTopic();
  const poll = async (group: string, body: object = {}) => {
    const json = { topics: [topic], member: "m", ...body };
    return (await server.call("POST", `/v1/groups/${group}/poll`, { json })).body;
  };
  const lagOf = async (group: string) => {
    const { body } = await server.call("GET", `/v1/groups/${group}`);
    return body.offsets[0].lag;
  };
  expect(valuesOf(await poll(`c-${topic}`))).toEqual(["a", "d"]);
  expect(valuesOf(await poll(`u-${topic}`, { isolation: "read_uncommitted" }))).toEqual([
    "a",
    "b",
    "c",
    "d",
    "e",
  ]);
  const latest = await poll(`l-${topic}`, { from: "latest" });
  expect(latest.positions).toEqual([{ topic, partition: 0, offset: 6 }]);
  await end(topic, last, "abort");
  expect(valuesOf(await poll(`c-${topic}`))).toEqual([]);
  expect(await lagOf(`c-${topic}`)).toBe(2);
  await poll(`c-${topic}`);
  expect(await lagOf(`c-${topic}`)).toBe(0);
});

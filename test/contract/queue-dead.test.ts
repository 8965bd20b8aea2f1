// Work queues: dead letters, why they died, and putting them back.

import { pack } from "msgpackr";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type LiveServer, liveServer } from "../support/live-server.ts";
import { CalledQueue } from "../support/queue-calls.ts";

let server: LiveServer;
beforeAll(async () => {
  server = await liveServer();
});
afterAll(async () => {
  expect(await server.failures()).toBe(0);
  expect(server.errors).toEqual([]);
  await server.close();
});

const newQueue = (settings?: object, partitions?: number) =>
  CalledQueue.make(server, settings, partitions);

const dead = (queue: CalledQueue, query = "", accept = "application/json") =>
  queue.get(`/dead${query}`, accept);

// Sends records and rejects all of them.
async function kill(queue: CalledQueue, records: readonly object[], reason = "bad"): Promise<void> {
  expect((await queue.post("messages", { records })).status).toBe(200);
  const messages = await queue.receive({ max: 1000 });
  const reject = messages.map(({ receipt }: { receipt: string }) => ({ receipt, reason }));
  await queue.post("settle", { reject });
}

test("nacked too often: dead by the last reason; the story is not among the headers", async () => {
  const queue = await newQueue({ maxDeliveries: 2 });
  const before = Date.now();
  await queue.post("messages", { records: [{ key: "k", value: 1, headers: { a: "x" } }] });
  for (const reason of ["first", "second"]) {
    const [{ receipt }] = await queue.receive({ max: 1000 });
    await queue.post("settle", { nack: [{ receipt, reason }] });
  }
  const { body } = await dead(queue);
  expect(body).toEqual({
    messages: [
      {
        partition: 0,
        offset: 0,
        timestampMs: expect.any(Number),
        key: "k",
        value: 1,
        headers: { a: "x" },
        original: { topic: queue.name, partition: 0, offset: 0 },
        deliveries: 2,
        reason: "second",
        deadAtMs: expect.any(Number),
      },
    ],
    nextOffset: 1,
    next: "0:1",
  });
  expect(body.messages[0].deadAtMs).toBeGreaterThanOrEqual(before);
  expect(await queue.described()).toMatchObject({
    dead: 1,
    depth: 0,
    nacked: 2,
  });
});

test("pages: from and maxRecords, in JSON forms and MessagePack", async () => {
  const queue = await newQueue();
  await kill(
    queue,
    [1, 2, 3, 4, 5].map((value) => ({ value })),
  );
  const first = (await dead(queue, "?maxRecords=2")).body;
  expect(first.messages.map(({ value }: { value: number }) => value)).toEqual([1, 2]);
  expect(first).toMatchObject({ nextOffset: 2, next: "0:2" });
  const second = (await dead(queue, `?from=${first.nextOffset}&maxRecords=2`)).body;
  expect(second.messages).toMatchObject([{ value: 3 }, { value: 4 }]);
  const last = (await dead(queue, `?from=${second.next}&as=text`)).body;
  expect(last).toMatchObject({ messages: [{ text: "5" }], nextOffset: 5 });
  expect((await dead(queue, "?from=-1&as=b64")).body.messages).toMatchObject([{ b64: "NQ==" }]);
  expect((await dead(queue, "?from=latest")).body.messages).toEqual([]);
  expect((await dead(queue, "?from=99")).body).toMatchObject({ messages: [], nextOffset: 99 });
  const packed = (await dead(queue, "?maxRecords=1", "application/msgpack")).body;
  expect(packed).toMatchObject({
    messages: [
      {
        value: Buffer.from("1"),
        headers: {},
        original: { topic: queue.name, partition: 0, offset: 0 },
        deliveries: 1,
        reason: "bad",
      },
    ],
    nextOffset: 1,
  });
});

test("several partitions: a vector", async () => {
  const queue = await newQueue({}, 2);
  await kill(
    queue,
    [0, 1, 0, 1].map((partition, value) => ({ value, partition })),
  );
  const all = (await dead(queue)).body;
  expect(all.messages).toHaveLength(4);
  expect(all).toMatchObject({ next: "0:2,1:2" });
  expect(all).not.toHaveProperty("nextOffset");
  const rest = (await dead(queue, "?from=0:1,1:2")).body;
  expect(rest.messages).toMatchObject([{ value: 2, original: { partition: 0, offset: 1 } }]);
  expect((await dead(queue, "?from=1:1")).body.messages).toHaveLength(3);
  expect(await dead(queue, "?from=1")).toMatchObject({ status: 400 });
  expect(await queue.post("redrive", { offsets: [0] })).toMatchObject({ status: 400 });
  const some = {
    offsets: [
      { partition: 1, offset: 0 },
      { partition: 1, offset: 0 },
    ],
  };
  expect((await queue.post("redrive", some)).body).toEqual({ redriven: 1 });
  expect(await queue.receive({ max: 1000 })).toMatchObject([{ value: 1, partition: 1 }]);
});

test("redrive: back where they were, byte for byte, once each", async () => {
  const queue = await newQueue();
  const records = [
    { keyB64: "/wA=", b64: "AP8=", headers: { one: "1", many: ["a", { b64: "/w==" }] } },
    { key: "", text: null },
    { value: { n: 1.5 }, priority: 3 },
    { text: "" },
  ];
  await kill(queue, records, "x".repeat(5000));
  const { body } = await dead(queue);
  expect(body.messages[0].reason).toBe("x".repeat(1000));
  expect((await queue.post("redrive", { offsets: [1, 77] })).body).toEqual({ redriven: 1 });
  expect((await dead(queue)).body.messages).toHaveLength(3);
  expect((await queue.post("redrive", { max: 1 })).body).toEqual({ redriven: 1 });
  expect((await queue.post("redrive")).body).toEqual({ redriven: 2 });
  expect((await queue.post("redrive")).body).toEqual({ redriven: 0 });
  expect((await dead(queue)).body.messages).toEqual([]);
  const path = `/v1/topics/${queue.name}/partitions/0/records`;
  const stored = (await server.call("GET", path)).body.records;
  // But for a header that says whose they are: other queues on the topic have had them.
  for (const { headers } of stored.slice(4)) {
    expect(headers["varve-for-queue"]).toBe(queue.name);
    delete headers["varve-for-queue"];
  }
  const sorted = (list: readonly object[]) =>
    list.map((each) => JSON.stringify({ ...each, offset: 0, timestampMs: 0 })).sort();
  expect(sorted(stored.slice(4))).toEqual(sorted(stored.slice(0, 4)));
  const again = await queue.receive({ max: 1000 });
  expect(again.map(({ deliveries }: { deliveries: number }) => deliveries)).toEqual([1, 1, 1, 1]);
  expect(await queue.described()).toMatchObject({
    dead: 0,
    depth: 4,
  });
});

test.each([
  ["a position that is none", "?from=x"],
  ["a broken vector", "?from=0:x"],
  ["no records", "?maxRecords=0"],
  ["an unknown form", "?as=xml"],
  ["an unknown parameter", "?limit=5"],
])("dead, %s: 400", async (_name, query) => {
  expect((await dead(await newQueue(), query)).status).toBe(400);
});

test.each([
  ["none at all", { max: 0 }],
  ["a negative offset", { offsets: [-1] }],
  ["a text as offset", { offsets: ["1"] }],
  ["a place without offset", { offsets: [{ partition: 0 }] }],
  ["an unknown field", { all: true }],
])("redrive, %s: 400", async (_name, json) => {
  expect((await (await newQueue()).post("redrive", json)).status).toBe(400);
});

test("values that are not JSON, asked for as JSON: 422; in MessagePack `as` makes no sense", async () => {
  const queue = await newQueue();
  await kill(queue, [{ text: "{" }]);
  expect(await dead(queue, "?as=json")).toMatchObject({
    status: 422,
    body: { code: "RECORD_NOT_JSON", offset: 0 },
  });
  expect((await dead(queue, "?as=text", "application/msgpack")).status).toBe(400);
  const body = pack({ max: 1 });
  const type = "application/msgpack";
  const answer = await server.call("POST", `/v1/queues/${queue.name}/redrive`, {
    body,
    type,
    accept: type,
  });
  expect(answer.body).toEqual({ redriven: 1 });
});

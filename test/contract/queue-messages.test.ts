// Work queues: sending, in every encoding, with wishes about the delivery; ids sent twice; queues that are full.

import { pack } from "msgpackr";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Answer, type Ask, type LiveServer, liveServer } from "../support/live-server.ts";
import { CalledQueue } from "../support/queue-calls.ts";
import { until } from "../support/until.ts";

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

const post = (queue: CalledQueue, ask: Ask, query = "") => queue.ask(`messages${query}`, ask);

async function headersIn({ name }: CalledQueue): Promise<readonly Record<string, string>[]> {
  const { body } = await server.call("GET", `/v1/topics/${name}/partitions/0/records`);
  return body.records.map(({ headers }: { headers: Record<string, string> }) => headers);
}

const msgpack = "application/msgpack";
const ndjson = "application/x-ndjson";

describe("as produce", () => {
  test("JSON, MessagePack, NDJSON and raw: places in request order, received as sent", async () => {
    const queue = await newQueue();
    const json = await queue.send([{ value: 1 }, { text: "two" }]);
    expect(json).toMatchObject({
      status: 200,
      body: { results: [0, 1].map((offset) => ({ partition: 0, offset })), durability: "fsync" },
    });
    const records = [{ key: Buffer.from("k"), value: Buffer.from([0xff]) }];
    const packed = await post(queue, { body: pack({ records }), type: msgpack, accept: msgpack });
    expect(packed.body.results).toEqual([{ partition: 0, offset: 2 }]);
    const lines = '{"value":{"n":1.0}}\r\n\n  \n{"text":"é"}';
    const streamed = await post(queue, { body: lines, type: ndjson });
    expect(streamed.body.results).toMatchObject([{ offset: 3 }, { offset: 4 }]);
    const headers = { "varve-header-trace": "7" };
    const raw = await post(queue, { body: "raw", type: "text/plain", headers }, "?key=k");
    expect(raw.body.results).toEqual([{ partition: 0, offset: 5 }]);
    expect(await queue.receive()).toMatchObject([
      { value: 1 },
      { text: "two" },
      { key: "k", b64: "/w==" },
      { value: { n: 1 } },
      { text: "é" },
      { key: "k", text: "raw", headers: { trace: "7", "content-type": "text/plain" } },
    ]);
  });

  test("keys choose the partition as in the topic; partition and acks as there", async () => {
    const queue = await newQueue({}, 4);
    const records = ["a", "b", "c", "d"].map((key) => ({ key, value: key }));
    const sent = await queue.send(records);
    const path = `/v1/topics/${queue.name}/records`;
    const produced = await server.call("POST", path, { json: { records } });
    const partitions = ({ body }: Answer) =>
      body.results.map(({ partition }: { partition: number }) => partition);
    expect(partitions(sent)).toEqual(partitions(produced));
    expect(partitions(await queue.send(records, "?partition=3"))).toEqual([3, 3, 3, 3]);
    expect((await queue.send(records, "?acks=1")).body.durability).toBe("written");
    const unheard = await queue.send(records, "?acks=0");
    expect(unheard).toMatchObject({ status: 202, text: "" });
    let received = 0;
    while (received < 20) received += (await queue.receive({ max: 100, waitMs: 1000 })).length;
    expect(received).toBe(20);
    const minimal = await post(queue, {
      json: { records: [{ value: 1 }, { value: 2 }] },
      headers: { prefer: "return=minimal" },
    });
    expect(minimal.body.partitions).toMatchObject([{ count: 2 }]);
  });

  test("If-Offset-Match and idempotent requests hold here too", async () => {
    const queue = await newQueue();
    const json = { records: [{ value: 1 }] };
    expect((await post(queue, { json, headers: { "if-offset-match": "5" } })).status).toBe(412);
    expect((await post(queue, { json, headers: { "if-offset-match": "0" } })).status).toBe(200);
    const producer = (await server.call("POST", "/v1/producers", {})).body;
    const headers = {
      "varve-producer-id": String(producer.producerId),
      "varve-producer-epoch": String(producer.producerEpoch),
      "varve-sequence": "0",
    };
    for (const duplicate of [undefined, true]) {
      const answer = await post(queue, { json, headers }, "?partition=0");
      expect(answer.body).toMatchObject({ results: [{ offset: 1 }] });
      expect(answer.body.duplicate).toBe(duplicate);
    }
  });

  test("many at once, each for itself: all are there, each once", async () => {
    const queue = await newQueue({ maxDepth: 1000 }, 3);
    const sent = await Promise.all(
      Array.from({ length: 40 }, (_, value) =>
        queue.send([{ value, dedupId: `id ${value % 20}` }]),
      ),
    );
    expect(sent.map(({ status }) => status)).toEqual(sent.map(() => 200));
    const place = ({ body }: Answer) => `${body.results[0].partition}:${body.results[0].offset}`;
    expect(new Set(sent.map(place)).size).toBe(20);
    expect(await queue.recordsInTopic()).toBe(20);
  });
});

describe("wishes", () => {
  test("they become headers that anybody can read", async () => {
    const queue = await newQueue();
    const records = [
      { value: 1, deliverAtMs: 5, priority: 9, dedupId: "é", headers: { own: "x" } },
      { value: 2, delayMs: null, priority: null, ttlMs: null, dedupId: null },
    ];
    await queue.send(records);
    const before = Date.now();
    await queue.send([{ value: 3, delayMs: 1000, ttlMs: 2000 }, { value: 4 }]);
    const [first, second, third, fourth] = await headersIn(queue);
    expect(first).toEqual({
      own: "x",
      "varve-deliver-at": "5",
      "varve-priority": "9",
      "varve-dedup-id": "é",
    });
    expect([second, fourth]).toEqual([{}, {}]);
    expect(Number(third?.["varve-deliver-at"])).toBeGreaterThanOrEqual(before + 1000);
    const lifeMs = Number(third?.["varve-expires-at"]) - Number(third?.["varve-deliver-at"]);
    expect(lifeMs).toBe(1000);
  });

  test("in every encoding; a delayed message is counted and waits, a dead one never comes", async () => {
    const queue = await newQueue({ expired: "drop" });
    const body = pack({ records: [{ value: "m", delayMs: 3_600_000, dedupId: "m", priority: 0 }] });
    expect((await post(queue, { body, type: msgpack })).status).toBe(200);
    const line = '{"value":"n","deliverAtMs":4000000000000}\n{"value":"now","priority":1}';
    expect((await post(queue, { body: line, type: ndjson })).status).toBe(200);
    const query = "?delayMs=3600000&priority=3&ttlMs=9999999&dedupId=r";
    expect((await post(queue, { body: "r", type: "text/plain" }, query)).status).toBe(200);
    await queue.send([{ value: "gone", ttlMs: 1, delayMs: 60_000 }]);
    expect(await queue.receive()).toMatchObject([{ value: "now" }]);
    await until(async () => (await queue.described()).expiredCount === 1);
    expect(await queue.described()).toMatchObject({ delayed: 3, depth: 4, inFlight: 1 });
  });

  test("headers by hand mean the same", async () => {
    const queue = await newQueue();
    await queue.send([{ value: 1, headers: { "varve-deliver-at": "4000000000000" } }]);
    const headers = { "varve-dedup-id": "h" };
    await queue.send([{ value: 2, headers }]);
    const again = await queue.send([{ value: 2, headers }]);
    expect(again.body).toMatchObject({ results: [{ offset: 1 }], duplicate: true });
    expect(await queue.receive()).toMatchObject([{ value: 2 }]);
  });

  test.each([
    ["both delays", { delayMs: 1, deliverAtMs: 1 }],
    ["a delay given twice", { deliverAtMs: 1, headers: { "varve-deliver-at": "1" } }],
    ["negative delay", { delayMs: -1 }],
    ["a fraction", { delayMs: 1.5 }],
    ["text as delay", { delayMs: "1000" }],
    ["a time beyond all time", { deliverAtMs: 1e16 }],
    ["a priority too high", { priority: 10 }],
    ["a priority that is true", { priority: true }],
    ["no life at all", { ttlMs: 0 }],
    ["a number as id", { dedupId: 7 }],
    ["an empty id", { dedupId: "" }],
    ["an id too long", { dedupId: "x".repeat(256) }],
    ["an object as id", { dedupId: {} }],
    ["an unknown field", { delay: 5 }],
  ])("%s: 400 naming the index, nothing appended", async (_name, bad) => {
    const queue = await newQueue();
    const records = [{ text: "0" }, { text: "1", ...bad }];
    const refused = { status: 400, body: { code: "INVALID_RECORD", index: 1 } };
    expect(await queue.send(records)).toMatchObject(refused);
    const lines = records.map((record) => JSON.stringify(record)).join("\n");
    expect(await post(queue, { body: lines, type: ndjson })).toMatchObject(refused);
    expect(await post(queue, { body: pack({ records }), type: msgpack })).toMatchObject(refused);
    expect(await queue.recordsInTopic()).toBe(0);
  });

  test("a field twice, a query that is none, wishes on a topic: 400", async () => {
    const queue = await newQueue();
    const twice = '{"records":[{"priority":1,"priority":1}]}';
    expect((await post(queue, { body: twice, type: "application/json" })).status).toBe(400);
    for (const query of ["?delayMs=x", "?priority=10", "?delayMs=1&deliverAtMs=1", "?delay=1"]) {
      expect((await post(queue, { body: "r", type: "text/plain" }, query)).status).toBe(400);
    }
    expect((await queue.send([{ value: 1 }], "?delayMs=5")).status).toBe(400);
    const path = `/v1/topics/${queue.name}/records`;
    for (const field of ["delayMs", "deliverAtMs", "priority", "ttlMs"]) {
      const json = { records: [{ value: 1, [field]: 1 }] };
      const answer = await server.call("POST", path, { json });
      expect(answer).toMatchObject({ status: 400, body: { code: "INVALID_RECORD" } });
      expect(answer.body.detail).not.toContain("dedupId");
    }
    const raw = { body: "r", type: "text/plain" };
    expect((await server.call("POST", `${path}?delayMs=1`, raw)).status).toBe(400);
    expect(await queue.recordsInTopic()).toBe(0);
  });

  test.each([
    ["no JSON", "{"],
    ["no records", '{"records":[]}'],
    ["another member", '{"messages":[]}'],
    ["an array", "[]"],
    ["nothing", ""],
    ["more behind the end", '{"records":[{}]}{}'],
    ["half a surrogate pair", '{"records":[{"dedupId":"\\ud800"}]}'],
  ])("%s: 400", async (_name, body) => {
    const queue = await newQueue();
    const answer = await post(queue, { body, type: "application/json" });
    expect(answer.status).toBe(400);
    expect(await queue.recordsInTopic()).toBe(0);
  });

  test("an empty NDJSON body, one that is too large: 400 and 413", async () => {
    const queue = await newQueue();
    expect((await post(queue, { body: "\n \n", type: ndjson })).status).toBe(400);
    const large = Buffer.alloc(17 * 1024 * 1024, " ");
    expect((await post(queue, { body: large, type: ndjson })).status).toBe(413);
  });
});

describe("ids", () => {
  test("sent twice: the first place, in request order among new ones; nothing is doubled", async () => {
    const queue = await newQueue();
    await queue.send([{ value: "a", dedupId: "a" }]);
    const mixed = await queue.send([
      { value: "b", dedupId: "b" },
      { value: "a", dedupId: "a" },
      { value: "c" },
      { value: "b", dedupId: "b" },
    ]);
    expect(mixed.body).toEqual({
      results: [1, 0, 2, 1].map((offset) => ({ partition: 0, offset })),
      durability: "fsync",
      duplicate: true,
    });
    expect(mixed.headers.get("varve-duplicate")).toBe("true");
    const known = await queue.send([{ value: "a", dedupId: "a" }]);
    expect(known.body).toEqual({
      results: [{ partition: 0, offset: 0 }],
      durability: "fsync",
      duplicate: true,
    });
    const raw = { body: "b", type: "text/plain" };
    expect((await post(queue, raw, "?dedupId=b")).body.results).toMatchObject([{ offset: 1 }]);
    expect((await queue.receive()).map(({ value }: { value: string }) => value)).toEqual([
      "a",
      "b",
      "c",
    ]);
  });

  test("a message settled long since is still known; a new queue of the name knows nothing of it", async () => {
    const queue = await newQueue();
    await queue.send([{ value: 1, dedupId: "x" }]);
    const [{ receipt }] = await queue.receive();
    await queue.post("settle", { ack: [receipt] });
    expect((await queue.send([{ value: 1, dedupId: "x" }])).body.duplicate).toBe(true);
    expect(await queue.receive()).toEqual([]);
  });

  test("without a window every message is new", async () => {
    const queue = await newQueue({ dedupWindowMs: 0 });
    for (const offset of [0, 1]) {
      const answer = await queue.send([{ value: 1, dedupId: "x" }]);
      expect(answer.body.results).toEqual([{ partition: 0, offset }]);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  });

  test("the same ids in two orders at once: both are answered, each is there once", async () => {
    const queue = await newQueue();
    const ids = Array.from({ length: 10 }, (_, index) => ({ value: index, dedupId: `${index}` }));
    const [one, other] = await Promise.all([queue.send(ids), queue.send([...ids].reverse())]);
    expect([one?.status, other?.status]).toEqual([200, 200]);
    expect(other?.body.results).toEqual([...(one?.body.results ?? [])].reverse());
    expect(await queue.recordsInTopic()).toBe(10);
  });

  test("what was refused is not known: a second try appends", async () => {
    const queue = await newQueue({}, 2);
    const json = { records: [{ value: 1, dedupId: "x", partition: 0 }] };
    const headers = { "if-offset-match": "9" };
    expect((await post(queue, { json, headers })).status).toBe(412);
    const again = await post(queue, { json });
    expect(again.body).toEqual({ results: [{ partition: 0, offset: 0 }], durability: "fsync" });
  });

  test("with acks=0 or a sequence: 400", async () => {
    const queue = await newQueue();
    expect((await queue.send([{ value: 1, dedupId: "x" }], "?acks=0")).status).toBe(400);
    const headers = {
      "varve-producer-id": "1",
      "varve-producer-epoch": "0",
      "varve-sequence": "0",
    };
    const json = { records: [{ value: 1, dedupId: "x" }] };
    expect((await post(queue, { json, headers }, "?partition=0")).status).toBe(400);
    expect(await queue.recordsInTopic()).toBe(0);
  });

  test("known ids outlive the server", async () => {
    let own = await liveServer();
    try {
      await own.call("PUT", "/v1/queues/q", {});
      const json = { records: [{ value: 1, dedupId: "x" }] };
      await own.call("POST", "/v1/queues/q/messages", { json });
      own = await own.restart();
      const again = await own.call("POST", "/v1/queues/q/messages", { json });
      expect(again.body).toMatchObject({ results: [{ offset: 0 }], duplicate: true });
    } finally {
      await own.close();
    }
  });
});

describe("full queues", () => {
  test("maxDepth: 429 with Retry-After and how full it is, all or none; room lets the next in", async () => {
    const queue = await newQueue({ maxDepth: 3 });
    await queue.send([{ value: 1 }, { value: 2 }]);
    const refused = await queue.send([{ value: 3 }, { value: 4 }]);
    expect(refused).toMatchObject({
      status: 429,
      body: { code: "QUEUE_FULL", retriable: true, queue: queue.name, depth: 2 },
    });
    expect(refused.body).toHaveProperty("bytes");
    expect(refused.headers.get("retry-after")).toBe("1");
    expect((await queue.send([{ value: 3 }])).status).toBe(200);
    const line = { body: '{"value":4}', type: ndjson };
    expect((await post(queue, line)).status).toBe(429);
    expect((await post(queue, { body: "4", type: "text/plain" })).status).toBe(429);
    const [{ receipt }] = await queue.receive({ max: 1 });
    await queue.post("settle", { ack: [receipt] });
    expect((await queue.send([{ value: 4 }])).status).toBe(200);
    expect(await queue.recordsInTopic()).toBe(4);
  });

  test("maxBytes: the same", async () => {
    const queue = await newQueue({ maxBytes: 2000 });
    expect((await queue.send([{ text: "x".repeat(1500) }])).status).toBe(200);
    const refused = await queue.send([{ text: "x".repeat(1500) }]);
    expect(refused).toMatchObject({ status: 429, body: { code: "QUEUE_FULL", depth: 1 } });
    expect(refused.body.bytes).toBeGreaterThan(1500);
  });

  test("an id that was refused for lack of room is new the next time", async () => {
    const queue = await newQueue({ maxDepth: 1 });
    const message = [{ value: 1, dedupId: "x" }];
    await queue.send([{ value: 0 }]);
    expect((await queue.send(message)).status).toBe(429);
    const [{ receipt }] = await queue.receive();
    await queue.post("settle", { ack: [receipt] });
    expect((await queue.send(message)).body).toMatchObject({ results: [{ offset: 1 }] });
  });

  test("drop-oldest: the newest stay", async () => {
    const queue = await newQueue({ maxDepth: 2, overflow: "drop-oldest" });
    expect((await queue.send([1, 2, 3, 4, 5].map((value) => ({ value })))).status).toBe(200);
    await until(async () => (await queue.described()).dropped === 3);
    expect(await queue.receive()).toMatchObject([{ value: 4 }, { value: 5 }]);
  });
});

test("a topic that is gone: 404, and it is not made again", async () => {
  const queue = await newQueue();
  await server.call("DELETE", `/v1/topics/${queue.name}`);
  const answer = await queue.send([{ value: 1 }]);
  expect(answer).toMatchObject({ status: 404, body: { code: "UNKNOWN_TOPIC_OR_PARTITION" } });
  expect((await server.call("GET", `/v1/topics/${queue.name}`)).status).toBe(404);
});

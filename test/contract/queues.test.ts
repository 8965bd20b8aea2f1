// Work queues: the calls about queues themselves, over a real engine and real sockets.

import { pack } from "msgpackr";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Ask, type LiveServer, liveServer } from "../support/live-server.ts";
import { CalledQueue, freshName } from "../support/queue-calls.ts";

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

async function received(queue: string): Promise<readonly unknown[]> {
  const { body } = await server.call("POST", `/v1/queues/${queue}/receive`, { json: {} });
  return body.messages.map(({ value }: { value: unknown }) => value);
}

describe("settings", () => {
  test("a new queue: 201 with every setting and count, flat; its topics are made; again: 200", async () => {
    const answer = await server.call("PUT", "/v1/queues/fresh", {});
    expect(answer.status).toBe(201);
    const fresh = {
      queue: "fresh",
      topic: "fresh",
      deadLetterTopic: "fresh.dead",
      leaseMs: 30_000,
      maxDeliveries: 5,
      backoff: { type: "fixed", baseMs: 0, maxMs: 0, jitter: 0 },
      order: "none",
      from: "earliest",
      expired: "dead-letter",
      maxDepth: null,
      maxBytes: null,
      overflow: "reject",
      rate: null,
      concurrency: null,
      dedupWindowMs: 300_000,
      depth: 0,
      bytes: 0,
      inFlight: 0,
      delayed: 0,
      dead: 0,
      oldestAgeMs: null,
      delivered: 0,
      acked: 0,
      nacked: 0,
      lapsed: 0,
      expiredCount: 0,
      dropped: 0,
      deliveredPerSecond: null,
      ackedPerSecond: null,
    };
    expect(answer.body).toEqual(fresh);
    const again = await server.call("PUT", "/v1/queues/fresh", { json: {} });
    expect(again).toMatchObject({ status: 200, body: fresh });
    expect((await server.call("GET", "/v1/topics/fresh")).status).toBe(200);
    expect((await server.call("GET", "/v1/topics/fresh.dead")).status).toBe(200);
  });

  test("what is given is kept, what is not keeps its value", async () => {
    const given = {
      leaseMs: 1000,
      maxDeliveries: 2,
      backoff: { type: "exponential", baseMs: 10, maxMs: 1000, jitter: 0.5 },
      order: "key",
      expired: "drop",
      maxDepth: 100,
      maxBytes: 1_000_000,
      overflow: "drop-oldest",
      rate: 2.5,
      concurrency: 7,
      dedupWindowMs: 1,
    };
    const queue = await newQueue(given);
    const changed = await server.call("PUT", `/v1/queues/${queue.name}`, {
      json: { rate: null, maxDeliveries: 9 },
    });
    expect(changed.status).toBe(200);
    expect(changed.body).toMatchObject({ ...given, rate: null, maxDeliveries: 9 });
    expect(await queue.described()).toMatchObject({ ...given, rate: null, maxDeliveries: 9 });
  });

  test.each([
    ["unknown setting", { lease: 1 }, "lease"],
    ["no lease at all", { leaseMs: 0 }, "leaseMs"],
    ["text for a number", { maxDeliveries: "5" }, "maxDeliveries"],
    ["unknown order", { order: "fifo" }, "order"],
    ["backoff above its end", { backoff: { type: "fixed", baseMs: 2, maxMs: 1 } }, "backoff"],
    ["unknown part of backoff", { backoff: { type: "fixed", baseMs: 2, x: 1 } }, "x"],
    ["null for a topic", { topic: null }, "topic"],
    ["its own dead letters", { topic: "a", deadLetterTopic: "a" }, "dead letters"],
    ["an array", [], "settings"],
  ])("%s: 422 INVALID_CONFIG, no queue is made", async (_name, json, word) => {
    const answer = await server.call("PUT", "/v1/queues/refused", { json });
    expect(answer).toMatchObject({ status: 422, body: { code: "INVALID_CONFIG" } });
    expect(answer.body.detail).toContain(word);
    expect((await server.call("GET", "/v1/queues/refused")).status).toBe(404);
  });

  test("topic and start stay what they are: 422", async () => {
    const queue = await newQueue();
    for (const json of [{ topic: "other" }, { from: "latest" }]) {
      const answer = await server.call("PUT", `/v1/queues/${queue.name}`, { json });
      expect(answer).toMatchObject({ status: 422, body: { code: "INVALID_CONFIG" } });
    }
  });

  test("from latest: what was in the topic before is not delivered", async () => {
    const topic = freshName();
    await server.call("POST", `/v1/topics/${topic}/records`, { json: { records: [{ value: 1 }] } });
    for (const from of ["earliest", "latest"]) {
      const json = { topic, deadLetterTopic: `${topic}.dead`, from };
      expect((await server.call("PUT", `/v1/queues/${topic}-${from}`, { json })).status).toBe(201);
    }
    await server.call("POST", `/v1/topics/${topic}/records`, { json: { records: [{ value: 2 }] } });
    expect(await received(`${topic}-earliest`)).toEqual([1, 2]);
    expect(await received(`${topic}-latest`)).toEqual([2]);
  });

  test("names: 255 printable characters and no more; a topic name of its own where it is none", async () => {
    const name = "é/ü ".padEnd(255, "n");
    const json = { topic: "named", deadLetterTopic: "named.dead" };
    const path = `/v1/queues/${encodeURIComponent(name)}`;
    expect((await server.call("PUT", path, { json })).body.queue).toBe(name);
    expect((await server.call("POST", `${path}/receive`, {})).status).toBe(200);
    for (const bad of [`${name}x`, "a\u0001"]) {
      const answer = await server.call("PUT", `/v1/queues/${encodeURIComponent(bad)}`, { json });
      expect(answer).toMatchObject({ status: 400, body: { code: "INVALID_GROUP_ID" } });
    }
    const noTopic = await server.call("PUT", `/v1/queues/${encodeURIComponent("a b")}`, {});
    expect(noTopic).toMatchObject({ status: 400, body: { code: "INVALID_TOPIC_EXCEPTION" } });
  });

  test("list, delete: the state goes, the topic stays; a new queue of the name begins again", async () => {
    const queue = await newQueue();
    await queue.send([{ value: 1 }]);
    const [message] = await queue.receive();
    const listed = await server.call("GET", "/v1/queues");
    expect(listed.body.queues).toContainEqual(
      expect.objectContaining({ queue: queue.name, depth: 1, inFlight: 1, delivered: 1 }),
    );
    expect((await server.call("DELETE", `/v1/queues/${queue.name}`)).status).toBe(204);
    expect((await server.call("GET", `/v1/topics/${queue.name}`)).status).toBe(200);
    await server.call("PUT", `/v1/queues/${queue.name}`, {});
    const late = await queue.post("settle", { ack: [message.receipt] });
    expect(late.body.results).toMatchObject([{ ok: false, code: "INVALID_RECORD_STATE" }]);
    expect(await queue.receive()).toMatchObject([{ value: 1, deliveries: 1 }]);
  });

  test("no such queue: 404 from every call, and none is made", async () => {
    const calls: readonly (readonly [string, string, Ask])[] = [
      ["GET", "", {}],
      ["DELETE", "", {}],
      ["POST", "/messages", { json: { records: [{ value: 1 }] } }],
      ["POST", "/messages", { body: "raw", type: "text/plain" }],
      ["POST", "/receive", { json: {} }],
      ["POST", "/receive", { json: { waitMs: 60_000 } }],
      ["POST", "/settle", { json: {} }],
      ["POST", "/settle", { json: { ack: ["0-0-1-1"] } }],
      ["GET", "/dead", {}],
      ["POST", "/redrive", { json: {} }],
      ["POST", "/redrive", { json: { offsets: [1] } }],
    ];
    for (const [method, path, ask] of calls) {
      const answer = await server.call(method, `/v1/queues/nowhere${path}`, ask);
      expect(answer).toMatchObject({ status: 404, body: { code: "QUEUE_NOT_FOUND" } });
    }
    expect((await server.call("GET", "/v1/topics/nowhere")).status).toBe(404);
  });

  test("MessagePack both ways", async () => {
    const queue = freshName();
    const type = "application/msgpack";
    const ask = { body: pack({ leaseMs: 5000, topic: queue }), type, accept: type };
    const made = await server.call("PUT", `/v1/queues/${queue}`, ask);
    expect(made).toMatchObject({ status: 201, body: { queue, leaseMs: 5000, depth: 0 } });
    const { body } = await server.call("GET", `/v1/queues/${queue}`, { accept: type });
    expect(body).toMatchObject({ leaseMs: 5000, oldestAgeMs: null });
  });
});

test("leases, delays and counts outlive the server", async () => {
  let own = await liveServer();
  try {
    await own.call("PUT", "/v1/queues/q", { json: {} });
    const json = { records: [{ value: 1 }, { value: 2, delayMs: 3_600_000 }] };
    await own.call("POST", "/v1/queues/q/messages", { json });
    const before = await own.call("POST", "/v1/queues/q/receive", { json: {} });
    own = await own.restart();
    expect((await own.call("POST", "/v1/queues/q/receive", { json: {} })).body.messages).toEqual(
      [],
    );
    const { receipt } = before.body.messages[0];
    const settled = await own.call("POST", "/v1/queues/q/settle", { json: { ack: [receipt] } });
    expect(settled.body.results).toEqual([{ receipt, ok: true }]);
    const { body } = await own.call("GET", "/v1/queues/q");
    expect(body).toMatchObject({ depth: 1, delayed: 1, inFlight: 0, delivered: 1, acked: 1 });
  } finally {
    await own.close();
  }
});

// Work queues: receiving, waiting and settling, over a real engine and real sockets.

import { pack } from "msgpackr";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type LiveServer, liveServer } from "../support/live-server.ts";
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

const waiting = () => server.metric("varve_http_waiting_requests");
const values = (messages: readonly { value: unknown }[]) => messages.map(({ value }) => value);

describe("receive", () => {
  test("a message: every field of the contract, headers as they were sent", async () => {
    const queue = await newQueue();
    await queue.send([{ key: "k", value: { n: 1 }, headers: { a: ["1", "2"] }, timestampMs: 5 }]);
    const [message] = await queue.receive();
    expect(message).toEqual({
      receipt: expect.stringMatching(/^[0-9a-z-]{7,60}$/),
      topic: queue.name,
      partition: 0,
      offset: 0,
      deliveries: 1,
      timestampMs: 5,
      key: "k",
      value: { n: 1 },
      headers: { a: ["1", "2"] },
    });
  });

  test("JSON values stay verbatim; text and bytes come as such", async () => {
    const queue = await newQueue();
    const body =
      '{"records":[{"value":{"n":12345678901234567890,"f":1.10}},{"text":"é"},{"b64":"/w=="}]}';
    await queue.ask("messages", { body, type: "application/json" });
    const answer = await queue.post("receive");
    expect(answer.text).toContain('"value":{"n":12345678901234567890,"f":1.10}');
    expect(answer.body.messages).toMatchObject([{}, { text: "é" }, { b64: "/w==" }]);
  });

  test("MessagePack: key, value and headers are bin", async () => {
    const queue = await newQueue();
    const type = "application/msgpack";
    await queue.send([{ key: "k", text: "v", headers: { h: "x" } }, { text: null }]);
    const ask = { body: pack({ max: 5 }), type, accept: type };
    const answer = await queue.ask("receive", ask);
    const [first, second] = answer.body.messages;
    expect(first).toMatchObject({ topic: queue.name, partition: 0, offset: 0, deliveries: 1 });
    expect(first).toMatchObject({ key: Buffer.from("k"), value: Buffer.from("v") });
    expect(first.headers).toEqual({ h: Buffer.from("x") });
    expect(second.value).toBeNull();
    const settled = await queue.ask("settle", {
      body: pack({ ack: [first.receipt, second.receipt] }),
      type,
      accept: type,
    });
    expect(settled.body.results).toEqual([
      { receipt: first.receipt, ok: true },
      { receipt: second.receipt, ok: true },
    ]);
    expect((await queue.described()).depth).toBe(0);
  });

  test("settles earlier ones on the way, and does not wait then", async () => {
    const queue = await newQueue();
    await queue.send([{ value: 1 }, { value: 2 }]);
    const [first] = await queue.receive({ max: 1 });
    const settle = { ack: [first.receipt] };
    const both = await queue.post("receive", { waitMs: 60_000, settle });
    expect(both.body.results).toEqual([{ receipt: first.receipt, ok: true }]);
    expect(both.body.messages).toMatchObject([{ value: 2 }]);
    const [{ receipt }] = both.body.messages;
    const last = await queue.ask("receive", {
      body: pack({ waitMs: 60_000, settle: { ack: [receipt, first.receipt] } }),
      type: "application/msgpack",
      accept: "application/msgpack",
    });
    expect(last.body).toEqual({
      messages: [],
      results: [
        { receipt, ok: true },
        { receipt: first.receipt, ok: false, code: "INVALID_RECORD_STATE" },
      ],
    });
    expect(await queue.described()).toMatchObject({ depth: 0, inFlight: 0, acked: 2 });
  });

  test("default ten, at most as many as asked for; more receivers than partitions, each record once", async () => {
    const queue = await newQueue({}, 2);
    const records = Array.from({ length: 60 }, (_, value) => ({ value, partition: value % 2 }));
    await queue.send(records);
    const parts = await Promise.all([
      queue.receive(),
      queue.receive({ max: 1 }),
      queue.receive({ max: 1000, waitMs: 1000 }),
      queue.receive({ max: 20 }),
    ]);
    expect(parts[0].length).toBeLessThanOrEqual(10);
    expect(parts[1].length).toBeLessThanOrEqual(1);
    const rest = await queue.receive({ max: 1000 });
    const all = values([...parts.flat(), ...rest]) as number[];
    expect(all.sort((one, other) => one - other)).toEqual(records.map(({ value }) => value));
    expect(await queue.receive()).toEqual([]);
  });

  test("parts of one batch in between: what is held or settled is left out", async () => {
    const queue = await newQueue();
    await queue.send(Array.from({ length: 9 }, (_, value) => ({ value })));
    const all = await queue.receive();
    const odd = all.filter(({ value }: { value: number }) => value % 2 === 1);
    const answers = odd.map(({ receipt }: { receipt: string }) => ({ receipt, delayMs: 0 }));
    await queue.post("settle", { nack: answers });
    expect(await queue.receive()).toMatchObject(
      [1, 3, 5, 7].map((value) => ({ value, deliveries: 2 })),
    );
  });

  test("a small maxBytes: at least one message", async () => {
    const queue = await newQueue();
    await queue.send([{ text: "x".repeat(5000) }]);
    expect(await queue.receive({ maxBytes: 1 })).toHaveLength(1);
  });

  test("order by key: one of a key at a time, other keys meanwhile", async () => {
    const queue = await newQueue({ order: "key" });
    await queue.send(["a1", "a2", "b1"].map((value) => ({ key: value.charAt(0), value })));
    const first = await queue.receive();
    expect(values(first)).toEqual(["a1", "b1"]);
    expect(await queue.receive()).toEqual([]);
    await queue.post("settle", { ack: [first[0].receipt] });
    expect(values(await queue.receive())).toEqual(["a2"]);
  });

  test("priority: higher ones first", async () => {
    const queue = await newQueue();
    await queue.send([1, 9, 5].map((priority) => ({ value: priority, priority })));
    expect(values(await queue.receive())).toEqual([9, 5, 1]);
  });

  test.each([
    ["no message at all", { max: 0 }],
    ["too many", { max: 1001 }],
    ["absurdly many", { max: 1e300 }],
    ["text", { max: "10" }],
    ["a wait too long", { waitMs: 60_001 }],
    ["a negative wait", { waitMs: -1 }],
    ["no lease", { leaseMs: 0 }],
    ["an endless lease", { leaseMs: 1e15 }],
    ["no bytes", { maxBytes: 0 }],
    ["an unknown field", { maxMessages: 1 }],
    ["an array", []],
  ])("%s: 400, nothing is leased", async (_name, json) => {
    const queue = await newQueue();
    await queue.send([{ value: 1 }]);
    const answer = await queue.post("receive", json);
    expect(answer).toMatchObject({ status: 400, body: { code: "INVALID_REQUEST" } });
    expect((await queue.described()).inFlight).toBe(0);
  });

  test("broken JSON, an unknown query, an encoding we do not have: refused", async () => {
    const queue = await newQueue();
    const broken = { body: '{"max":1', type: "application/json" };
    expect((await queue.ask("receive", broken)).status).toBe(400);
    expect((await server.call("POST", `/v1/queues/${queue.name}/receive?max=1`, {})).status).toBe(
      400,
    );
    expect((await queue.ask("receive", { accept: "application/x-ndjson" })).status).toBe(406);
    const raw = { body: "max=1", type: "text/plain" };
    expect((await queue.ask("receive", raw)).status).toBe(415);
  });
});

describe("waiting", () => {
  test("a message sent, nacked or due ends the wait; the time ends it empty", async () => {
    const queue = await newQueue();
    const sent = queue.receive({ waitMs: 20_000 });
    await until(async () => (await waiting()) === 1);
    await queue.send([{ value: 1 }]);
    const [first] = await sent;
    expect(first).toMatchObject({ value: 1, deliveries: 1 });

    const nacked = queue.receive({ waitMs: 20_000 });
    await until(async () => (await waiting()) === 1);
    await queue.post("settle", { nack: [{ receipt: first.receipt }] });
    const [second] = await nacked;
    expect(second).toMatchObject({ value: 1, deliveries: 2 });

    const delayed = queue.receive({ waitMs: 20_000 });
    await until(async () => (await waiting()) === 1);
    await queue.send([{ value: 2, delayMs: 50 }]);
    expect(await delayed).toMatchObject([{ value: 2, deliveries: 1 }]);
    expect(await queue.receive({ waitMs: 1 })).toEqual([]);
  });

  test("a lease that lapses ends it: the message comes again, the old receipt is void", async () => {
    const queue = await newQueue();
    await queue.send([{ value: 1 }]);
    const [first] = await queue.receive({ leaseMs: 50 });
    const [second] = await queue.receive({ waitMs: 20_000 });
    expect(second).toMatchObject({ value: 1, deliveries: 2 });
    const settled = await queue.post("settle", { ack: [first.receipt, second.receipt] });
    expect(settled.body.results).toEqual([
      { receipt: first.receipt, ok: false, code: "INVALID_RECORD_STATE" },
      { receipt: second.receipt, ok: true },
    ]);
    expect(await queue.described()).toMatchObject({ lapsed: 1, acked: 1, depth: 0 });
  });

  test("a client that goes away waits no more, and nothing is leased for it", async () => {
    const queue = await newQueue();
    const gone = new AbortController();
    const lost = queue.ask("receive", {
      json: { waitMs: 20_000 },
      signal: gone.signal,
    });
    await until(async () => (await waiting()) === 1);
    gone.abort();
    await expect(lost).rejects.toThrow();
    await until(async () => (await waiting()) === 0);
    await queue.send([{ value: 1 }]);
    expect(await queue.receive()).toMatchObject([{ value: 1, deliveries: 1 }]);
  });

  test("a queue that is deleted ends the wait", async () => {
    const queue = await newQueue();
    const lost = queue.post("receive", { waitMs: 20_000 });
    await until(async () => (await waiting()) === 1);
    await server.call("DELETE", `/v1/queues/${queue.name}`);
    expect((await lost).status).toBe(404);
  });
});

describe("settle", () => {
  test("all kinds in one call: results by kind, in the order of the request", async () => {
    const queue = await newQueue();
    await queue.send(Array.from({ length: 6 }, (_, value) => ({ value })));
    const receipts = (await queue.receive()).map(({ receipt }: { receipt: string }) => receipt);
    const [a, b, c, d, e, f] = receipts;
    const settled = await queue.post("settle", {
      reject: [{ receipt: a }, { receipt: b, reason: "never" }],
      extend: [{ receipt: c, leaseMs: 60_000 }],
      nack: [{ receipt: d, delayMs: 3_600_000, reason: "later" }, { receipt: e }],
      ack: [f],
    });
    expect(settled.status).toBe(200);
    const order = [f, d, e, c, a, b];
    expect(settled.body).toEqual({ results: order.map((receipt) => ({ receipt, ok: true })) });
    expect(await queue.receive()).toMatchObject([{ value: 4, deliveries: 2 }]);
    const described = await queue.described();
    expect(described).toMatchObject({ depth: 3, inFlight: 2, delayed: 1, dead: 2, acked: 1 });
  });

  test("receipts that are none: their own result, 200", async () => {
    const queue = await newQueue();
    await queue.send([{ value: 1 }]);
    const [{ receipt }] = await queue.receive();
    const bad = [
      "",
      "x",
      "0-0-1",
      `${receipt}-1`,
      ` ${receipt}`,
      receipt.toUpperCase().concat("!"),
      "0-99999-1-1",
      "zzzzzzzzzzz-zzzzzzzzzzz-zzzzzzzzzzz-zzzzzzzzzzz",
      "9-0-1-1",
      "-1-0-1-1",
      "\u0000".repeat(1000),
      "__proto__",
    ];
    const settled = await queue.post("settle", { ack: [...bad, receipt, receipt] });
    expect(settled.status).toBe(200);
    const refused = (text: string) => ({ receipt: text, ok: false, code: "INVALID_RECORD_STATE" });
    expect(settled.body.results).toEqual([
      ...bad.map(refused),
      { receipt, ok: true },
      refused(receipt),
    ]);
    const again = await queue.post("settle", { nack: [{ receipt }] });
    expect(again.body.results).toEqual([refused(receipt)]);
  });

  test("nothing to settle: 200 and no results", async () => {
    const queue = await newQueue();
    for (const json of [{}, { ack: [], nack: [], extend: [], reject: [] }]) {
      expect(await queue.post("settle", json)).toMatchObject({
        status: 200,
        body: { results: [] },
      });
    }
  });

  test.each([
    ["a receipt that is a number", { ack: [1] }],
    ["a receipt that is an object", { ack: [{ receipt: "0-0-1-1" }] }],
    ["a bare receipt in nack", { nack: ["0-0-1-1"] }],
    ["no receipt", { reject: [{ reason: "x" }] }],
    ["extend without lease", { extend: [{ receipt: "0-0-1-1" }] }],
    ["extend by nothing", { extend: [{ receipt: "0-0-1-1", leaseMs: 0 }] }],
    ["a negative delay", { nack: [{ receipt: "0-0-1-1", delayMs: -1 }] }],
    ["a reason that is no text", { nack: [{ receipt: "0-0-1-1", reason: 5 }] }],
    ["an unknown kind", { release: [] }],
    ["an unknown field", { nack: [{ receipt: "0-0-1-1", delay: 1 }] }],
    ["one receipt instead of an array", { ack: "0-0-1-1" }],
    ["an array", []],
    ["too many", { ack: Array.from({ length: 10_001 }, () => "0-0-1-1") }],
  ])("%s: 400", async (_name, json) => {
    const queue = await newQueue();
    const answer = await queue.post("settle", json);
    expect(answer).toMatchObject({ status: 400, body: { code: "INVALID_REQUEST" } });
  });
});

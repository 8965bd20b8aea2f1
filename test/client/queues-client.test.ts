import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { createClient, type VarveClient } from "../../src/client/client.ts";
import { problem } from "../support/fake-http-server.ts";
import { FakeQueue } from "../support/fake-queue.ts";

let server: FakeQueue;
let client: VarveClient;

beforeEach(async () => {
  server = await FakeQueue.start();
  client = createClient({ url: server.url, backoffMs: 1, retriesMax: 2 });
});

afterEach(async () => {
  await client.close();
  await server.stop();
});

describe("queues: calls and their bodies", () => {
  test("put: settings as given, null among them; says whether it is new", async () => {
    let status = 201;
    server.spoil = () => ({ status, body: { queue: "a/b", depth: 0 } });
    const settings = { leaseMs: 5, maxDepth: null, backoff: { type: "fixed", baseMs: 1 } } as const;
    expect(await client.queues.put("a/b", settings)).toMatchObject({ isNew: true, queue: "a/b" });
    expect(server.requests[0]).toMatchObject({
      method: "PUT",
      path: "/v1/queues/a%2Fb",
      body: settings,
    });
    status = 200;
    expect(await client.queues.put("a/b")).toMatchObject({ isNew: false });
    expect(server.requests[1]?.body).toEqual({});
  });

  test("list, describe, dead, redrive: paths, queries and the parts of the replies", async () => {
    server.spoil = () => ({
      status: 200,
      body: { queues: [], queue: "q", messages: [{ reason: "r" }], next: "0:4", redriven: 3 },
    });
    expect(await client.queues.list()).toEqual([]);
    expect(await client.queues.describe("q")).toMatchObject({ queue: "q" });
    expect(await client.queues.dead("q", { from: "0:3", maxRecords: 2 })).toMatchObject({
      messages: [{ reason: "r" }],
      next: "0:4",
    });
    expect(server.requests.at(-1)).toMatchObject({
      path: "/v1/queues/q/dead",
      query: { from: "0:3", maxRecords: "2" },
    });
    const offsets = [{ partition: 0, offset: 7 }];
    expect(await client.queues.redrive("q", { max: 5, offsets })).toBe(3);
    expect(server.requests.at(-1)).toMatchObject({ method: "POST", body: { max: 5, offsets } });
  });

  test("send and receive: messages there and back", async () => {
    const sent = await client.queues.send("q", [{ key: "k", value: "v", delayMs: 5 }]);
    expect(sent).toEqual({ results: [{ partition: 0, offset: 0 }], durability: "fsync" });
    expect(server.requests[0]?.body).toMatchObject({ records: [{ delayMs: 5 }] });
    const [message] = await client.queues.receive("q", { max: 3, leaseMs: 1_000 });
    expect(server.requests[1]?.body).toEqual({ max: 3, leaseMs: 1_000, waitMs: 20_000 });
    expect(message).toMatchObject({ receipt: "v/1", deliveries: 1, topic: "q", offset: 0 });
    expect(Buffer.from(message?.value ?? "").toString()).toBe("v");
  });

  test("settle: a result for each receipt, refused ones with their code", async () => {
    server.put("a", "b", "c");
    await client.queues.receive("q", { max: 3 });
    const nack = [{ receipt: "b/1", delayMs: 5, reason: "later" }];
    expect(await client.queues.settle("q", { ack: ["a/1", "x/1"], nack })).toEqual([
      { receipt: "a/1", ok: true },
      { receipt: "x/1", ok: false, code: "INVALID_RECORD_STATE" },
      { receipt: "b/1", ok: true },
    ]);
    expect(server.answers[1]).toEqual({ kind: "nack", ...nack[0] });
  });

  test("nothing to send: is refused before anything is sent", async () => {
    await expect(client.queues.send("q", [])).rejects.toMatchObject({ code: "INVALID_REQUEST" });
    expect(server.requests).toEqual([]);
  });

  test("no such queue: its name for it", async () => {
    await expect(client.queues.receive("other")).rejects.toMatchObject({
      code: "QUEUE_NOT_FOUND",
      status: 404,
    });
  });
});

describe("queues: what is sent again when its outcome is unknown", () => {
  const one = { value: "a" };
  test.each<readonly [string, () => Promise<unknown>, number]>([
    ["a send", () => client.queues.send("q", [one]), 1],
    ["a send that may", () => client.queues.send("q", [one], { retryUnknown: true }), 2],
    ["a send with dedup ids", () => client.queues.send("q", [{ ...one, dedupId: "d" }]), 2],
    ["one of them without", () => client.queues.send("q", [{ ...one, dedupId: "d" }, one]), 1],
    ["a receive", () => client.queues.receive("q", { waitMs: 0 }), 1],
    ["a settle", () => client.queues.settle("q", { ack: ["r"] }), 2],
    ["a settle told", () => client.queues.settle("q", { ack: ["r"] }, { retryUnknown: false }), 1],
    ["a redrive", () => client.queues.redrive("q"), 1],
    ["a put", () => client.queues.put("q"), 2],
  ])("%s", async (_, call, requests) => {
    let spoilt = 0;
    server.spoilReply = () => (spoilt++ === 0 ? "break" : null);
    const outcome = await call().then(
      () => "done",
      (error: unknown) => error,
    );
    if (requests === 2) expect(outcome).toBe("done");
    else expect(outcome).toMatchObject({ code: "CONNECTION_LOST", mayHaveApplied: true });
    expect(server.requests.length).toBe(requests);
  });

  test("a refused send: is sent again, except where partitions answer for themselves", async () => {
    const refuseOnce = () => {
      let refused = 0;
      server.spoil = () => (refused++ === 0 ? problem(429, "QUEUE_FULL") : null);
    };
    refuseOnce();
    await client.queues.send("q", [one, one]);
    refuseOnce();
    await client.queues.send("q", [{ ...one, key: "k" }, one], { partition: 0 });
    refuseOnce();
    await expect(client.queues.send("q", [{ ...one, key: "k" }, one])).rejects.toMatchObject({
      code: "QUEUE_FULL",
    });
  });

  test("a delete that finds nothing the second time: has worked", async () => {
    let deletes = 0;
    server.spoil = () => (++deletes === 1 ? "break" : problem(404, "QUEUE_NOT_FOUND"));
    await client.queues.delete("q");
    await expect(client.queues.delete("q")).rejects.toMatchObject({ code: "QUEUE_NOT_FOUND" });
  });
});

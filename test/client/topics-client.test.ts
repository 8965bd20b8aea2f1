import { afterEach, beforeEach, expect, test } from "vitest";
import { createClient, type VarveClient } from "../../src/client/client.ts";
import { FakeVarve } from "../support/fake-varve.ts";

let server: FakeVarve;
let client: VarveClient;

beforeEach(async () => {
  server = await FakeVarve.start();
  client = createClient({ url: server.url, backoffMs: 1, retriesMax: 2 });
});

afterEach(async () => {
  await client.close();
  await server.stop();
});

test("topics: create, confirm, describe, list, offsets", async () => {
  expect(
    await client.topics.create("a/b c", { partitions: 2, config: { "retention.ms": 5 } }),
  ).toBe(true);
  expect(server.requests[0]).toMatchObject({
    path: "/v1/topics/a%2Fb%20c",
    body: { partitions: 2, config: { "retention.ms": "5" } },
  });
  expect(await client.topics.create("a/b c")).toBe(false);
  expect((await client.topics.describe("a/b c")).partitions.length).toBe(2);
  expect(await client.topics.list("a")).toEqual([
    { name: "a/b c", partitions: 2, internal: false },
  ]);
  expect(server.requests.at(-1)?.query).toEqual({ prefix: "a" });
  expect((await client.topics.offsets("a/b c")).length).toBe(2);
});

test("topics: alter and trim: null resets a key, the rest is as given", async () => {
  server.spoil = () => ({
    status: 200,
    body: { partitions: [{ partition: 0, logStartOffset: 4 }] },
  });
  await client.topics.alter("t", { partitions: 3, config: { a: null, b: true } });
  expect(server.requests.at(-1)).toMatchObject({
    method: "PATCH",
    body: { partitions: 3, config: { a: null, b: "true" } },
  });
  const trimmed = await client.topics.trim("t", [{ partition: 0, offset: 4 }]);
  expect(trimmed).toEqual([{ partition: 0, logStartOffset: 4 }]);
  expect(server.requests.at(-1)?.path).toBe("/v1/topics/t/trim");
});

test("topics: a delete whose first reply was lost: done, although the second finds nothing", async () => {
  server.create("t", 1);
  let spoilt = 0;
  server.spoilReply = () => (spoilt++ === 0 ? "break" : null);
  await client.topics.delete("t");
  expect(server.requests.length).toBe(2);
  await expect(client.topics.delete("t")).rejects.toMatchObject({ status: 404 });
});

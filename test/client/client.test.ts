import { afterEach, beforeEach, expect, test } from "vitest";
import { createClient, isVarveError, VarveError } from "../../src/client/client.ts";
import { FakeVarve } from "../support/fake-varve.ts";

let server: FakeVarve;

beforeEach(async () => {
  server = await FakeVarve.start({ t: 1 });
});

afterEach(() => server.stop());

test("client: health: ready, not ready with reasons, unreachable", async () => {
  const client = createClient({ url: server.url, retriesMax: 0 });
  expect(await client.health()).toEqual({ isReady: true, problems: [] });
  const headers = { "content-type": "application/json" };
  server.spoil = () => ({
    status: 503,
    body: { status: "not ready", problems: ["disk"] },
    headers,
  });
  expect(await client.health()).toEqual({ isReady: false, problems: ["disk"] });
  server.spoil = () => "break";
  await expect(client.health()).rejects.toMatchObject({ code: "CONNECTION_LOST" });
  await client.close();
});

test("client: close: producers flush, members leave, later calls are refused", async () => {
  const client = createClient({ url: server.url });
  const sending = client.producer({ topic: "t", lingerMs: 60_000 }).send({ value: "a" });
  const records = client
    .consumer({ group: "g", topics: ["t"], member: "m" })
    [Symbol.asyncIterator]();
  server.append("t", 0, "first");
  await records.next();
  await client.close();
  expect((await sending).offset).toBe(1);
  expect(server.requests.map(({ path }) => path)).toContain("/v1/groups/g/leave");
  await expect(client.topics.list()).rejects.toMatchObject({ code: "CLIENT_CLOSED" });
});

test("client: members without a name: each gets its own", async () => {
  const client = createClient({ url: server.url, clientId: "app" });
  const names = [1, 2].map(() => client.consumer({ group: "g", topics: ["t"] }).member);
  expect(names[0]).toMatch(/^app-[0-9a-f-]{36}$/);
  expect(names[0]).not.toBe(names[1]);
  await client.close();
});

test("is varve error: by kind and by code", () => {
  const error = new VarveError("x", { code: "NOT_FOUND" });
  expect([
    isVarveError(error),
    isVarveError(error, "A", "NOT_FOUND"),
    isVarveError(error, "A"),
  ]).toEqual([true, true, false]);
  expect(isVarveError(new Error("x"))).toBe(false);
});

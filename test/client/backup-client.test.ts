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

test("backup: begin, show, cancel", async () => {
  const path = "/v1/admin/backup";
  server.spoil = () => ({ status: 202, body: { state: "running" } });
  expect(await client.backup.begin("/b")).toEqual({ state: "running" });
  expect(server.requests.at(-1)).toMatchObject({ method: "POST", path, body: { path: "/b" } });
  expect(await client.backup.show()).toEqual({ state: "running" });
  expect(server.requests.at(-1)).toMatchObject({ method: "GET", path });
  server.spoil = () => ({ status: 204 });
  await client.backup.cancel();
  expect(server.requests.at(-1)).toMatchObject({ method: "DELETE", path });
});

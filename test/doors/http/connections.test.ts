import { afterAll, beforeAll, expect, test } from "vitest";
import type { HttpFixture } from "../../support/http-fixture.ts";
import { httpFixture } from "../../support/http-fixture.ts";
import { BareConnection } from "../../support/live-server.ts";

let http: HttpFixture;
beforeAll(async () => {
  http = await httpFixture({ limits: { streamStallMs: 100 } });
  await http.json("PUT", "/v1/topics/t", {});
  await http.door.listen();
});
afterAll(() => http.close());

const open = () => BareConnection.open(Number(new URL(http.door.address() ?? "").port));

test("connections: nobody asks anything: closed", async () => {
  const bare = await open();
  expect(await bare.closed()).toBe("");
});

test("connections: a reply in the making may take its time in silence", async () => {
  const bare = await open();
  const path = "/v1/topics/t/partitions/0/records?waitMs=400";
  bare.send(`GET ${path} HTTP/1.1\r\nhost: x\r\n\r\n`);
  expect(await bare.until(/nextOffset/)).toMatch(/^HTTP\/1\.1 200 /);
  bare.drop();
});

test("connections: a reply that nobody takes: closed, and what it held is let go", async () => {
  const text = "x".repeat(500_000);
  for (let count = 0; count < 20; count++) {
    await http.json("POST", "/v1/topics/t/records", { records: [{ text }] });
  }
  const bare = await open();
  bare.socket.pause();
  const path = "/v1/topics/t/partitions/0/records?maxBytes=20000000";
  bare.send(`GET ${path} HTTP/1.1\r\nhost: x\r\naccept: application/vnd.varve.batches\r\n\r\n`);
  while (http.services.leases === 0) await new Promise((resolve) => setTimeout(resolve, 1));
  while (http.services.leases > 0) await new Promise((resolve) => setTimeout(resolve, 1));
  bare.socket.resume();
  await bare.closed();
  expect(bare.heard.length).toBeLessThan(10_000_000);
});

test("connections: pipelined requests begin one after the other", async () => {
  const bare = await open();
  let running = 0;
  let runningMax = 0;
  const { fetch } = http.services.data;
  http.services.data.fetch = async (request) => {
    runningMax = Math.max(runningMax, ++running);
    const result = await fetch(request);
    running--;
    return result;
  };
  const path = "/v1/topics/t/partitions/0/records?from=latest&waitMs=5";
  bare.send(`GET ${path} HTTP/1.1\r\nhost: x\r\n\r\n`.repeat(20));
  while (bare.statuses().length < 20) await new Promise((resolve) => setTimeout(resolve, 1));
  http.services.data.fetch = fetch;
  expect(runningMax).toBe(1);
  bare.drop();
});

import { afterAll, beforeAll, expect, test } from "vitest";
import { sharedQueue } from "../../examples/shared-queue.ts";
import { type LiveServer, liveServer } from "../support/live-server.ts";

let server: LiveServer;

beforeAll(async () => {
  server = await liveServer();
});

afterAll(async () => {
  expect(server.errors).toEqual([]);
  await server.close();
});

test("example shared queue: each message is handled once, by whoever is free", async () => {
  const told: string[] = [];
  const { sent, handledBy, depth } = await sharedQueue(server.url, (line) => told.push(line));
  const handled = Object.values(handledBy).flat();
  expect([...handled].sort()).toEqual([...sent].sort());
  expect(new Set(handled).size).toBe(sent.length);
  expect(Object.values(handledBy).filter((own) => own.length > 0).length).toBeGreaterThan(1);
  expect(depth).toBe(0);
  expect(told.filter((line) => line.includes("made a thumbnail")).length).toBe(sent.length);
});

test("example shared queue: leaves nothing behind", async () => {
  expect((await server.call("GET", "/v1/queues")).body).toEqual({ queues: [] });
  const { topics } = (await server.call("GET", "/v1/topics?prefix=thumbnails")).body;
  expect(topics).toEqual([]);
});

import { afterAll, beforeAll, expect, test } from "vitest";
import { orderPipeline } from "../../examples/order-pipeline.ts";
import { type LiveServer, liveServer } from "../support/live-server.ts";

let server: LiveServer;

beforeAll(async () => {
  server = await liveServer();
});

afterAll(async () => {
  expect(server.errors).toEqual([]);
  await server.close();
});

test("example order pipeline: every service deals with every order, mail after a retry or a redrive", async () => {
  const facts = await orderPipeline(server.url);
  const all = [1, 2, 3, 4, 5, 6, 7, 8, 9];
  expect(facts.done).toEqual({ payment: all, inventory: all, mail: all, analytics: all });
  expect(facts.mailAttempts).toEqual({ 1: 1, 2: 1, 3: 2, 4: 1, 5: 4, 6: 2, 7: 1, 8: 1, 9: 2 });
  expect(facts.dead).toEqual([{ order: 5, reason: "cannot send to zoë@example.com" }]);
  expect([facts.redriven, facts.deadAfter]).toEqual([1, 0]);
});

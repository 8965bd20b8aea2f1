import { afterEach, expect, test } from "vitest";
import type { QueueCounts, QueueDescription } from "../../../src/services.ts";
import type { HttpFixture } from "../../support/http-fixture.ts";
import { noQueue, queueDoor, settingsOfQ } from "../../support/queue-door.ts";

let http: HttpFixture;
afterEach(() => http.close());

const counts = { depth: 1, delivered: 2, acked: 1, expired: 0 } as QueueCounts;
const q: QueueDescription = { queue: "q", settings: settingsOfQ, counts };

test("PUT: the settings go on as they were given; 201 or 200 by what the engine says", async () => {
  const given: unknown[] = [];
  http = await queueDoor({
    put: async (queue, settings) => {
      given.push([queue, settings]);
      return { ...q, queue, isNew: given.length === 1 };
    },
  });
  const settings = { leaseMs: 5, anything: [1] };
  const made = await http.json("PUT", "/v1/queues/a%20b", settings);
  expect(made).toMatchObject({ status: 201, body: { queue: "a b", leaseMs: 30_000, depth: 1 } });
  expect((await http.json("PUT", "/v1/queues/q")).status).toBe(200);
  expect(given).toEqual([
    ["a b", settings],
    ["q", {}],
  ]);
  expect((await http.json("PUT", `/v1/queues/${"x".repeat(256)}`, {})).status).toBe(400);
  expect(given).toHaveLength(2);
});

test("GET and DELETE", async () => {
  const deleted: string[] = [];
  http = await queueDoor({
    list: async () => [q],
    describe: async (queue) => {
      if (queue !== "q") throw noQueue(queue);
      return q;
    },
    delete: async (queue) => {
      deleted.push(queue);
    },
  });
  const shown = { queue: "q", topic: "q", delivered: 2, expiredCount: 0, ackedPerSecond: null };
  expect((await http.json("GET", "/v1/queues")).body.queues).toMatchObject([shown]);
  expect((await http.json("GET", "/v1/queues/q")).body).toMatchObject(shown);
  expect((await http.json("GET", "/v1/queues/x")).status).toBe(404);
  expect((await http.json("GET", "/v1/queues?all=1")).status).toBe(400);
  expect(await http.json("DELETE", "/v1/queues/q")).toMatchObject({ status: 204, body: null });
  expect(deleted).toEqual(["q"]);
});

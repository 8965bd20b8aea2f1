import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Registry } from "prom-client";
import { afterEach, beforeEach, expect, test } from "vitest";
import { type Engine, openEngine } from "../../src/engine.ts";
import { type QueueSource, watchQueues } from "../../src/queue/queue-metrics.ts";
import type { QueueDescription, Receipt, ReceivedRange } from "../../src/services.ts";
import { batchOf } from "../support/batches.ts";

let path = "";

beforeEach(() => {
  path = mkdtempSync(join(tmpdir(), "varve-queue-metrics-"));
});

afterEach(() => {
  rmSync(path, { recursive: true, force: true });
});

async function fill(engine: Engine, topic: string, count: number): Promise<void> {
  const timestampMs = Date.now() - 60_000;
  const records = Array.from({ length: count }, (_, index) => ({
    value: `v${index}`,
    timestampMs,
  }));
  const part = { topic, partition: 0, batches: [batchOf(records)], expectedEndOffset: null };
  await engine.services.data.produce({ acks: -1, partitions: [part] });
}

async function receive(engine: Engine, queue: string, max: number): Promise<readonly Receipt[]> {
  const limits = { max, maxBytes: 1_000_000, waitMs: 0, leaseMs: null, signal: null };
  const { ranges, release } = await engine.services.queues.receive({ queue, ...limits });
  release();
  return ranges.flatMap(receiptsOf);
}

function receiptsOf(range: ReceivedRange): readonly Receipt[] {
  const { partition, firstOffset, lastOffset, deliveries, epoch } = range;
  return Array.from({ length: lastOffset - firstOffset + 1 }, (_, index) => {
    return { partition, offset: firstOffset + index, deliveries, epoch };
  });
}

/** The queue's numbers of one scrape, by the name between `varve_queue_` and the labels. */
async function scrape(registry: Registry, queue: string): Promise<Record<string, number>> {
  const line = /^varve_queue_(\w+)\{queue="([^"]*)"\} (\S+)$/gm;
  const found = [...(await registry.metrics()).matchAll(line)].filter(
    ([, , name]) => name === queue,
  );
  return Object.fromEntries(found.map(([, name, , value]) => [name, Number(value)]));
}

/** Queues of these names without anything in them; those in `broken` cannot be described. */
function emptyQueues(names: readonly string[], broken: readonly string[] = []): QueueSource {
  const counts = { depth: 7, delivered: 3 } as QueueDescription["counts"];
  const source = {
    shares: { list: async () => [...names, "a share group"].map((group) => ({ group })) },
    queues: {
      lookup: (name: string) => (names.includes(name) ? {} : null),
      describe: async (queue: string) => {
        if (broken.includes(queue)) throw new Error("its log has failed");
        return { queue, counts: { ...empty, ...counts } };
      },
    },
  };
  return source as unknown as QueueSource;
}

const empty = {
  bytes: 0,
  inFlight: 0,
  delayed: 0,
  dead: 0,
  oldestAgeMs: null,
  acked: 0,
  nacked: 0,
  lapsed: 0,
  expired: 0,
  dropped: 0,
};

test("queue metrics: after deliveries and answers: every number is the queue's own", async () => {
  const registry = new Registry();
  const engine = await openEngine({ path });
  watchQueues(registry, engine.services);
  const { queues } = engine.services;
  await queues.put("mail", {});
  await queues.put("idle", {});
  await fill(engine, "mail", 10);
  const [first, second, third, fourth] = await receive(engine, "mail", 6);
  if (!first || !second || !third || !fourth) throw new Error("too few messages");
  await queues.settle("mail", [
    { kind: "ack", receipt: first },
    { kind: "ack", receipt: second },
    { kind: "nack", receipt: third, delayMs: 600_000, reason: "later" },
    { kind: "reject", receipt: fourth, reason: "never" },
  ]);
  const { oldest_age_seconds: age, bytes, dead, ...exact } = await scrape(registry, "mail");
  expect(exact).toEqual({
    depth: 7,
    in_flight: 2,
    delayed: 1,
    delivered_total: 6,
    acked_total: 2,
    // A reject is a nack for good.
    nacked_total: 2,
    lapsed_total: 0,
    expired_total: 0,
    dropped_total: 0,
  });
  expect(age).toBeGreaterThanOrEqual(60);
  expect(bytes).toBeGreaterThan(0);
  // A dead letter is on its way for a moment.
  await expect.poll(async () => (await scrape(registry, "mail"))["dead"]).toBe(1);
  expect(dead).toBeLessThanOrEqual(1);
  const idle = await scrape(registry, "idle");
  expect(new Set(Object.values(idle))).toEqual(new Set([0]));
  await engine.close();
});

test("queue metrics: a queue is deleted: its numbers are gone at the next scrape", async () => {
  const registry = new Registry();
  const engine = await openEngine({ path });
  watchQueues(registry, engine.services);
  await engine.services.queues.put("gone", {});
  expect(await scrape(registry, "gone")).toMatchObject({ depth: 0 });
  await engine.services.queues.delete("gone");
  expect(await scrape(registry, "gone")).toEqual({});
  expect(await registry.metrics()).toMatch(/^varve_queues 0$/m);
  await engine.close();
});

test("queue metrics: one queue cannot be read: the others are shown and it is counted", async () => {
  const registry = new Registry();
  watchQueues(registry, emptyQueues(["a", "b", "c"], ["b"]));
  expect(await scrape(registry, "a")).toMatchObject({ depth: 7, delivered_total: 3 });
  expect(await scrape(registry, "c")).toMatchObject({ depth: 7, delivered_total: 3 });
  expect(await scrape(registry, "b")).toEqual({});
  const text = await registry.metrics();
  expect(text).toMatch(/^varve_queues 3$/m);
  expect(text).toMatch(/^varve_queues_unread 1$/m);
  expect(text).not.toContain("a share group");
});

test("queue metrics: very many queues: a scrape stays bounded and says how many it leaves out", async () => {
  const registry = new Registry();
  const names = Array.from({ length: 620 }, (_, index) => `q${String(index).padStart(3, "0")}`);
  watchQueues(registry, emptyQueues(names));
  const text = await registry.metrics();
  expect(text.match(/^varve_queue_depth\{/gm)).toHaveLength(500);
  expect(text).toMatch(/^varve_queues_unread 120$/m);
});

test("queue metrics: one scrape of many numbers: each queue is read once", async () => {
  const registry = new Registry();
  const source = emptyQueues(["a"]);
  const asked: string[] = [];
  const queues = {
    ...source.queues,
    describe: (queue: string) => {
      asked.push(queue);
      return source.queues.describe(queue);
    },
  };
  watchQueues(registry, { ...source, queues });
  await registry.metrics();
  expect(asked).toEqual(["a"]);
  await registry.metrics();
  expect(asked).toEqual(["a", "a"]);
});

test("queue metrics: scraped twice: counters are set, not added up", async () => {
  const registry = new Registry();
  watchQueues(registry, emptyQueues(["a"]));
  await registry.metrics();
  expect(await scrape(registry, "a")).toMatchObject({ depth: 7, delivered_total: 3 });
});

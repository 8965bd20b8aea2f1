import { describe, expect, test } from "vitest";
import { batchOf } from "../support/batches.ts";
import { openTestEngine, outcomeOf } from "../support/engines.ts";
import { FakeClock, settle } from "../support/fake-clock.ts";
import { QueueEngine } from "../support/queue-engine.ts";

describe("queues over an engine: topics", () => {
  test("a new queue has topics that keep what is not settled", async () => {
    const queue = await QueueEngine.open({ partitions: 3 });
    await queue.queues.put("jobs", {});
    const { topics } = queue.engine.services;
    for (const name of ["jobs", "jobs.dead", "q.dead"]) {
      const { configs } = await topics.describe(name);
      expect(configs.find((each) => each.name === "retention.ms")?.value).toBe("-1");
    }
    expect(topics.lookup("q.dead")?.partitionCount).toBe(3);
  });

  test("settings are what they were, over every kind of restart", async () => {
    const queue = await QueueEngine.open({ settings: { leaseMs: 5000, maxDepth: 7 } });
    const { settings } = await queue.queues.put("q", { maxDepth: null, rate: 3 });
    for (const how of ["stop", "kill", "crash"] as const) {
      await queue.reopen(how);
      expect(queue.queues.lookup("q")).toEqual(settings);
    }
    expect(settings).toMatchObject({ leaseMs: 5000, maxDepth: null, rate: 3 });
  });

  test("partitions that a topic gets later are part of the queue", async () => {
    const queue = await QueueEngine.open();
    await queue.engine.services.topics.createPartitions("q", 2);
    await queue.send(["a"], 1);
    expect(await queue.counts()).toMatchObject({ depth: 1 });
    expect(await queue.values()).toEqual(["a"]);
  });

  test("its topic was deleted and made again: the queue begins anew, and wakes who waits", async () => {
    const queue = await QueueEngine.open();
    await queue.send(["a", "b"]);
    await queue.ack(await queue.receive({ max: 1 }));
    await queue.engine.services.topics.delete("q");
    await queue.queues.put("q", {});
    const waiting = queue.values({ waitMs: 60_000 });
    await settle();
    await queue.send(["new"]);
    expect(await waiting).toEqual(["new"]);
    expect(await queue.counts()).toMatchObject({ depth: 1, acked: 1 });
  });
});

describe("queues over an engine: messages", () => {
  test("of a transaction: they come when it is committed; those that were aborted never", async () => {
    const queue = await QueueEngine.open();
    const { data, transactions } = queue.engine.services;
    const transactionalId = "t";
    const nobody = { transactionTimeoutMs: 60_000, producerId: -1, producerEpoch: -1 };
    for (const outcome of ["abort", "commit"] as const) {
      const identity = await transactions.initProducerId({ transactionalId, ...nobody });
      const producer = { transactionalId, ...identity };
      await transactions.addPartitions(producer, [{ topic: "q", partition: 0 }]);
      const batch = batchOf([{ value: outcome }], {
        producer: { ...identity, baseSequence: 0 },
        isTransactional: true,
      });
      const place = { topic: "q", partition: 0, batches: [batch], expectedEndOffset: null };
      const request = { acks: -1, transactionalId, partitions: [place] } as const;
      expect((await data.produce(request))[0]?.error).toBeNull();
      const waiting = queue.values({ waitMs: 1000 });
      await settle();
      await transactions.end(producer, outcome);
      await queue.pass(1000);
      expect(await waiting).toEqual(outcome === "commit" ? ["commit"] : []);
    }
    expect(await queue.counts()).toMatchObject({ depth: 1, inFlight: 1 });
  });

  test("what was answered holds though the machine stops, and leases go on", async () => {
    const queue = await QueueEngine.open();
    await queue.send(["a", "b", "c"]);
    const messages = await queue.receive({ max: 2, leaseMs: 60_000 });
    await queue.ack(messages.slice(0, 1));
    await queue.reopen("crash");
    expect(await queue.values({ leaseMs: 120_000 })).toEqual(["c"]);
    await queue.pass(59_999);
    expect(await queue.values()).toEqual([]);
    await queue.pass(1);
    expect(await queue.values()).toEqual(["b"]);
  });
});

describe("queues over an engine: gone", () => {
  test("while its records leave, while one reads and one waits: nothing of it comes back", async () => {
    const queue = await QueueEngine.open();
    await queue.send(["a", "b"]);
    await queue.reject(await queue.receive({ max: 1 }));
    const reading = outcomeOf(queue.receive({ max: 1 }));
    const waiting = outcomeOf(queue.receive({ waitMs: 60_000 }));
    await queue.queues.delete("q");
    await queue.pass(5000);
    expect(await reading).toMatch(/ok|GROUP_ID_NOT_FOUND/);
    expect(await waiting).toBe("GROUP_ID_NOT_FOUND");
    expect(await queue.shares.list()).toEqual([]);
    await queue.reopen("kill");
    expect(await queue.shares.list()).toEqual([]);
  });

  test("another whose name begins alike goes on, and is woken", async () => {
    const queue = await QueueEngine.open();
    await queue.queues.put("q too", { topic: "other", deadLetterTopic: "other.dead" });
    const waiting = queue.values({ queue: "q too", waitMs: 60_000 });
    await settle();
    await queue.queues.delete("q");
    await queue.sendTo({ topic: "other", partition: 0 }, ["a"]);
    expect(await waiting).toEqual(["a"]);
  });
});

describe("queues over an engine: what cannot be read", () => {
  // Its log cannot be opened.
  async function damage(queue: QueueEngine): Promise<void> {
    queue.disk = queue.disk.kill();
    queue.disk.plan({ kind: "open", path: /q-0\/.*log$/, effect: "fail", times: 1000 });
    queue.clock = new FakeClock(queue.clock.nowMs());
    const { disk, clock } = queue;
    queue.engine = (await openTestEngine({ disk, clock })).engine;
    expect((await queue.engine.services.health()).problems.join()).toMatch(/q-0/);
  }

  test("who waits at a damaged partition waits to the end, and the loop turns meanwhile", async () => {
    const queue = await QueueEngine.open();
    await queue.send(["lost"]);
    await queue.queues.delete("q");
    await damage(queue);
    await queue.queues.put("q", {});
    const waiting = queue.values({ waitMs: 5000 });
    await queue.pass(5000);
    expect(await waiting).toEqual([]);
  });

  test("the other partitions are delivered, and the queue can be deleted", async () => {
    const queue = await QueueEngine.open({ partitions: 2 });
    await queue.send(["lost"], 0);
    await queue.send(["good"], 1);
    await damage(queue);
    expect(await queue.values()).toEqual(["good"]);
    await queue.queues.delete("q");
    expect(queue.queues.lookup("q")).toBeNull();
  });
});

import { describe, expect, test } from "vitest";
import { messageHeaders } from "../../src/services.ts";
import { QueueEngine } from "../support/queue-engine.ts";
import { QueueWorld } from "../support/queue-world.ts";
import { fullnessOf, queuePartitions } from "../../src/queue/counts.ts";

const until = (atMs: number) => [{ key: messageHeaders.deliverAt, value: String(atMs) }];

describe("counts", () => {
  test("an empty queue holds nothing and has no oldest record", async () => {
    const queue = await QueueEngine.open();
    expect(await queue.counts()).toEqual({
      depth: 0,
      bytes: 0,
      inFlight: 0,
      delayed: 0,
      dead: 0,
      oldestAgeMs: null,
      delivered: 0,
      acked: 0,
      nacked: 0,
      lapsed: 0,
      expired: 0,
      dropped: 0,
    });
  });

  test("records are counted before anybody received one, over all partitions", async () => {
    const queue = await QueueEngine.open({ partitions: 2 });
    const headers = until(queue.clock.nowMs() + 5000);
    await queue.send(["a", "b"], 0);
    await queue.send([{ value: "c", headers }], 1);
    const { depth, delayed, inFlight, bytes } = await queue.counts();
    expect({ depth, delayed, inFlight }).toEqual({ depth: 3, delayed: 1, inFlight: 0 });
    expect(bytes).toBeGreaterThan(3);
  });

  test("what is held is in flight, what is settled is gone, and both are remembered", async () => {
    const queue = await QueueEngine.open({ settings: { leaseMs: 1000 } });
    await queue.send(["a", "b", "c", "d"]);
    const [a, b, c] = await queue.receive({ max: 3 });
    if (a === undefined || b === undefined || c === undefined) throw new Error("too few");
    expect(await queue.counts()).toMatchObject({ depth: 4, inFlight: 3, delivered: 3 });
    await queue.ack([a]);
    await queue.nack([b], 500);
    const after = { depth: 3, inFlight: 1, delayed: 1, acked: 1, nacked: 1, lapsed: 0 };
    expect(await queue.counts()).toMatchObject(after);
    await queue.pass(1000);
    expect(await queue.counts()).toMatchObject({ depth: 3, inFlight: 0, delayed: 0, lapsed: 1 });
  });

  test("counts of the past survive a restart", async () => {
    const queue = await QueueEngine.open();
    await queue.send(["a", "b", "c"]);
    await queue.ack(await queue.receive({ max: 2 }));
    const before = await queue.counts();
    for (const how of ["stop", "kill", "crash"] as const) {
      await queue.reopen(how);
      expect(await queue.counts()).toEqual(before);
    }
    expect(before).toMatchObject({ delivered: 2, acked: 2, depth: 1 });
  });

  test("dead letters count apart, and no more when they were put back", async () => {
    const queue = await QueueEngine.open();
    await queue.send(["a", "b"]);
    await queue.reject(await queue.receive());
    await queue.pass(0);
    expect(await queue.counts()).toMatchObject({ depth: 0, bytes: 0, dead: 2, nacked: 2 });
    await queue.queues.redrive("q", { max: 1, offsets: null });
    expect(await queue.counts()).toMatchObject({ depth: 1, dead: 1 });
  });

  test("the age is that of the oldest record that is not settled", async () => {
    const queue = await QueueEngine.open({ partitions: 2 });
    await queue.send(["a"], 1);
    await queue.pass(300);
    await queue.send(["b"], 0);
    await queue.pass(200);
    expect((await queue.counts()).oldestAgeMs).toBe(500);
    const messages = await queue.receive();
    await queue.ack(messages.filter(({ value }) => value === "a"));
    expect((await queue.counts()).oldestAgeMs).toBe(200);
    await queue.ack(messages.filter(({ value }) => value === "b"));
    expect((await queue.counts()).oldestAgeMs).toBeNull();
  });

  test("letters of an earlier dead-letter topic are no messages", async () => {
    const queue = await QueueEngine.open();
    await queue.send(["a", "b"]);
    await queue.reject(await queue.receive({ max: 1 }));
    await queue.pass(0);
    await queue.queues.put("q", { deadLetterTopic: "other" });
    await queue.pass(1000);
    expect(await queue.counts()).toMatchObject({ depth: 1, dead: 0 });
  });

  test("fullness: what no scan has seen counts by offset", async () => {
    const options = { seed: 1, partitions: 2, settings: {}, snapshotGrowthBytes: 1 << 20 };
    const world = await QueueWorld.open(options);
    const group = world.shares.need("q");
    expect(queuePartitions(group).map(({ topic }) => topic)).toEqual(["q", "q"]);
    expect(fullnessOf(world.shares, group)).toEqual({ depth: 0, bytes: 0 });
    await world.produce(0, [{ value: "a" }, { value: "b" }]);
    expect(fullnessOf(world.shares, group).depth).toBe(2);
    await world.receive(1);
    const seen = fullnessOf(world.shares, group);
    expect(seen.depth).toBe(2);
    await world.produce(0, [{ value: "c" }, { value: "d" }]);
    // As large as those that are known, on average.
    expect(fullnessOf(world.shares, group)).toEqual({ depth: 4, bytes: 2 * seen.bytes });
  });
});

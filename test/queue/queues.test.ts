import { describe, expect, test } from "vitest";
import { LogError } from "../../src/base/error.ts";
import type { SettleAnswer } from "../../src/services.ts";
import { codeOf } from "../support/group-world.ts";
import { ShareWorld, valuesOf } from "../support/share-processes.ts";

const ask = { max: 10, maxBytes: 1 << 20, waitMs: 0, leaseMs: null, signal: null };

describe("queues: made and changed", () => {
  test("made: with its topics, at the start of what is there; made again it is the same", async () => {
    const world = await ShareWorld.open();
    await world.topic("q", 2);
    await world.appendEach("q", ["a"], 1);
    const made = await world.queues.put("q", { leaseMs: 7 });
    expect(made).toMatchObject({
      queue: "q",
      isNew: true,
      settings: { topic: "q", deadLetterTopic: "q.dead", leaseMs: 7, from: "earliest" },
      counts: { depth: 1 },
    });
    expect(Object.keys(made.settings)).not.toContain("isolation");
    expect(world.source.topic("q.dead")?.partitionCount).toBe(2);
    expect(await world.queues.put("q", { rate: 5 })).toMatchObject({
      isNew: false,
      settings: { leaseMs: 7, rate: 5 },
    });
    expect(valuesOf(await world.receive())).toEqual(["a"]);
  });

  test("from latest: what came before is none of it, what comes right after is", async () => {
    const world = await ShareWorld.open();
    await world.topic("q");
    await world.appendEach("q", ["before"]);
    await world.queues.put("q", { from: "latest" });
    await world.appendEach("q", ["after"]);
    expect(valuesOf(await world.receive())).toEqual(["after"]);
  });

  test("topics of other names; two queues over one topic each have all of it", async () => {
    const world = await ShareWorld.open();
    await world.topic("t");
    await world.queues.put("q", { topic: "t", deadLetterTopic: "d" });
    await world.queues.put("p", { topic: "t", deadLetterTopic: "d" });
    await world.appendEach("t", ["a"]);
    expect(valuesOf(await world.receive())).toEqual(["a"]);
    const { ranges, release } = await world.queues.receive({ queue: "p", ...ask });
    expect(ranges).toMatchObject([{ topic: "t", firstOffset: 0, deliveries: 1 }]);
    release();
    expect(world.source.topic("q.dead")).toBeNull();
  });

  test("refused: what makes no sense, what cannot be changed, a consumer group's name", async () => {
    const world = await ShareWorld.open();
    await world.queue();
    const put = (queue: string, settings: object): Promise<string> =>
      codeOf(world.queues.put(queue, settings));
    expect(await put("q", { leaseMs: -1 })).toBe("INVALID_CONFIG");
    expect(await put("q", { topic: "other" })).toBe("INVALID_CONFIG");
    expect(await put("q", { from: "latest" })).toBe("INVALID_CONFIG");
    expect(await put("q", { topic: "q", from: "earliest" })).toBe("ok");
    expect(await put("p", { topic: "x", deadLetterTopic: "x" })).toBe("INVALID_CONFIG");
    expect(await put("consumers", {})).toBe("GROUP_ID_NOT_FOUND");
    expect(world.source.topic("x")).toBeNull();
  });

  test("listed by name, share groups of Kafka's clients left out; kept over a restart", async () => {
    const world = await ShareWorld.open();
    await world.group("kafka");
    for (const name of ["b", "a"]) await world.queues.put(name, { maxDepth: 3 });
    await world.die();
    const listed = await world.queues.list();
    expect(listed.map(({ queue }) => queue)).toEqual(["a", "b"]);
    expect(world.queues.lookup("a")).toMatchObject({ topic: "a", maxDepth: 3 });
    expect([world.queues.lookup("kafka"), world.queues.lookup("none")]).toEqual([null, null]);
  });
});

describe("queues: used", () => {
  test("a queue that is not there, or is none: QUEUE_NOT_FOUND", async () => {
    const world = await ShareWorld.open();
    await world.group("kafka");
    const missing = "QUEUE_NOT_FOUND";
    for (const queue of ["none", "kafka"]) {
      expect(await codeOf(world.queues.describe(queue))).toBe(missing);
      expect(await codeOf(world.queues.delete(queue))).toBe(missing);
      const receive = async () => world.queues.receive({ queue, ...ask });
      expect(await codeOf(receive())).toBe(missing);
      const settle = async () => world.queues.settle(queue, []);
      expect(await codeOf(settle())).toBe(missing);
      const admit = async () => world.queues.admit({ queue, records: 1, bytes: 1, dedupIds: [] });
      expect(await codeOf(admit())).toBe(missing);
    }
  });

  test("received, answered in every way, and the answers are durable", async () => {
    const world = await ShareWorld.open();
    await world.queue({ leaseMs: 60_000 });
    await world.appendEach("q", ["acked", "nacked", "rejected", "extended", "lapsed"]);
    const [acked, nacked, rejected, extended] = await world.receive();
    if (!acked || !nacked || !rejected || !extended) throw new Error("too few");
    const answers: readonly SettleAnswer[] = [
      { kind: "ack", receipt: acked },
      { kind: "nack", receipt: nacked, delayMs: 1000, reason: "later" },
      { kind: "reject", receipt: rejected, reason: "never" },
      { kind: "extend", receipt: extended, leaseMs: 120_000 },
      { kind: "ack", receipt: acked },
    ];
    expect(await world.queues.settle("q", answers)).toEqual([
      null,
      null,
      null,
      null,
      "INVALID_RECORD_STATE",
    ]);
    await world.die();
    await world.clock.run(60_000);
    expect(valuesOf(await world.receive())).toEqual(["nacked", "lapsed"]);
    await world.clock.run(60_000);
    expect(valuesOf(await world.receive())).toContain("extended");
    expect((await world.read("q.dead")).map(({ value }) => value)).toEqual(["rejected"]);
  });

  test("received with answers for earlier ones: both, with one sync; it does not wait", async () => {
    const world = await ShareWorld.open();
    await world.queue();
    await world.appendEach("q", ["a", "b"]);
    const [first] = await world.receive(1);
    if (first === undefined) throw new Error("nothing was received");
    const answers: readonly SettleAnswer[] = [{ kind: "ack", receipt: first }];
    const { ranges, settled, release } = await world.queues.receive({
      queue: "q",
      ...ask,
      answers,
    });
    release();
    expect([ranges.map(({ firstOffset }) => firstOffset), settled]).toEqual([[1], [null]]);
    const again = await world.queues.receive({ queue: "q", ...ask, waitMs: 60_000, answers });
    expect([again.ranges, again.settled]).toEqual([[], ["INVALID_RECORD_STATE"]]);
    await world.die();
    expect((await world.queues.describe("q")).counts).toMatchObject({ acked: 1, inFlight: 1 });
  });

  test("answers hold though nothing can be read", async () => {
    const world = await ShareWorld.open();
    await world.queue();
    await world.appendEach("q", ["a", "b"]);
    const [first] = await world.receive(1);
    if (first === undefined) throw new Error("nothing was received");
    world.source.beforeFetch = () => {
      throw new LogError("KAFKA_STORAGE_ERROR", "the disk is gone");
    };
    const answers: readonly SettleAnswer[] = [{ kind: "ack", receipt: first }];
    const { ranges, settled } = await world.queues.receive({ queue: "q", ...ask, answers });
    expect([ranges, settled]).toEqual([[], [null]]);
    world.source.beforeFetch = null;
    expect(valuesOf(await world.receive())).toEqual(["b"]);
  });

  test("a lease of one's own length", async () => {
    const world = await ShareWorld.open();
    await world.queue({ leaseMs: 60_000 });
    await world.appendEach("q", ["a"]);
    const { release } = await world.queues.receive({ queue: "q", ...ask, leaseMs: 100 });
    release();
    await world.clock.run(100);
    expect((await world.receive()).map(({ deliveries }) => deliveries)).toEqual([2]);
  });
});

describe("queues: deleted", () => {
  test("state and hold go, the topic stays; made anew it begins anew, and old receipts are void", async () => {
    const world = await ShareWorld.open();
    await world.queue();
    await world.appendEach("q", ["a"]);
    const [receipt] = await world.receive();
    if (receipt === undefined) throw new Error("nothing was received");
    await world.clock.run(600);
    expect([...world.source.holds]).toEqual([
      ["q-0 queue q", 0],
      ["q.dead-0 queue q", 0],
    ]);
    await world.queues.delete("q");
    expect([...world.source.holds]).toEqual([]);
    expect(await codeOf(world.queues.describe("q"))).toBe("QUEUE_NOT_FOUND");
    await world.queues.put("q", {});
    expect(await world.queues.settle("q", [{ kind: "ack", receipt }])).toEqual([
      "INVALID_RECORD_STATE",
    ]);
    expect(await world.receive()).toMatchObject([{ value: "a", deliveries: 1 }]);
  });

  test("as a share group: its hold goes as well", async () => {
    const world = await ShareWorld.open();
    await world.queue();
    await world.clock.run(600);
    expect(world.source.holds.size).toBe(2);
    await world.groups.delete("q");
    await world.clock.run(600);
    expect(world.source.holds.size).toBe(0);
  });

  test("whoever waits for its records is told", async () => {
    const world = await ShareWorld.open();
    await world.queue();
    const waiting = codeOf(world.receive(1, 60_000));
    await world.settle();
    await world.queues.delete("q");
    expect(["QUEUE_NOT_FOUND", "GROUP_ID_NOT_FOUND"]).toContain(await waiting);
  });
});

test("what is appended while room is made: room is made for it too", async () => {
  const world = await ShareWorld.open();
  await world.queue({ overflow: "drop-oldest", maxDepth: 1 });
  await world.appendEach("q", ["a", "b", "c"]);
  world.log.autoSync = false;
  world.clock.advance(500);
  await world.settle();
  await world.appendEach("q", ["d", "e"]);
  await world.settle();
  world.log.autoSync = true;
  world.log.sync();
  await world.settle();
  await world.clock.run(2000);
  expect(valuesOf(await world.receive())).toEqual(["e"]);
});

import { describe, expect, test } from "vitest";
import { outcomeOf, readAll } from "../support/engines.ts";
import type { QueueServices } from "../../src/services.ts";
import { deadLetterHeaders, messageHeaders } from "../../src/services.ts";
import { recordsOf } from "../support/batches.ts";
import { QueueEngine } from "../support/queue-engine.ts";

type Listed = Awaited<ReturnType<QueueServices["dead"]>>;

// One page of letters, its bytes copied out.
async function page(
  queue: QueueEngine,
  differing: Partial<Parameters<QueueServices["dead"]>[1]> = {},
): Promise<{ readonly values: readonly string[]; readonly next: Listed["next"] }> {
  const request = { from: [], maxRecords: 100, maxBytes: 1 << 20, ...differing };
  const { ranges, next, release } = await queue.queues.dead("q", request);
  const values = ranges.flatMap(({ batches, firstOffset, lastOffset }) =>
    recordsOf(batches)
      .filter(({ offset }) => offset >= firstOffset && offset <= lastOffset)
      .map(({ value }) => value ?? ""),
  );
  release();
  return { values, next };
}

// A queue whose messages have all died.
async function withLetters(values: readonly string[], partitions = 1): Promise<QueueEngine> {
  const queue = await QueueEngine.open({ partitions });
  for (const [index, value] of values.entries()) await queue.send([value], index % partitions);
  await queue.reject(await queue.receive());
  return queue;
}

describe("dead letters: listed", () => {
  test("with where they lie, their deliveries and their story", async () => {
    const queue = await withLetters(["a"]);
    const request = { from: [], maxRecords: 1, maxBytes: 1 };
    const { ranges, release } = await queue.queues.dead("q", request);
    expect(ranges).toMatchObject([
      { topic: "q.dead", partition: 0, firstOffset: 0, lastOffset: 0 },
    ]);
    const [record] = recordsOf(ranges[0]?.batches ?? new Uint8Array(0));
    release();
    const told = Object.fromEntries((record?.headers ?? []).map(({ key, value }) => [key, value]));
    expect(told).toMatchObject({
      [deadLetterHeaders.queue]: "q",
      [deadLetterHeaders.topic]: "q",
      [deadLetterHeaders.offset]: "0",
      [deadLetterHeaders.deliveries]: "1",
      [deadLetterHeaders.reason]: "bad",
      [deadLetterHeaders.at]: String(queue.clock.nowMs()),
    });
  });

  test("what has just died is there without waiting", async () => {
    const queue = await withLetters(["a", "b"]);
    expect((await page(queue)).values).toEqual(["a", "b"]);
  });

  test("page by page over all partitions: each once, in order of partition and offset", async () => {
    const queue = await withLetters(["a", "b", "c", "d", "e", "f", "g"], 2);
    const seen: string[] = [];
    let from: Listed["next"] = [];
    for (let pages = 0; pages < 10; pages++) {
      const { values, next } = await page(queue, { from, maxRecords: 2 });
      expect(values.length).toBeLessThanOrEqual(2);
      if (values.length === 0) break;
      seen.push(...values);
      from = next;
    }
    expect([...seen].sort()).toEqual(["a", "b", "c", "d", "e", "f", "g"]);
    expect((await page(queue, { from })).values).toEqual([]);
  });

  test("where the bytes run out the next page goes on", async () => {
    const queue = await QueueEngine.open();
    // Two records of this size do not fit one move, so each letter is a batch of its own.
    const large = ["a", "b", "c"].map((letter) => letter.repeat(400_000));
    for (const value of large) await queue.send([value]);
    await queue.reject(await queue.receive({ maxBytes: 1 << 24 }));
    const seen: (string | undefined)[] = [];
    let from: Listed["next"] = [];
    for (let pages = 0; pages < 3; pages++) {
      const { values, next } = await page(queue, { from, maxBytes: 500_000 });
      seen.push(...values.map((value) => value[0]));
      from = next;
    }
    expect([...new Set(seen)]).toEqual(["a", "b", "c"]);
    expect(seen).toHaveLength(3);
  });

  test("letters of other queues in the same topic are none of this one's", async () => {
    const queue = await withLetters(["a"]);
    await queue.queues.put("other", { deadLetterTopic: "q.dead" });
    await queue.sendTo({ topic: "other", partition: 0 }, ["x"]);
    const messages = await queue.receive({ queue: "other" });
    const answers = messages.map((receipt) => ({ kind: "reject", receipt, reason: "r" }) as const);
    await queue.queues.settle("other", answers);
    await queue.pass(0);
    expect(await readAll(queue.engine, "q.dead")).toHaveLength(2);
    expect((await page(queue)).values).toEqual(["a"]);
    expect(await queue.counts()).toMatchObject({ dead: 1 });
    expect(await queue.queues.redrive("q", { max: 100, offsets: null })).toBe(1);
  });
});

describe("dead letters: put back", () => {
  test("they are messages again, delivered as if for the first time, and no letters", async () => {
    const queue = await withLetters(["a", "b"]);
    expect(await queue.queues.redrive("q", { max: 100, offsets: null })).toBe(2);
    expect((await page(queue)).values).toEqual([]);
    const messages = await queue.receive();
    expect(messages.map(({ value, deliveries }) => [value, deliveries])).toEqual([
      ["a", 1],
      ["b", 1],
    ]);
    expect(await queue.counts()).toMatchObject({ depth: 2, dead: 0 });
  });

  test("at most so many, the oldest first", async () => {
    const queue = await withLetters(["a", "b", "c"]);
    expect(await queue.queues.redrive("q", { max: 2, offsets: null })).toBe(2);
    expect((await page(queue)).values).toEqual(["c"]);
    expect(await queue.values()).toEqual(["a", "b"]);
    expect(await queue.queues.redrive("q", { max: 2, offsets: null })).toBe(1);
    expect(await queue.queues.redrive("q", { max: 2, offsets: null })).toBe(0);
  });

  test("at most so many over all partitions", async () => {
    const queue = await withLetters(["a", "b", "c", "d"], 2);
    expect(await queue.queues.redrive("q", { max: 3, offsets: null })).toBe(3);
    expect((await page(queue)).values).toHaveLength(1);
    expect(await queue.values()).toHaveLength(3);
  });

  test("those that are named, each once however often it is named", async () => {
    const queue = await withLetters(["a", "b", "c"]);
    const offsets = [2, 0, 2, 77].map((offset) => ({ partition: 0, offset }));
    expect(await queue.queues.redrive("q", { max: 100, offsets })).toBe(2);
    expect((await page(queue)).values).toEqual(["b"]);
    expect(await queue.queues.redrive("q", { max: 100, offsets })).toBe(0);
    expect([...(await queue.values())].sort()).toEqual(["a", "c"]);
  });

  test("to the partitions they came from", async () => {
    const queue = await withLetters(["a", "b", "c"], 3);
    await queue.queues.redrive("q", { max: 100, offsets: null });
    const placed = (await queue.receive()).map(({ value, partition }) => `${value} ${partition}`);
    expect(placed.sort()).toEqual(["a 0", "b 1", "c 2"]);
  });

  test("what they once waited for holds them back no more; headers of their own stay", async () => {
    const queue = await QueueEngine.open();
    const expiresAt = String(queue.clock.nowMs() + 100);
    const headers = [
      { key: messageHeaders.expiresAt, value: expiresAt },
      { key: "own", value: "1" },
    ];
    await queue.send([{ value: "a", headers }]);
    await queue.pass(1000);
    await queue.queues.redrive("q", { max: 1, offsets: null });
    expect(await queue.values()).toEqual(["a"]);
    const [, record] = await readAll(queue.engine, "q");
    expect(record?.headers).toEqual([
      { key: "own", value: "1" },
      { key: messageHeaders.forQueue, value: "q" },
    ]);
  });

  test("another queue on the topic does not get what is put back", async () => {
    const queue = await withLetters(["a"]);
    await queue.queues.put("other", { topic: "q", from: "latest" });
    await queue.queues.redrive("q", { max: 1, offsets: null });
    const { depth } = (await queue.queues.describe("other")).counts;
    expect([depth, await queue.values()]).toEqual([0, ["a"]]);
  });

  test("two at once: each letter once", async () => {
    const queue = await withLetters(["a", "b", "c"]);
    const redrive = () => queue.queues.redrive("q", { max: 100, offsets: null });
    const counts = await Promise.all([redrive(), redrive()]);
    expect(counts.reduce((sum, count) => sum + count, 0)).toBe(3);
    expect(await queue.values()).toEqual(["a", "b", "c"]);
  });

  test.each(["halt-before", "halt-after"] as const)(
    "the machine stops in the middle (%s any write or sync): each letter once",
    async (effect) => {
      let stops = 0;
      for (let nth = 1; nth < 50; nth++) {
        const queue = await withLetters(["a", "b", "c"], 2);
        await page(queue);
        const kind = ["write", "sync"] as const;
        const fault = queue.disk.plan({ kind, path: /__share_group_state|q-/, nth, effect });
        await outcomeOf(queue.queues.redrive("q", { max: 100, offsets: null }));
        if (fault.hits === 0) break;
        stops++;
        await queue.reopen("crash");
        await queue.pass(2000);
        await queue.queues.redrive("q", { max: 100, offsets: null });
        expect([...(await queue.values())].sort()).toEqual(["a", "b", "c"]);
        expect((await page(queue)).values).toEqual([]);
      }
      // At least a plan, an append and an end in each of two partitions.
      expect(stops).toBeGreaterThan(5);
    },
  );

  test("a topic that takes less at a time than has died is no hindrance, there and back", async () => {
    const queue = await QueueEngine.open({ configs: { "max.message.bytes": "2000" } });
    await queue.engine.services.topics.alterConfigs("q.dead", { "max.message.bytes": "3000" });
    const values = Array.from({ length: 8 }, (_, index) => `${index}`.repeat(900));
    for (const value of values) await queue.send([value]);
    await queue.reject(await queue.receive());
    await queue.pass(10_000);
    expect((await page(queue)).values).toEqual(values);
    expect(await queue.queues.redrive("q", { max: 100, offsets: null })).toBe(8);
    expect(await queue.values()).toEqual(values);
  });
});

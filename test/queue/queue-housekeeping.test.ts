import { describe, expect, test } from "vitest";
import { deadLetterHeaders, messageHeaders } from "../../src/services.ts";
import { createTopic } from "../support/engines.ts";
import { QueueEngine } from "../support/queue-engine.ts";

// Segments of one large record each, the old ones removed as soon as retention looks.
const greedy = { "segment.bytes": "1024", "retention.bytes": "0" };
const large = (letter: string): string => letter.repeat(700);

async function logStart(queue: QueueEngine, topic = "q"): Promise<number | undefined> {
  await queue.engine.applyRetention();
  const place = { topic, partition: 0, timestampMs: -2 };
  return (await queue.engine.services.data.listOffsets([place]))[0]?.offset;
}

const reasonsOf = (letters: Awaited<ReturnType<QueueEngine["letters"]>>): readonly unknown[] =>
  letters.map(({ value, headers }) => {
    return [value, headers.find(({ key }) => key === deadLetterHeaders.reason)?.value];
  });

describe("queue housekeeping: room", () => {
  test("the oldest go that nobody holds, and no more than must", async () => {
    const queue = await QueueEngine.open({ settings: { maxDepth: 3, overflow: "drop-oldest" } });
    await queue.send(["a", "b", "c"]);
    const [held] = await queue.receive({ max: 1 });
    await queue.send(["d", "e"]);
    await queue.pass(500);
    expect(await queue.counts()).toMatchObject({ depth: 3, inFlight: 1, dropped: 2, dead: 0 });
    expect(await queue.values()).toEqual(["d", "e"]);
    expect(held?.value).toBe("a");
    expect(await queue.letters()).toEqual([]);
  });

  test("what is too much goes to the dead letters, once, however slowly it goes", async () => {
    const settings = { maxDepth: 1, overflow: "dead-letter" } as const;
    const queue = await QueueEngine.open({ settings });
    const release = queue.disk.hold({ kind: ["write", "sync"], path: /q\.dead-0/ });
    await queue.send(["a", "b", "c"]);
    await queue.pass(5000);
    release();
    expect(reasonsOf(await queue.letters())).toEqual([
      ["a", "overflow"],
      ["b", "overflow"],
    ]);
    expect(await queue.values()).toEqual(["c"]);
    expect(await queue.counts()).toMatchObject({ depth: 1, dead: 2, dropped: 0 });
  });

  test("bytes are a bound as well, and those on their way out take no room", async () => {
    const queue = await QueueEngine.open();
    await queue.send(["a", "b", "c", "d"]);
    const { bytes } = await queue.counts();
    const release = queue.disk.hold({ kind: ["write", "sync"], path: /q\.dead-0/ });
    await queue.queues.put("q", { maxBytes: bytes / 2, overflow: "dead-letter" });
    await queue.pass(500);
    await queue.send(["e"]);
    await queue.pass(5000);
    release();
    expect((await queue.letters()).map(({ value }) => value)).toEqual(["a", "b", "c"]);
    expect(await queue.values()).toEqual(["d", "e"]);
  });

  test("the fullest partition gives first", async () => {
    const settings = { maxDepth: 2, overflow: "drop-oldest" } as const;
    const queue = await QueueEngine.open({ partitions: 2, settings });
    await queue.send(["few"], 0);
    await queue.send(["a", "b", "c"], 1);
    await queue.pass(500);
    expect([...(await queue.values())].sort()).toEqual(["c", "few"]);
  });

  test("a queue that refuses producers loses nothing", async () => {
    const queue = await QueueEngine.open({ settings: { maxDepth: 1 } });
    await queue.send(["a", "b"]);
    await queue.pass(5000);
    expect(await queue.values()).toEqual(["a", "b"]);
  });

  test("letters, and records of other topics that the group reads, are no part of the queue", async () => {
    const settings = { maxDepth: 1, overflow: "drop-oldest" } as const;
    const queue = await QueueEngine.open({ settings });
    await createTopic(queue.engine, "other");
    const ask = { group: "q", memberId: "m", maxRecords: 1, maxBytes: 1000, maxWaitMs: 0 };
    const partitions = [{ topic: "other", partition: 0 }];
    const acquire = () => queue.shares.acquire({ ...ask, partitions, signal: null });
    (await acquire()).release();
    await queue.sendTo({ topic: "other", partition: 0 }, ["x", "y", "z"]);
    await queue.send(["dead"]);
    await queue.reject(await queue.receive());
    await queue.send(["a"]);
    await queue.pass(1000);
    expect(await queue.counts()).toMatchObject({ depth: 1, dead: 1, dropped: 0 });
    const [part] = (await acquire()).partitions;
    expect(part?.acquired[0]?.firstOffset).toBe(0);
  });
});

describe("queue housekeeping: time", () => {
  const expiring = (queue: QueueEngine, value: string, ms: number) => {
    const expiresAt = String(queue.clock.nowMs() + ms);
    return { value, headers: [{ key: messageHeaders.expiresAt, value: expiresAt }] };
  };

  test("nobody receives: what has expired goes to the dead letters all the same", async () => {
    const queue = await QueueEngine.open();
    await queue.send([expiring(queue, "a", 2000), "b"]);
    await queue.pass(1999);
    expect(await queue.letters()).toEqual([]);
    await queue.pass(1);
    expect(reasonsOf(await queue.letters())).toEqual([["a", "expired"]]);
    expect(await queue.counts()).toMatchObject({ depth: 1, expired: 1, dead: 1 });
  });

  test("or is dropped where the queue says so", async () => {
    const queue = await QueueEngine.open({ settings: { expired: "drop" } });
    await queue.send([expiring(queue, "a", 600), "b"]);
    await queue.pass(600);
    expect(await queue.counts()).toMatchObject({ depth: 1, expired: 1, dead: 0 });
    expect(await queue.letters()).toEqual([]);
    expect(await queue.values()).toEqual(["b"]);
  });

  test("what changes while a round is long is seen by the next", async () => {
    const queue = await QueueEngine.open({ settings: { expired: "drop" } });
    await queue.queues.put("other", { maxDepth: 1, overflow: "drop-oldest" });
    await queue.pass(5000);
    const release = queue.disk.hold({ kind: "write", path: /__share_group_state/ });
    await queue.sendTo({ topic: "other", partition: 0 }, ["a", "b"]);
    // The round waits for its change of the other queue.
    await queue.pass(500);
    await queue.send([expiring(queue, "x", 2000)]);
    await queue.pass(600);
    release();
    await queue.pass(3000);
    // Nobody asks for the numbers before: asking would look for itself.
    expect((await queue.shares.offsets("q", ["q"]))[0]).toMatchObject({ startOffset: 1, lag: 0 });
  });
});

describe("queue housekeeping: holds", () => {
  test("retention takes what is settled and nothing else", async () => {
    const queue = await QueueEngine.open({ configs: greedy });
    for (const value of ["a", "b", "c", "d"]) await queue.send([large(value)]);
    await queue.pass(500);
    expect(await logStart(queue)).toBe(0);
    const messages = await queue.receive({ max: 3 });
    await queue.ack(messages.filter(({ value }) => value !== large("b")));
    await queue.pass(500);
    expect(await logStart(queue)).toBe(1);
    await queue.ack(messages.filter(({ value }) => value === large("b")));
    await queue.pass(500);
    expect(await logStart(queue)).toBe(3);
  });

  test("dead letters are held until they are put back", async () => {
    const queue = await QueueEngine.open();
    await queue.engine.services.topics.alterConfigs("q.dead", greedy);
    await queue.send(["a"]);
    await queue.reject(await queue.receive());
    await queue.pass(500);
    expect(await logStart(queue, "q.dead")).toBe(0);
    await queue.queues.redrive("q", { max: 1, offsets: null });
    await queue.pass(500);
    expect(await logStart(queue, "q.dead")).toBe(1);
  });

  test.each(["stop", "kill"] as const)("after a start (%s) they hold at once", async (how) => {
    const queue = await QueueEngine.open({ configs: greedy });
    for (const value of ["a", "b", "c"]) await queue.send([large(value)]);
    await queue.receive({ max: 1 });
    await queue.reopen(how);
    expect(await logStart(queue)).toBe(0);
    await queue.pass(60_000);
    expect(await queue.values()).toEqual(["a", "b", "c"].map(large));
  });

  test("the first round of retention comes after them, however long the state takes to read", async () => {
    const queue = await QueueEngine.open({ configs: greedy });
    await queue.send([large("a")]);
    await queue.reopen("kill");
    const seen = queue.disk.operations.map(({ kind, path }) => `${kind} ${path}`);
    const round = seen.indexOf("freeBytes /data");
    const replay = seen.findLastIndex((each) => /^map .*__share_group_state-0.*log$/.test(each));
    expect(replay).toBeGreaterThan(0);
    expect(round).toBeGreaterThan(replay);
  });

  test("a queue that is deleted lets go, though its round is under way", async () => {
    const queue = await QueueEngine.open({ configs: greedy });
    await queue.send([large("a")]);
    await queue.pass(500);
    expect(await logStart(queue)).toBe(0);
    await queue.send([large("b")]);
    queue.clock.advance(500);
    await queue.queues.delete("q");
    await queue.pass(500);
    expect(await logStart(queue)).toBe(2);
    expect(await queue.shares.list()).toEqual([]);
  });

  test("once closed it does nothing any more", async () => {
    const queue = await QueueEngine.open();
    await queue.send(["a"]);
    await queue.engine.close();
    expect(queue.clock.timerCount).toBe(0);
  });
});

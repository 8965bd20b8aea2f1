import { describe, expect, test } from "vitest";
import { LogError } from "../../src/base/error.ts";
import type { Admission, AdmitRequest } from "../../src/services.ts";
import { messageHeaders } from "../../src/services.ts";
import { outcomeOf } from "../support/engines.ts";
import { settle } from "../support/fake-clock.ts";
import { QueueEngine } from "../support/queue-engine.ts";

const place = (offset: number) => ({ partition: 0, offset });

function admit(queue: QueueEngine, differing: Partial<AdmitRequest> = {}): Promise<Admission> {
  return queue.queues.admit({ queue: "q", records: 1, bytes: 10, dedupIds: [], ...differing });
}

// As a door sends one record.
async function send(queue: QueueEngine, id: string): Promise<number> {
  const { known, sent } = await admit(queue, { dedupIds: [id] });
  const [first = null] = known;
  if (first !== null) return first.offset;
  const headers = [{ key: messageHeaders.dedupId, value: id }];
  const offset = await queue.send([{ value: id, headers }]);
  sent([place(offset)]);
  return offset;
}

describe("admissions: room", () => {
  test("at the depth of the queue producers are refused, with facts", async () => {
    const queue = await QueueEngine.open({ settings: { maxDepth: 3 } });
    await queue.send(["a", "b"]);
    const { bytes } = await queue.counts();
    (await admit(queue)).failed();
    const error = await admit(queue, { records: 2 }).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(LogError);
    expect(error).toMatchObject({ code: "QUEUE_FULL", facts: { queue: "q", depth: 2, bytes } });
    expect((error as LogError).facts["retryAfterMs"]).toBeGreaterThan(0);
  });

  test("what is held has its place; what is settled makes room", async () => {
    const queue = await QueueEngine.open({ settings: { maxDepth: 1 } });
    await queue.send(["a"]);
    const messages = await queue.receive();
    expect(await outcomeOf(admit(queue))).toBe("QUEUE_FULL");
    await queue.ack(messages);
    expect(await outcomeOf(admit(queue))).toBe("ok");
  });

  test("the bytes of the queue are a bound of their own", async () => {
    const queue = await QueueEngine.open();
    await queue.send(["a".repeat(500)]);
    const { bytes } = await queue.counts();
    await queue.queues.put("q", { maxBytes: bytes + 100 });
    expect(await outcomeOf(admit(queue, { bytes: 101 }))).toBe("QUEUE_FULL");
    expect(await outcomeOf(admit(queue, { bytes: 100 }))).toBe("ok");
  });

  test("records and bytes that were let in have their room until they are sent or failed", async () => {
    const queue = await QueueEngine.open({ settings: { maxDepth: 2, maxBytes: 1000 } });
    const large = await admit(queue, { bytes: 600 });
    expect(await outcomeOf(admit(queue, { bytes: 600 }))).toBe("QUEUE_FULL");
    const small = await admit(queue, { bytes: 10 });
    expect(await outcomeOf(admit(queue, { bytes: 10 }))).toBe("QUEUE_FULL");
    small.failed();
    small.failed();
    (await admit(queue, { bytes: 10 })).failed();
    large.sent([]);
    expect(await outcomeOf(admit(queue, { records: 3 }))).toBe("QUEUE_FULL");
    expect(await outcomeOf(admit(queue, { bytes: 1001 }))).toBe("QUEUE_FULL");
    expect(await outcomeOf(admit(queue, { records: 2, bytes: 1000 }))).toBe("ok");
  });

  test("a queue that drops, or has no bounds, refuses nobody", async () => {
    const queue = await QueueEngine.open({ settings: { maxDepth: 1, overflow: "drop-oldest" } });
    await queue.send(["a", "b"]);
    expect(await outcomeOf(admit(queue, { records: 50 }))).toBe("ok");
    await queue.queues.put("q", { maxDepth: null, overflow: "reject" });
    expect(await outcomeOf(admit(queue, { records: 50 }))).toBe("ok");
    expect(await outcomeOf(queue.queues.admit({ queue: "none" } as AdmitRequest))).toBe(
      "QUEUE_NOT_FOUND",
    );
  });
});

describe("admissions: dedup", () => {
  test("the same id again: the place of the first record", async () => {
    const queue = await QueueEngine.open();
    await queue.send(["other"]);
    expect(await send(queue, "x")).toBe(1);
    expect(await send(queue, "x")).toBe(1);
    expect(await send(queue, "y")).toBe(2);
    expect(await queue.values()).toEqual(["other", "x", "y"]);
  });

  test("two sends of one id at the same time give one record", async () => {
    const queue = await QueueEngine.open();
    const offsets = await Promise.all(["x", "x", "y", "x"].map((id) => send(queue, id)));
    expect(new Set([offsets[0], offsets[1], offsets[3]]).size).toBe(1);
    expect([...(await queue.values())].sort()).toEqual(["x", "y"]);
  });

  test("the first fails: the second has the id, and waits no longer", async () => {
    const queue = await QueueEngine.open();
    const first = await admit(queue, { dedupIds: ["x"] });
    const second = admit(queue, { dedupIds: ["x"] });
    expect(await Promise.race([second, settle().then(() => "waiting")])).toBe("waiting");
    first.failed();
    expect((await second).known).toEqual([null]);
  });

  test("records that were not appended after all give their ids up, the others are known", async () => {
    const queue = await QueueEngine.open();
    const both = await admit(queue, { records: 2, dedupIds: ["x", "y"] });
    both.sent([null, place(0)]);
    const { known } = await admit(queue, { records: 2, dedupIds: ["x", "y"] });
    expect(known).toEqual([null, expect.objectContaining({ offset: 0 })]);
  });

  test("an id twice in one request is reserved once", async () => {
    const queue = await QueueEngine.open();
    const twice = await admit(queue, { records: 2, dedupIds: ["x", "x"] });
    expect(twice.known).toEqual([null, null]);
    twice.sent([place(4)]);
    expect((await admit(queue, { dedupIds: ["x"] })).known[0]?.offset).toBe(4);
  });

  test("requests that want the same ids in different order end", async () => {
    const queue = await QueueEngine.open();
    const wanted = [
      ["a", "b"],
      ["b", "a"],
      ["b", "c", "a"],
    ];
    const ends = wanted.map(async (dedupIds) => {
      const { known, failed } = await admit(queue, { records: dedupIds.length, dedupIds });
      failed();
      return known.length;
    });
    expect(await Promise.all(ends)).toEqual([2, 2, 3]);
  });

  test("who is refused for lack of room after a wait keeps no id", async () => {
    const queue = await QueueEngine.open({ settings: { maxDepth: 1 } });
    const first = admit(queue, { dedupIds: ["x"] });
    // It has reserved the other id by the time it waits for this one.
    const second = outcomeOf(admit(queue, { dedupIds: ["a", "x"] }));
    const { sent } = await first;
    sent([place(await queue.send(["x"]))]);
    expect(await second).toBe("QUEUE_FULL");
    await queue.ack(await queue.receive());
    const third = admit(queue, { dedupIds: ["a"] }).then(({ known }) => known);
    expect(await Promise.race([third, settle(20).then(() => "waiting")])).toEqual([null]);
  });

  test("behind the window an id is new", async () => {
    const queue = await QueueEngine.open({ settings: { dedupWindowMs: 1000 } });
    await send(queue, "x");
    await queue.pass(1000);
    expect(await send(queue, "x")).toBe(0);
    await queue.pass(1);
    expect(await send(queue, "x")).toBe(1);
  });

  test.each(["stop", "kill", "crash"] as const)(
    "after a restart (%s) the window is read from the log, no more and no less",
    async (how) => {
      const queue = await QueueEngine.open({ partitions: 2, settings: { dedupWindowMs: 1000 } });
      await send(queue, "old");
      await queue.pass(600);
      expect(await send(queue, "young")).toBe(1);
      await queue.ack(await queue.receive());
      await queue.pass(600);
      await queue.reopen(how);
      expect(await send(queue, "young")).toBe(1);
      expect(await send(queue, "old")).toBe(2);
    },
  );

  test("a queue made anew remembers what lies in its log", async () => {
    const queue = await QueueEngine.open();
    await send(queue, "x");
    await queue.queues.delete("q");
    await queue.queues.put("q", { dedupWindowMs: 1000 });
    expect(await send(queue, "x")).toBe(0);
  });
});

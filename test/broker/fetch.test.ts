import { describe, expect, test } from "vitest";
import type { FetchRequest } from "../../src/services.ts";
import { batchOf } from "../support/batches.ts";
import {
  createTopic,
  fetched,
  fetchRequest,
  openTestEngine,
  outcomeOf,
  produce,
} from "../support/engines.ts";
import { settle } from "../support/fake-clock.ts";

const value = "x".repeat(100);
const batchBytes = batchOf([{ value }]).length;

/** Partitions 0 to `count` - 1 from offset 0, with the same limit each. */
function over(count: number, maxBytes: number, request: Partial<FetchRequest> = {}): FetchRequest {
  const partitions = Array.from({ length: count }, (_, partition) => ({
    topic: "orders",
    partition,
    fetchOffset: 0,
    maxBytes,
  }));
  return fetchRequest("orders", 0, { ...request, partitions });
}

async function withRecords({ partitions, batches }: { partitions: number; batches: number }) {
  const opened = await openTestEngine();
  await createTopic(opened.engine, "orders", { partitions });
  for (let partition = 0; partition < partitions; partition++) {
    for (let batch = 0; batch < batches; batch++) {
      await produce(opened.engine, { topic: "orders", partition, values: [value] });
    }
  }
  return opened;
}

async function countsOf(engine: Parameters<typeof fetched>[0], request: FetchRequest) {
  return (await fetched(engine, request)).map((part) => part.records.length);
}

describe("fetch: byte budgets", () => {
  test("a partition's limit: whole batches within it", async () => {
    const { engine } = await withRecords({ partitions: 2, batches: 3 });
    expect(await countsOf(engine, over(2, 2 * batchBytes + 5))).toEqual([2, 2]);
  });

  test("the request's limit: shared in request order", async () => {
    const { engine } = await withRecords({ partitions: 3, batches: 3 });
    const request = over(3, 2 * batchBytes, { maxBytes: 3 * batchBytes });
    expect(await countsOf(engine, request)).toEqual([2, 1, 0]);
  });

  test("the first batch of the reply: comes however small the limits, and only it", async () => {
    const { engine } = await withRecords({ partitions: 3, batches: 2 });
    expect(await countsOf(engine, over(3, 1))).toEqual([1, 0, 0]);
    expect(await countsOf(engine, over(3, 0, { maxBytes: 0 }))).toEqual([1, 0, 0]);
  });

  test("lent bytes: counted until release, and releasing twice counts once", async () => {
    const { engine } = await withRecords({ partitions: 1, batches: 2 });
    const first = await engine.services.data.fetch(over(1, 10_000));
    const second = await engine.services.data.fetch(over(1, 10_000));
    expect(engine.gauges().lentBytes).toBe(4 * batchBytes);
    first.release();
    first.release();
    expect(engine.gauges().lentBytes).toBe(2 * batchBytes);
    second.release();
    expect(engine.gauges().lentBytes).toBe(0);
  });

  test("too much is lent out: fetches wait for a release, then are refused", async () => {
    const settings = { lentBytesMax: 1000, admissionWaitMs: 50 };
    const { engine, clock } = await openTestEngine({ settings });
    await createTopic(engine, "orders");
    await produce(engine, { topic: "orders", values: ["x".repeat(900)] });
    const request = fetchRequest("orders", 0, { maxBytes: 1000 });
    const holder = await engine.services.data.fetch(request);
    const refused = outcomeOf(engine.services.data.fetch(request));
    await clock.run(50);
    expect(await refused).toBe("SERVER_OVERLOADED");
    const patient = engine.services.data.fetch(request);
    holder.release();
    (await patient).release();
    expect(engine.gauges().lentBytes).toBe(0);
  });
});

describe("fetch: errors", () => {
  test("offsets outside the log: named, with the bounds; the end itself is empty", async () => {
    const { engine } = await withRecords({ partitions: 1, batches: 4 });
    await engine.services.topics.deleteRecords("orders", [{ partition: 0, offset: 2 }]);
    const errorAt = async (offset: number) =>
      (await fetched(engine, fetchRequest("orders", offset)))[0]?.error;
    expect(await errorAt(1)).toBe("OFFSET_BELOW_LOG_START");
    expect(await errorAt(2)).toBeNull();
    expect(await errorAt(4)).toBeNull();
    expect(await errorAt(5)).toBe("OFFSET_OUT_OF_RANGE");
    expect(await fetched(engine, fetchRequest("orders", 4))).toMatchObject([
      { records: [], highWatermark: 4, lastStableOffset: 4, logStartOffset: 2 },
    ]);
  });

  test("an unknown partition: is answered at once beside the others", async () => {
    const { engine } = await withRecords({ partitions: 1, batches: 1 });
    const request = over(2, 1000, { maxWaitMs: 60_000, minBytes: 1 << 20 });
    const parts = await fetched(engine, request);
    expect(parts.map((part) => part.error)).toEqual([null, "UNKNOWN_TOPIC_OR_PARTITION"]);
    expect(parts[0]?.records.length).toBe(1);
  });
});

describe("fetch: waiting", () => {
  /** Starts a fetch and tells whether it has been answered. */
  function started(engine: Parameters<typeof fetched>[0], request: FetchRequest) {
    const state = { isDone: false };
    const answer = fetched(engine, request).finally(() => {
      state.isDone = true;
    });
    return { state, answer };
  }

  test("nothing there: answers empty at the deadline", async () => {
    const { engine, clock } = await withRecords({ partitions: 1, batches: 0 });
    const request = over(1, 1000, { maxWaitMs: 500, minBytes: 1 });
    const { state, answer } = started(engine, request);
    await clock.run(499);
    expect(state.isDone).toBe(false);
    expect(engine.gauges().parkedFetches).toBe(1);
    await clock.run(1);
    expect((await answer)[0]?.records).toEqual([]);
    expect(engine.gauges().parkedFetches).toBe(0);
  });

  test("a record comes: answers when it is durable and not before", async () => {
    const { engine, disk } = await withRecords({ partitions: 2, batches: 0 });
    const { state, answer } = started(engine, over(2, 1000, { maxWaitMs: 500, minBytes: 1 }));
    await settle();
    const release = disk.hold({ kind: "sync", path: /orders-1/ });
    const produced = produce(engine, { topic: "orders", partition: 1, values: ["a"] });
    await settle();
    expect(state.isDone).toBe(false);
    release();
    expect((await answer).map((part) => part.records.length)).toEqual([0, 1]);
    await produced;
  });

  test("minBytes: waits for that much over all partitions", async () => {
    const { engine } = await withRecords({ partitions: 2, batches: 0 });
    const request = over(2, 10_000, { maxWaitMs: 500, minBytes: 3 * batchBytes });
    const { state, answer } = started(engine, request);
    for (const partition of [0, 1]) {
      await produce(engine, { topic: "orders", partition, values: [value] });
      await settle();
      expect(state.isDone).toBe(false);
    }
    await produce(engine, { topic: "orders", partition: 0, values: [value] });
    expect((await answer).map((part) => part.records.length)).toEqual([2, 1]);
  });

  test("minBytes while appends are under way: what they bring still counts", async () => {
    const { engine, disk } = await withRecords({ partitions: 1, batches: 0 });
    const release = disk.hold({ kind: "sync", path: /orders-0/ });
    const produced = produce(engine, { topic: "orders", values: [value] });
    await settle();
    const { answer } = started(engine, over(1, 10_000, { maxWaitMs: 500, minBytes: batchBytes }));
    await settle();
    release();
    await produced;
    expect((await answer)[0]?.records.length).toBe(1);
  });

  test("minBytes beyond what the limits let through: answers with what fits", async () => {
    const { engine } = await withRecords({ partitions: 1, batches: 3 });
    const request = over(1, 2 * batchBytes, { maxWaitMs: 60_000, minBytes: 1 << 20 });
    expect(await countsOf(engine, request)).toEqual([2]);
  });

  test("the topic is deleted: answers at once that it is unknown", async () => {
    const { engine } = await withRecords({ partitions: 1, batches: 0 });
    const { answer } = started(engine, over(1, 1000, { maxWaitMs: 60_000, minBytes: 1 }));
    await settle();
    await engine.services.topics.delete("orders");
    expect((await answer)[0]?.error).toBe("UNKNOWN_TOPIC_OR_PARTITION");
  });

  test("deleted and made anew: the old fetch does not read the new topic", async () => {
    const { engine } = await withRecords({ partitions: 1, batches: 0 });
    const { answer } = started(engine, over(1, 1000, { maxWaitMs: 60_000, minBytes: 1 }));
    await settle();
    await Promise.all([engine.services.topics.delete("orders"), createTopic(engine, "orders")]);
    expect((await answer)[0]?.error).toBe("UNKNOWN_TOPIC_OR_PARTITION");
  });

  test("the client goes: ends at once, empty, and nothing waits any more", async () => {
    const { engine, clock } = await withRecords({ partitions: 1, batches: 0 });
    const controller = new AbortController();
    const request = {
      ...over(1, 1000, { maxWaitMs: 60_000, minBytes: 1 }),
      signal: controller.signal,
    };
    const { answer } = started(engine, request);
    await settle();
    const timersBefore = clock.timerCount;
    controller.abort();
    expect((await answer)[0]?.records).toEqual([]);
    expect(engine.gauges().parkedFetches).toBe(0);
    expect(clock.timerCount).toBe(timersBefore - 1);
  });

  test("a topic of the server: readers are woken by what the server writes", async () => {
    const { engine } = await openTestEngine();
    const [end] = await engine.services.data.listOffsets([
      { topic: "__cluster_metadata", partition: 0, timestampMs: -1 },
    ]);
    const request = fetchRequest("__cluster_metadata", end?.offset ?? 0, {
      maxWaitMs: 60_000,
      minBytes: 1,
    });
    const { answer } = started(engine, request);
    await settle();
    await createTopic(engine, "orders");
    expect((await answer)[0]?.records[0]?.key).toContain('"kind":"topic"');
  });

  test("too many wait: the next is refused", async () => {
    const { engine, clock } = await openTestEngine({ settings: { parkedFetchesMax: 1 } });
    await createTopic(engine, "orders");
    const request = over(1, 1000, { maxWaitMs: 500, minBytes: 1 });
    const { answer } = started(engine, request);
    await settle();
    expect(await outcomeOf(fetched(engine, request))).toBe("THROTTLING_QUOTA_EXCEEDED");
    await clock.run(500);
    await answer;
  });

  test("the engine closes: parked fetches answer, later ones are refused", async () => {
    const { engine } = await withRecords({ partitions: 1, batches: 0 });
    const request = over(1, 1000, { maxWaitMs: 60_000, minBytes: 1 });
    const { answer } = started(engine, request);
    await settle();
    await engine.close();
    expect((await answer)[0]?.records).toEqual([]);
    expect(await outcomeOf(fetched(engine, request))).toBe("SERVER_STOPPING");
  });
});

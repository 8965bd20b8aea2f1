import { describe, expect, test } from "vitest";
import { LogError } from "../../../src/base/error.ts";
import { acquire, giveBack } from "../../../src/doors/kafka/share-acquire.ts";
import type { ShareAcquireRequest, ShareServices } from "../../../src/services.ts";
import { recordsOf } from "../../support/batches.ts";
import { createTopic, openTestEngine, produce } from "../../support/engines.ts";

const member = { group: "g", memberId: "m" };

/** Topic `t` with batches of these sizes in each partition, and the calls that are made. */
async function open(...partitions: readonly (readonly number[])[]) {
  const { engine } = await openTestEngine();
  await createTopic(engine, "t", { partitions: partitions.length });
  for (const [partition, sizes] of partitions.entries()) {
    let offset = 0;
    for (const size of sizes) {
      const values = Array.from({ length: size }, (_, index) => String(offset + index));
      await produce(engine, { topic: "t", partition, values });
      offset += size;
    }
  }
  await engine.services.shares.alterGroupConfigs("g", { "share.auto.offset.reset": "earliest" });
  const calls: ShareAcquireRequest[] = [];
  const state = { lent: 0, failFrom: Number.POSITIVE_INFINITY };
  const shares = new Proxy(engine.services.shares, {
    get: (target, name) => {
      const method = Reflect.get(target, name) as (...args: unknown[]) => Promise<unknown>;
      return name === "acquire" ? counted : method.bind(target);
    },
  });
  const counted: ShareServices["acquire"] = async (request) => {
    calls.push(request);
    if (calls.length >= state.failFrom) throw new LogError("KAFKA_STORAGE_ERROR", "no disk");
    const result = await engine.services.shares.acquire(request);
    state.lent++;
    return {
      ...result,
      release: () => {
        state.lent--;
        result.release();
      },
    };
  };
  const take = async (fields: Partial<Parameters<typeof acquire>[2]> = {}) => {
    const acquired = await acquire(shares, member, {
      places: partitions.map((_sizes, partition) => ({ topic: "t", partition })),
      topicId: (topic) => `id of ${topic}`,
      maxRecords: 100,
      maxBytes: 1 << 20,
      maxWaitMs: 0,
      batchSize: 0,
      isWholeBatches: false,
      signal: new AbortController().signal,
      ...fields,
    });
    const found = acquired.partitions.map(({ records, ...rest }) => {
      return { ...rest, stored: recordsOf(records).map(({ offset }) => offset) };
    });
    acquired.release();
    return found;
  };
  return { shares, calls, state, take };
}

const ranges = (found: readonly { readonly acquired: readonly object[] }[]) =>
  found.flatMap(({ acquired }) => acquired);

describe("exactly", () => {
  test("so many records, and only the batches that hold them", async () => {
    const { take, calls, state } = await open([3, 3, 3]);
    const [part] = await take({ maxRecords: 4 });
    expect(part).toMatchObject({
      topic: "t",
      topicId: "id of t",
      partition: 0,
      error: null,
      acquired: [{ firstOffset: 0, lastOffset: 3, deliveryCount: 1 }],
      stored: [0, 1, 2, 3, 4, 5],
    });
    const [next] = await take({ maxRecords: 4 });
    expect(next?.stored).toEqual([3, 4, 5, 6, 7, 8]);
    expect([calls.length, state.lent]).toEqual([2, 0]);
  });

  test("no more than a server gives, no less than nothing", async () => {
    const { take, calls } = await open([1]);
    const most = 0x7fffffff;
    await take({ maxRecords: most, maxBytes: most, maxWaitMs: -5 });
    expect(calls[0]?.maxRecords).toBeLessThanOrEqual(10_000);
    expect(calls[0]?.maxBytes).toBeLessThanOrEqual(50 * 1024 * 1024);
    expect(calls[0]?.maxWaitMs).toBe(0);
    await take({ maxRecords: -1, maxBytes: -1, maxWaitMs: 60_000 });
    expect(calls[1]).toMatchObject({ maxRecords: 0, maxBytes: 0, maxWaitMs: 0 });
  });

  test("a partition that is not there has its error", async () => {
    const { take } = await open([1]);
    const [part] = await take({ places: [{ topic: "none", partition: 0 }] });
    expect(part).toMatchObject({ topicId: "id of none", error: "UNKNOWN_TOPIC_OR_PARTITION" });
  });
});

describe("whole batches", () => {
  test("to the end of the batch in which the limit falls, in one answer", async () => {
    const { take, state } = await open([3, 5, 2]);
    const [part] = await take({ isWholeBatches: true, maxRecords: 4 });
    expect(part?.acquired).toEqual([
      { firstOffset: 0, lastOffset: 3, deliveryCount: 1 },
      { firstOffset: 4, lastOffset: 7, deliveryCount: 1 },
    ]);
    expect(part?.stored).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
    expect(state.lent).toBe(0);
  });

  test("nothing more where the limit falls on the end of a batch, or is not reached", async () => {
    const { take, calls } = await open([3, 5]);
    await take({ isWholeBatches: true, maxRecords: 3 });
    await take({ isWholeBatches: true, maxRecords: 50 });
    expect(calls).toHaveLength(2);
    await take({ isWholeBatches: true, maxRecords: 0 });
    expect(calls).toHaveLength(3);
  });

  test("only the partition that was cut", async () => {
    const { take, calls } = await open([2], [6]);
    const found = await take({ isWholeBatches: true, maxRecords: 4 });
    let count = 0;
    for (const { acquired } of found) {
      for (const { firstOffset, lastOffset } of acquired) count += lastOffset - firstOffset + 1;
    }
    expect(count).toBe(8);
    expect(calls[1]?.partitions).toEqual([{ topic: "t", partition: 1 }]);
  });

  test("a failure to get the rest leaves what there is", async () => {
    const { take, state } = await open([4]);
    state.failFrom = 2;
    expect(ranges(await take({ isWholeBatches: true, maxRecords: 1 }))).toEqual([
      { firstOffset: 0, lastOffset: 0, deliveryCount: 1 },
    ]);
    expect(state.lent).toBe(0);
  });
});

test("ranges in pieces of a size", async () => {
  const { take } = await open([5]);
  expect(ranges(await take({ batchSize: 2 }))).toEqual([
    { firstOffset: 0, lastOffset: 1, deliveryCount: 1 },
    { firstOffset: 2, lastOffset: 3, deliveryCount: 1 },
    { firstOffset: 4, lastOffset: 4, deliveryCount: 1 },
  ]);
});

test("what is given back comes again", async () => {
  const { shares, take } = await open([2]);
  const acquired = await take();
  const parts = acquired.map((part) => ({ ...part, records: Buffer.alloc(0) }));
  await giveBack(shares, member, parts);
  expect(ranges(await take())).toEqual([{ firstOffset: 0, lastOffset: 1, deliveryCount: 2 }]);
  // Nothing held, nothing asked.
  await giveBack(shares, { ...member, group: "none" }, []);
});

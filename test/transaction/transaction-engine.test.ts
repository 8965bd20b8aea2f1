// Transactions through a whole engine: batches and offsets of a transaction are seen together or not at all, also when
// the machine dies at any call to the disk between its first record and its last marker.

import { describe, expect, test } from "vitest";
import { seededRandom } from "../../src/base/random.ts";
import type { Engine } from "../../src/engine.ts";
import type { TransactionalProducer } from "../../src/services.ts";
import {
  createTopic,
  fetched,
  fetchRequest,
  openTestEngine,
  outcomeOf,
} from "../support/engines.ts";
import { settle } from "../support/fake-clock.ts";
import { FaultyDisk } from "../support/faulty-disk.ts";
import { producerBatch } from "../support/producer-batches.ts";
import { initOf, offsetOf, places } from "../support/transaction-world.ts";
import { until } from "../support/until.ts";

const timestampMs = 1_700_000_000_000;

async function start(engine: Engine, transactionalId = "tx"): Promise<TransactionalProducer> {
  const pair = await engine.services.transactions.initProducerId(initOf(transactionalId));
  return { transactionalId, ...pair };
}

/** Writes one record to each of the partitions; the answers' errors. */
async function write(
  engine: Engine,
  producer: TransactionalProducer,
  { partitions, sequence = 0, value }: { partitions: number[]; sequence?: number; value: string },
): Promise<readonly (string | null)[]> {
  const { producerId: id, producerEpoch: epoch, transactionalId } = producer;
  const results = await engine.services.data.produce({
    acks: -1,
    transactionalId,
    partitions: partitions.map((partition) => ({
      topic: "t",
      partition,
      batches: [producerBatch({ id, epoch, sequence, isTransactional: true, value, timestampMs })],
      expectedEndOffset: null,
    })),
  });
  return results.map(({ error }) => error);
}

/** What a reader of committed records sees: values without the batches that it must drop, and where it ends. */
async function committedValues(engine: Engine, partition: number) {
  const request = fetchRequest("t", 0, { partition, isolation: "read_committed" });
  const [part] = await fetched(engine, request);
  if (part === undefined || part.error !== null) throw new Error(part?.detail ?? "no answer");
  const { abortedTransactions, lastStableOffset, highWatermark } = part;
  const values = part.records.flatMap(({ value }) => (value?.endsWith("+0") ? [value] : []));
  return { values, abortedTransactions, lastStableOffset, highWatermark };
}

async function committedOffset(engine: Engine): Promise<number | undefined> {
  const places = [{ topic: "t", partition: 0 }];
  const [offset] = await engine.services.groups.committedOffsets("g", places);
  return offset?.offset;
}

function isComplete(engine: Engine): Promise<boolean> {
  return Promise.resolve(engine.gauges().openTransactions === 0);
}

describe("transactions in an engine", () => {
  test("commit: nothing is seen before it, everything after it", async () => {
    const { engine } = await openTestEngine();
    await createTopic(engine, "t", { partitions: 2 });
    const producer = await start(engine);
    const { transactions } = engine.services;
    expect(await write(engine, producer, { partitions: [0], value: "early" })).toEqual([
      "INVALID_TXN_STATE",
    ]);
    await transactions.addPartitions(producer, places(0, 1));
    await transactions.addOffsets(producer, "g");
    expect(await write(engine, producer, { partitions: [0, 1], value: "a" })).toEqual([null, null]);
    await transactions.commitOffsets(offsetOf(producer, "g", 5));
    expect(await committedValues(engine, 0)).toMatchObject({ values: [], lastStableOffset: 0 });
    expect(await committedOffset(engine)).toBe(-1);
    expect(engine.gauges().openTransactions).toBe(1);
    await transactions.end(producer, "commit");
    await until(() => isComplete(engine));
    for (const partition of [0, 1]) {
      expect(await committedValues(engine, partition)).toEqual({
        values: ["a+0"],
        abortedTransactions: [],
        lastStableOffset: 2,
        highWatermark: 2,
      });
    }
    expect(await committedOffset(engine)).toBe(5);
    await engine.close();
  });

  test("abort: the records are named as aborted, the offsets are not committed", async () => {
    const { engine } = await openTestEngine();
    await createTopic(engine, "t");
    const producer = await start(engine);
    const { transactions } = engine.services;
    await transactions.addPartitions(producer, places(0));
    await transactions.addOffsets(producer, "g");
    await write(engine, producer, { partitions: [0], value: "a" });
    await transactions.commitOffsets(offsetOf(producer, "g", 5));
    await transactions.end(producer, "abort");
    await transactions.addPartitions(producer, places(0));
    await write(engine, producer, { partitions: [0], sequence: 1, value: "b" });
    await transactions.end(producer, "commit");
    await until(() => isComplete(engine));
    const { producerId } = producer;
    expect(await committedValues(engine, 0)).toMatchObject({
      abortedTransactions: [{ producerId, firstOffset: 0 }],
      lastStableOffset: 4,
    });
    expect(await committedOffset(engine)).toBe(-1);
    const [described] = await transactions.describeProducers(places(0));
    expect(described?.producers).toMatchObject([{ producerId, currentTransactionStart: -1 }]);
    await engine.close();
  });

  test("a producer that was fenced cannot write, nor end what its heir began", async () => {
    const { engine } = await openTestEngine();
    await createTopic(engine, "t");
    const old = await start(engine);
    await engine.services.transactions.addPartitions(old, places(0));
    await write(engine, old, { partitions: [0], value: "old" });
    const heir = await start(engine);
    await engine.services.transactions.addPartitions(heir, places(0));
    expect(await write(engine, old, { partitions: [0], sequence: 1, value: "late" })).toEqual([
      "INVALID_PRODUCER_EPOCH",
    ]);
    expect(await outcomeOf(engine.services.transactions.end(old, "commit"))).toBe(
      "PRODUCER_FENCED",
    );
    expect(await write(engine, heir, { partitions: [0], value: "new" })).toEqual([null]);
    await engine.close();
  });

  test("a topic that is deleted under a transaction: it ends all the same", async () => {
    const { engine } = await openTestEngine();
    await createTopic(engine, "t");
    await createTopic(engine, "other");
    const producer = await start(engine);
    const { transactions } = engine.services;
    await transactions.addPartitions(producer, [...places(0), { topic: "other", partition: 0 }]);
    await write(engine, producer, { partitions: [0], value: "a" });
    await engine.services.topics.delete("other");
    await transactions.end(producer, "commit");
    await until(() => isComplete(engine));
    expect((await committedValues(engine, 0)).values).toEqual(["a+0"]);
    await engine.close();
  });

  test("topics of the server take no transactions, and clients cannot change their topic", async () => {
    const { engine } = await openTestEngine();
    const producer = await start(engine);
    const place = { topic: "__transaction_state", partition: 0 };
    expect(await engine.services.transactions.addPartitions(producer, [place])).toEqual([
      { ...place, error: "TOPIC_AUTHORIZATION_FAILED" },
    ]);
    expect(await outcomeOf(engine.services.topics.delete("__transaction_state"))).toBe(
      "TOPIC_AUTHORIZATION_FAILED",
    );
    await engine.close();
  });
});

describe("transactions in an engine that dies", () => {
  /** Two transactions in a row; what was answered. */
  async function scenario(engine: Engine, answered: string[]): Promise<void> {
    const producer = await start(engine);
    const { transactions } = engine.services;
    for (const [sequence, outcome] of (["commit", "abort"] as const).entries()) {
      await transactions.addPartitions(producer, places(0, 1));
      await transactions.addOffsets(producer, "g");
      const value = outcome;
      const errors = await write(engine, producer, { partitions: [0, 1], sequence, value });
      if (errors.some((error) => error !== null)) throw new Error(String(errors));
      await transactions.commitOffsets(offsetOf(producer, "g", 5 + sequence));
      await transactions.end(producer, outcome);
      answered.push(outcome);
    }
    // Whatever is still to be written for it.
    await settle(30);
  }

  async function prepared(disk: FaultyDisk): Promise<Engine> {
    const { engine } = await openTestEngine({ disk });
    await createTopic(engine, "t", { partitions: 2 });
    return engine;
  }

  /** After a restart everything is decided, the same everywhere, and as it was answered. */
  async function check(disk: FaultyDisk, answered: readonly string[]): Promise<void> {
    const { engine, clock } = await openTestEngine({ disk });
    // What was open runs out of time.
    await clock.run(120_000);
    await until(() => isComplete(engine));
    const seen = [await committedValues(engine, 0), await committedValues(engine, 1)];
    const committed = seen.map(({ values, abortedTransactions }) => {
      const aborted = abortedTransactions.length;
      // Of a producer that aborted the records after its first aborted one do not count: here the second ones.
      return aborted === 0 ? values : values.slice(0, values.length - aborted);
    });
    expect(committed[0], `answered ${String(answered)}`).toEqual(committed[1]);
    const isCommitted = committed[0]?.includes("commit+0") === true;
    expect(committed[0]).toEqual(isCommitted ? ["commit+0"] : []);
    if (answered.includes("commit")) expect(isCommitted).toBe(true);
    expect(await committedOffset(engine)).toBe(isCommitted ? 5 : -1);
    for (const { lastStableOffset, highWatermark } of seen) {
      expect(lastStableOffset).toBe(highWatermark);
    }
    const next = await start(engine);
    await engine.services.transactions.addPartitions(next, places(0));
    expect(await write(engine, next, { partitions: [0], value: "next" })).toEqual([null]);
    await engine.close();
  }

  test("at any call to the disk: one outcome, the one that was answered", async () => {
    const whole = new FaultyDisk();
    const engine = await prepared(whole);
    const before = whole.operationCount;
    await scenario(engine, []);
    const count = whole.operationCount - before;
    expect(count).toBeGreaterThan(20);
    for (let nth = 1; nth <= count; nth += 2) {
      const disk = new FaultyDisk();
      const dying = await prepared(disk);
      disk.plan({ nth, effect: nth % 4 === 1 ? "halt-before" : "halt-after" });
      const answered: string[] = [];
      void scenario(dying, answered).catch(() => undefined);
      await settle(60);
      await check(disk.crash(seededRandom(nth)), answered);
    }
  });
});

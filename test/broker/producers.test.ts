// Idempotent and transactional producers through a broker: retries, the gate, markers, and readers of each isolation.

import { describe, expect, test } from "vitest";
import { seededRandom } from "../../src/base/random.ts";
import { silentLogger } from "../../src/base/logger.ts";
import { Broker } from "../../src/broker/broker.ts";
import { defaultBrokerSettings, silentBrokerObserver } from "../../src/broker/broker-settings.ts";
import type { IsolationLevel, ProducePartitionResult } from "../../src/services.ts";
import { DataDirectory } from "../../src/storage/data-directory.ts";
import { FakeClock, settle } from "../support/fake-clock.ts";
import { FaultyDisk } from "../support/faulty-disk.ts";
import { fetchRequest } from "../support/engines.ts";
import { type ProducerBatchOptions, producerBatch } from "../support/producer-batches.ts";

const place = { topic: "orders", partition: 0 };

async function opened(disk = new FaultyDisk(), clock = new FakeClock()) {
  const seams = { disk, clock, random: seededRandom(1), logger: silentLogger };
  const data = await DataDirectory.open({ path: "/data", ...seams });
  const settings = { ...defaultBrokerSettings, producerIdExpirationMs: 60_000 };
  const broker = await Broker.open({ ...seams, data, settings, observer: silentBrokerObserver });
  broker.beginHousekeeping();
  return { broker, disk, clock, data };
}

async function withTopic(configs: Record<string, string> = {}) {
  const world = await opened();
  const request = { name: "orders", partitionCount: 1, configs, validateOnly: false };
  await world.broker.topics.create(request);
  world.broker.setTransactionGate({
    check: ({ transactionalId }) => (transactionalId === "open" ? null : "INVALID_TXN_STATE"),
  });
  return world;
}

async function send(
  broker: Broker,
  options: ProducerBatchOptions,
  transactionalId: string | null = null,
): Promise<ProducePartitionResult> {
  const batches = [producerBatch({ timestampMs: 1_700_000_000_000, ...options })];
  const partitions = [{ ...place, batches, expectedEndOffset: null }];
  const [result] = await broker.data.produce({ acks: -1, transactionalId, partitions });
  if (result === undefined) throw new Error("no result");
  return result;
}

function inTransaction(broker: Broker, id: number, sequence: number) {
  return send(broker, { id, sequence, isTransactional: true }, "open");
}

function end(broker: Broker, id: number, isCommit: boolean): Promise<void> {
  const marker = { producerId: id, producerEpoch: 0, coordinatorEpoch: 0, isCommit };
  return broker.appendMarker(place, marker);
}

async function fetchOnce(broker: Broker, offset: number, isolation: IsolationLevel) {
  const result = await broker.data.fetch(fetchRequest("orders", offset, { isolation }));
  result.release();
  const [part] = result.partitions;
  if (part === undefined) throw new Error("no answer");
  return part;
}

describe("broker: idempotent producers", () => {
  test("a retry: success with the first offsets, and marked", async () => {
    const { broker } = await withTopic();
    expect(await send(broker, { id: 1, sequence: 0, count: 2 })).toMatchObject({
      error: null,
      baseOffset: 0,
      isDuplicate: false,
    });
    expect(await send(broker, { id: 1, sequence: 0, count: 2 })).toMatchObject({
      error: null,
      baseOffset: 0,
      isDuplicate: true,
      logEndOffset: 2,
    });
  });

  test("a retry under LogAppendTime: the time of the first append", async () => {
    const { broker, clock } = await withTopic({ "message.timestamp.type": "LogAppendTime" });
    const first = await send(broker, { id: 1, sequence: 0 });
    await clock.run(5000);
    const again = await send(broker, { id: 1, sequence: 0 });
    expect(again).toMatchObject({ isDuplicate: true, logAppendTimeMs: first.logAppendTimeMs });
    expect(first.logAppendTimeMs).toBeGreaterThan(0);
  });

  test("gaps and old epochs: refused by name, nothing is appended", async () => {
    const { broker } = await withTopic();
    await send(broker, { id: 1, epoch: 1, sequence: 0 });
    expect((await send(broker, { id: 1, epoch: 1, sequence: 2 })).error).toBe(
      "OUT_OF_ORDER_SEQUENCE_NUMBER",
    );
    expect((await send(broker, { id: 1, epoch: 0, sequence: 1 })).error).toBe(
      "INVALID_PRODUCER_EPOCH",
    );
    const [producer] = broker.describeProducers(place);
    expect(producer).toEqual({
      producerId: 1,
      producerEpoch: 1,
      lastSequence: 0,
      lastTimestampMs: 1_700_000_000_000,
      coordinatorEpoch: -1,
      currentTransactionStart: -1,
    });
  });

  test("silent ones are forgotten, those with an open transaction are not", async () => {
    const { broker, clock } = await withTopic();
    await send(broker, { id: 1, sequence: 0 });
    await inTransaction(broker, 2, 0);
    clock.advance(60_001);
    await broker.keepHouse();
    expect(broker.describeProducers(place).map(({ producerId }) => producerId)).toEqual([2]);
  });

  test("a topic made anew under the name: knows nothing of the old one's producers", async () => {
    const { broker } = await withTopic();
    await inTransaction(broker, 1, 5);
    await broker.topics.delete("orders");
    await expect(end(broker, 1, true)).rejects.toMatchObject({
      code: "UNKNOWN_TOPIC_OR_PARTITION",
    });
    const request = { name: "orders", partitionCount: 1, configs: {}, validateOnly: false };
    await broker.topics.create(request);
    expect(broker.describeProducers(place)).toEqual([]);
    expect(await send(broker, { id: 1, sequence: 9 })).toMatchObject({
      error: null,
      baseOffset: 0,
    });
  });

  test("after a kill: all of it is known again", async () => {
    const { broker, disk, clock } = await withTopic();
    await send(broker, { id: 1, sequence: 0 });
    await clock.run(3000);
    await inTransaction(broker, 2, 0);
    const again = await opened(disk.kill(), clock);
    expect(await send(again.broker, { id: 1, sequence: 0 })).toMatchObject({ isDuplicate: true });
    expect(await fetchOnce(again.broker, 0, "read_committed")).toMatchObject({
      lastStableOffset: 1,
      highWatermark: 2,
    });
  });
});

describe("broker: transactions", () => {
  test("the gate decides; a retry of what is there is no question of it", async () => {
    const { broker } = await withTopic();
    const batch = { id: 1, sequence: 0, isTransactional: true };
    expect((await send(broker, batch)).error).toBe("INVALID_TXN_STATE");
    expect((await send(broker, batch, "open")).error).toBeNull();
    expect(await send(broker, batch, "ended")).toMatchObject({ error: null, isDuplicate: true });
  });

  test("read_committed ends at the last stable offset and is told what was aborted", async () => {
    const { broker } = await withTopic();
    await inTransaction(broker, 1, 0);
    await send(broker, { id: 2, sequence: 0 });
    expect((await fetchOnce(broker, 0, "read_committed")).batches.length).toBe(0);
    expect((await fetchOnce(broker, 0, "read_uncommitted")).batches.length).toBeGreaterThan(0);
    await end(broker, 1, false);
    const committed = await fetchOnce(broker, 0, "read_committed");
    expect(committed).toMatchObject({ lastStableOffset: 3, highWatermark: 3 });
    expect(committed.abortedTransactions).toEqual([{ producerId: 1, firstOffset: 0 }]);
    expect((await fetchOnce(broker, 0, "read_uncommitted")).abortedTransactions).toEqual([]);
  });

  test("a parked read_committed fetch sleeps through the transaction and wakes at its marker", async () => {
    const { broker } = await withTopic();
    const request = fetchRequest("orders", 0, {
      isolation: "read_committed",
      maxWaitMs: 60_000,
      minBytes: 1,
    });
    let answer: Awaited<ReturnType<typeof broker.data.fetch>> | null = null;
    const done = broker.data.fetch(request).then((result) => {
      answer = result;
    });
    await inTransaction(broker, 1, 0);
    await send(broker, { id: 2, sequence: 0 });
    await settle(50);
    expect(answer).toBeNull();
    expect(broker.gauges().parkedFetches).toBe(1);
    await end(broker, 1, true);
    await done;
    expect(answer).toMatchObject({ partitions: [{ error: null, lastStableOffset: 3 }] });
  });

  test("list offsets: latest by isolation, and times above the last stable offset are not found", async () => {
    const { broker } = await withTopic();
    await send(broker, { id: 2, sequence: 0, timestampMs: 1000 });
    await send(broker, { id: 1, sequence: 0, isTransactional: true, timestampMs: 2000 }, "open");
    const ask = async (timestampMs: number, isolation?: IsolationLevel) => {
      const [found] = await broker.data.listOffsets([{ ...place, timestampMs }], isolation);
      return found?.offset;
    };
    expect(await ask(-1)).toBe(2);
    expect(await ask(-1, "read_committed")).toBe(1);
    expect(await ask(1500)).toBe(1);
    expect(await ask(1500, "read_committed")).toBe(-1);
    expect(await ask(500, "read_committed")).toBe(0);
    expect(await ask(-3, "read_committed")).toBe(-1);
  });

  test("markers: fenced by epoch, unknown places by name", async () => {
    const { broker } = await withTopic();
    await send(broker, { id: 1, epoch: 4, sequence: 0 });
    await expect(end(broker, 1, true)).rejects.toMatchObject({ code: "INVALID_PRODUCER_EPOCH" });
    const marker = { producerId: 1, producerEpoch: 4, coordinatorEpoch: 0, isCommit: true };
    const elsewhere = { topic: "orders", partition: 7 };
    await expect(broker.appendMarker(elsewhere, marker)).rejects.toMatchObject({
      code: "UNKNOWN_TOPIC_OR_PARTITION",
      facts: elsewhere,
    });
    expect(() => broker.describeProducers({ topic: "none", partition: 0 })).toThrowError(/none/);
  });
});

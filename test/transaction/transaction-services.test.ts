import { describe, expect, test } from "vitest";
import { LogError } from "../../src/base/error.ts";
import { outcomeOf } from "../support/engines.ts";
import { FakeClock, settle } from "../support/fake-clock.ts";
import { MemoryStateLog } from "../support/memory-state-log.ts";
import {
  FakeGroups,
  FakePartitions,
  initOf,
  offsetOf,
  openTransactions,
  places,
  producerOf,
} from "../support/transaction-world.ts";

async function hasSettled(promise: Promise<unknown>): Promise<boolean> {
  let isSettled = false;
  promise.then(
    () => (isSettled = true),
    () => (isSettled = true),
  );
  await settle();
  return isSettled;
}

const storage = new LogError("KAFKA_STORAGE_ERROR", "the disk refused");

describe("transaction services: producer ids", () => {
  test("without a transactional id: each is new, and only one in a thousand is written", async () => {
    const log = new MemoryStateLog();
    const { services } = await openTransactions({ log });
    const ids = new Set<number>();
    for (let count = 0; count < 1500; count++) {
      const { producerId, producerEpoch } = await services.initProducerId(initOf(null));
      expect(producerEpoch).toBe(0);
      ids.add(producerId);
    }
    expect(ids.size).toBe(1500);
    expect(log.events.length).toBe(2);
    const reopened = await openTransactions({ log: log.afterCrash() });
    const { producerId } = await reopened.services.initProducerId(initOf(null));
    expect(ids.has(producerId)).toBe(false);
  });

  test("the first of a block is answered only when the block is durable", async () => {
    const log = new MemoryStateLog();
    log.autoSync = false;
    const { services } = await openTransactions({ log });
    const first = services.initProducerId(initOf(null));
    const second = services.initProducerId(initOf(null));
    expect(await hasSettled(first)).toBe(false);
    expect(await hasSettled(second)).toBe(false);
    log.sync();
    expect((await first).producerId).not.toBe((await second).producerId);
  });

  test("a block that is refused for lack of room is never given out", async () => {
    const log = new MemoryStateLog();
    log.autoSync = false;
    const { services } = await openTransactions({ log });
    const lost = outcomeOf(services.initProducerId(initOf(null)));
    log.fail(new LogError("DISK_FULL", "no room"));
    expect(await lost).toBe("DISK_FULL");
    await settle();
    log.autoSync = true;
    const { producerId } = await services.initProducerId(initOf(null));
    const reopened = await openTransactions({ log: log.afterCrash() });
    const next = await reopened.services.initProducerId(initOf(null));
    expect(next.producerId).toBeGreaterThan(producerId);
  });
});

describe("transaction services: a transaction", () => {
  test("commit: markers and offsets follow the decision, then the next may begin", async () => {
    const { services, partitions, groups } = await openTransactions();
    const producer = await producerOf(services, "a");
    expect(await services.addPartitions(producer, places(0, 2))).toEqual([
      { topic: "t", partition: 0, error: null },
      { topic: "t", partition: 2, error: null },
    ]);
    await services.addOffsets(producer, "g");
    expect(await services.commitOffsets(offsetOf(producer, "g", 7))).toEqual([
      { topic: "t", partition: 0, error: null },
    ]);
    expect(services.openCount).toBe(1);
    expect((await services.describe("a")).partitions).toEqual(places(0, 2));
    await services.end(producer, "commit");
    // The next call waits until the last transaction is complete.
    await services.addPartitions(producer, places(1));
    const marker = `commit ${producer.producerId}/0`;
    expect(partitions.of("t-0")).toEqual([marker]);
    expect(partitions.of("t-2")).toEqual([marker]);
    expect(partitions.of("t-1")).toEqual([]);
    expect(groups.committed.get("g")).toEqual([7]);
    expect(groups.ends).toEqual([`commit g ${producer.producerId}/0`]);
    expect((await services.describe("a")).partitions).toEqual(places(1));
    await services.end(producer, "abort");
    await settle();
    expect(partitions.of("t-1")).toEqual([`abort ${producer.producerId}/0`]);
    expect((await services.describe("a")).state).toBe("CompleteAbort");
    expect(services.openCount).toBe(0);
  });

  test("end: answered when the decision is durable, and no marker is written before", async () => {
    const log = new MemoryStateLog();
    const { services, partitions } = await openTransactions({ log });
    const producer = await producerOf(services, "a");
    await services.addPartitions(producer, places(0));
    log.autoSync = false;
    const ended = services.end(producer, "commit");
    expect(await hasSettled(ended)).toBe(false);
    expect(partitions.markers).toEqual([]);
    log.sync();
    await ended;
    await settle();
    expect(partitions.of("t-0").length).toBe(1);
    expect(log.events.length).toBeGreaterThan(0);
  });

  test("end again: the same outcome succeeds, the other is refused", async () => {
    const { services } = await openTransactions();
    const producer = await producerOf(services, "a");
    expect(await outcomeOf(services.end(producer, "commit"))).toBe("INVALID_TXN_STATE");
    await services.addPartitions(producer, places(0));
    await services.end(producer, "commit");
    await services.end(producer, "commit");
    expect(await outcomeOf(services.end(producer, "abort"))).toBe("INVALID_TXN_STATE");
  });

  test("an unknown partition: none is added", async () => {
    const { services } = await openTransactions();
    const producer = await producerOf(services, "a");
    expect(await services.addPartitions(producer, places(0, 9))).toEqual([
      { topic: "t", partition: 0, error: "OPERATION_NOT_ATTEMPTED" },
      { topic: "t", partition: 9, error: "UNKNOWN_TOPIC_OR_PARTITION" },
    ]);
    expect((await services.describe("a")).state).toBe("Empty");
  });

  test("offsets: only of groups that were added, only while the transaction is open", async () => {
    const { services, groups } = await openTransactions();
    const producer = await producerOf(services, "a");
    const commit = () => outcomeOf(services.commitOffsets(offsetOf(producer, "g", 1)));
    expect(await commit()).toBe("INVALID_TXN_STATE");
    await services.addPartitions(producer, places(0));
    expect(await commit()).toBe("INVALID_TXN_STATE");
    await services.addOffsets(producer, "g");
    expect(await commit()).toBe("ok");
    const ended = services.end(producer, "abort");
    expect(await commit()).toBe("CONCURRENT_TRANSACTIONS");
    await ended;
    await settle();
    expect(await commit()).toBe("INVALID_TXN_STATE");
    expect(groups.pending.size).toBe(0);
    expect(groups.committed.size).toBe(0);
  });

  test("offsets: a commit that was on its way when the end was decided comes before it or not at all", async () => {
    const log = new MemoryStateLog();
    const { services, groups } = await openTransactions({ log });
    const producer = await producerOf(services, "a");
    await services.addOffsets(producer, "g");
    log.autoSync = false;
    // Something undurable makes the commit wait.
    const added = services.addPartitions(producer, places(1));
    const commit = outcomeOf(services.commitOffsets(offsetOf(producer, "g", 1)));
    const ended = services.end(producer, "commit");
    log.sync();
    expect(await commit).toBe("CONCURRENT_TRANSACTIONS");
    await added;
    await ended;
    await settle();
    expect(groups.pending.size).toBe(0);
  });
});

describe("transaction services: fencing", () => {
  test("a producer that starts aborts what its predecessor left, and fences it", async () => {
    const { services, partitions } = await openTransactions();
    const old = await producerOf(services, "a");
    await services.addPartitions(old, places(0));
    const fresh = await producerOf(services, "a");
    expect(fresh.producerId).toBe(old.producerId);
    // The marker has an epoch of its own between the two.
    expect(partitions.of("t-0")).toEqual([`abort ${old.producerId}/1`]);
    expect(fresh.producerEpoch).toBe(2);
    expect(await outcomeOf(services.addPartitions(old, places(0)))).toBe("PRODUCER_FENCED");
    expect(await outcomeOf(services.end(old, "commit"))).toBe("PRODUCER_FENCED");
    const named = initOf("a", old);
    expect(await outcomeOf(services.initProducerId(named))).toBe("PRODUCER_FENCED");
  });

  test("a completion that takes long: ask again", async () => {
    const { services, partitions, clock } = await openTransactions();
    const old = await producerOf(services, "a");
    await services.addPartitions(old, places(0));
    partitions.failing = () => storage;
    const asked = outcomeOf(services.initProducerId(initOf("a")));
    await clock.run(999);
    expect(await hasSettled(asked)).toBe(false);
    await clock.run(1);
    expect(await asked).toBe("CONCURRENT_TRANSACTIONS");
    partitions.failing = () => null;
    const again = services.initProducerId(initOf("a"));
    await clock.run(1000);
    expect((await again).producerEpoch).toBe(2);
  });

  test("the pair it has: goes on with the next epoch, and hears the same when it asks again", async () => {
    const { services } = await openTransactions();
    const first = await producerOf(services, "a");
    const second = await services.initProducerId(initOf("a", first));
    expect(second).toEqual({ producerId: first.producerId, producerEpoch: 1 });
    expect(await services.initProducerId(initOf("a", first))).toEqual(second);
    await services.addPartitions({ transactionalId: "a", ...second }, places(0));
    expect(await outcomeOf(services.initProducerId(initOf("a", first)))).toBe("PRODUCER_FENCED");
  });

  test("out of time: aborted at the next epoch", async () => {
    const { services, partitions, clock } = await openTransactions();
    const producer = await producerOf(services, "a");
    await services.addPartitions(producer, places(0));
    await clock.run(59_999);
    expect((await services.describe("a")).state).toBe("Ongoing");
    // What is added later gives no more time.
    await services.addPartitions(producer, places(1));
    await clock.run(1);
    expect(partitions.of("t-0")).toEqual([`abort ${producer.producerId}/1`]);
    expect(partitions.of("t-1")).toEqual([`abort ${producer.producerId}/1`]);
    expect(await outcomeOf(services.end(producer, "commit"))).toBe("PRODUCER_FENCED");
    expect((await producerOf(services, "a")).producerEpoch).toBe(2);
  });

  test("an unused transactional id expires", async () => {
    const { services, clock } = await openTransactions({ limits: { idExpirationMs: 1000 } });
    const producer = await producerOf(services, "a");
    await clock.run(999);
    await services.addPartitions(producer, places(0));
    await services.end(producer, "commit");
    await clock.run(999);
    expect((await services.describe("a")).state).toBe("CompleteCommit");
    await clock.run(1);
    expect(await outcomeOf(services.describe("a"))).toBe("TRANSACTIONAL_ID_NOT_FOUND");
    expect(await outcomeOf(services.addPartitions(producer, places(0)))).toBe(
      "INVALID_PRODUCER_ID_MAPPING",
    );
    // A producer that outlived it goes on with a new producer id.
    const next = await services.initProducerId(initOf("a", producer));
    expect(next.producerId).not.toBe(producer.producerId);
  });
});

describe("transaction services: restarts", () => {
  test("a decision that was not carried out: goes on where it was", async () => {
    const log = new MemoryStateLog();
    const partitions = new FakePartitions();
    const groups = new FakeGroups();
    const { services } = await openTransactions({ log, partitions, groups });
    const producer = await producerOf(services, "a");
    await services.addPartitions(producer, places(0, 1));
    await services.addOffsets(producer, "g");
    await services.commitOffsets(offsetOf(producer, "g", 3));
    partitions.failing = (name) => (name === "t-1" ? storage : null);
    groups.failing = () => storage;
    await services.end(producer, "commit");
    await settle();
    expect(partitions.of("t-0").length).toBe(1);
    await services.close();
    partitions.failing = () => null;
    groups.failing = () => null;
    const next = await openTransactions({ log: log.afterCrash(), partitions, groups });
    await settle();
    const marker = `commit ${producer.producerId}/0`;
    expect(new Set(partitions.of("t-0"))).toEqual(new Set([marker]));
    expect(partitions.of("t-1")).toEqual([marker]);
    expect(groups.committed.get("g")).toEqual([3]);
    expect((await next.services.describe("a")).state).toBe("CompleteCommit");
    await next.services.end(producer, "commit");
  });

  test("an open transaction: keeps what is left of its time", async () => {
    const log = new MemoryStateLog();
    const clock = new FakeClock();
    const { services } = await openTransactions({ log, clock });
    const producer = await producerOf(services, "a");
    await services.addPartitions(producer, places(0));
    await clock.run(40_000);
    await services.close();
    const next = await openTransactions({ log: log.afterCrash(), clock });
    await clock.run(19_999);
    expect((await next.services.describe("a")).state).toBe("Ongoing");
    await clock.run(1);
    expect(next.partitions.of("t-0")).toEqual([`abort ${producer.producerId}/1`]);
  });

  test("a change that is taken back for lack of room: the decision never was", async () => {
    const log = new MemoryStateLog();
    const { services, partitions } = await openTransactions({ log });
    const producer = await producerOf(services, "a");
    await services.addPartitions(producer, places(0));
    log.autoSync = false;
    const ended = outcomeOf(services.end(producer, "commit"));
    log.fail(new LogError("DISK_FULL", "no room"));
    expect(await ended).toBe("DISK_FULL");
    await settle();
    log.autoSync = true;
    expect(partitions.markers).toEqual([]);
    expect((await services.describe("a")).state).toBe("Ongoing");
    await services.end(producer, "abort");
    await settle();
    expect(partitions.of("t-0")).toEqual([`abort ${producer.producerId}/0`]);
  });

  test("room is missing when the end is noted: it is noted later, and nothing is written twice over", async () => {
    const log = new MemoryStateLog();
    const { services, partitions, clock } = await openTransactions({ log });
    const producer = await producerOf(services, "a");
    await services.addPartitions(producer, places(0));
    let release = (): void => undefined;
    partitions.barrier = new Promise((resolve) => (release = resolve));
    await services.end(producer, "commit");
    await settle();
    log.autoSync = false;
    release();
    await settle();
    log.fail(new LogError("DISK_FULL", "no room"));
    log.autoSync = true;
    await clock.run(1000);
    expect((await services.describe("a")).state).toBe("CompleteCommit");
    expect(new Set(partitions.of("t-0"))).toEqual(new Set([`commit ${producer.producerId}/0`]));
  });

  test("a log that cannot be written: is said, and nothing is allowed any more", async () => {
    const log = new MemoryStateLog();
    const { services } = await openTransactions({ log });
    const producer = await producerOf(services, "a");
    await services.addPartitions(producer, places(0));
    const [place] = places(0);
    const batch = { ...producer, transactionalId: "a" };
    if (place !== undefined) expect(services.gate.check(batch, place)).toBe(null);
    log.autoSync = false;
    const ended = outcomeOf(services.end(producer, "commit"));
    log.fail(storage);
    expect(await ended).toBe("COORDINATOR_NOT_AVAILABLE");
    expect(services.state).toBe("failed");
    if (place !== undefined) {
      expect(services.gate.check(batch, place)).toBe("COORDINATOR_NOT_AVAILABLE");
    }
    await services.close();
  });
});

describe("transaction services: what is told", () => {
  test("list: by state, producer and age", async () => {
    const { services, clock } = await openTransactions();
    const one = await producerOf(services, "one");
    const two = await producerOf(services, "two");
    await services.addPartitions(two, places(0));
    await clock.run(500);
    const everything = { states: [], producerIds: [], durationMs: -1 };
    const names = async (filter: Parameters<typeof services.list>[0]) => {
      return (await services.list(filter)).map(({ transactionalId }) => transactionalId);
    };
    expect(await services.list(everything)).toEqual([
      { ...one, state: "Empty" },
      { ...two, state: "Ongoing" },
    ]);
    expect(await names({ ...everything, states: ["Ongoing"] })).toEqual(["two"]);
    expect(await names({ ...everything, producerIds: [one.producerId] })).toEqual(["one"]);
    expect(await names({ ...everything, durationMs: 499 })).toEqual(["two"]);
    expect(await names({ ...everything, durationMs: 500 })).toEqual([]);
    expect(await services.describe("two")).toMatchObject({
      transactionTimeoutMs: 60_000,
      startedAtMs: clock.nowMs() - 500,
    });
    expect((await services.describe("one")).startedAtMs).toBe(-1);
  });

  test("producers of partitions: those that are not there are named", async () => {
    const { services } = await openTransactions();
    expect(await services.describeProducers(places(0, 9))).toEqual([
      { topic: "t", partition: 0, error: null, producers: [] },
      { topic: "t", partition: 9, error: "UNKNOWN_TOPIC_OR_PARTITION", producers: [] },
    ]);
  });

  test("after close: refused", async () => {
    const { services } = await openTransactions();
    await services.close();
    expect(await outcomeOf(services.initProducerId(initOf("a")))).toBe("COORDINATOR_NOT_AVAILABLE");
    expect(await outcomeOf(services.initProducerId(initOf(null)))).toBe(
      "COORDINATOR_NOT_AVAILABLE",
    );
  });
});

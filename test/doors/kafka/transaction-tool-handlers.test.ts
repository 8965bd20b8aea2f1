import { describe, expect, test } from "vitest";
import { createTopic, openTestEngine } from "../../support/engines.ts";
import { talkTo } from "../../support/kafka-calls.ts";

async function open() {
  const { engine, clock } = await openTestEngine();
  await createTopic(engine, "orders", { partitions: 3 });
  const { ask } = talkTo(engine.services);
  const begin = async (transactionalId: string, partitions: readonly number[]) => {
    const asked = { transactionalId, transactionTimeoutMs: 60_000 };
    const { producerId, producerEpoch } = await ask("initProducerId", 4, asked);
    if (partitions.length === 0) return producerId;
    await ask("addPartitionsToTxn", 3, {
      v3AndBelowTransactionalId: transactionalId,
      v3AndBelowProducerId: producerId,
      v3AndBelowProducerEpoch: producerEpoch,
      v3AndBelowTopics: [{ name: "orders", partitions }],
    });
    return producerId;
  };
  return { ask, begin, clock };
}

test("describe transactions: an open one, an idle one, and one that is not there", async () => {
  const { ask, begin, clock } = await open();
  const producerId = await begin("open", [2, 0]);
  await begin("idle", []);
  const { transactionStates: states } = await ask("describeTransactions", 0, {
    transactionalIds: ["open", "idle", "none"],
  });
  expect(states[0]).toEqual({
    errorCode: 0,
    transactionalId: "open",
    transactionState: "Ongoing",
    transactionTimeoutMs: 60_000,
    transactionStartTimeMs: clock.nowMs(),
    producerId,
    producerEpoch: 0,
    topics: [{ topic: "orders", partitions: expect.arrayContaining([0, 2]) }],
  });
  expect(states[1]).toMatchObject({
    errorCode: 0,
    transactionState: "Empty",
    transactionStartTimeMs: -1,
    topics: [],
  });
  expect(states[2]).toMatchObject({ errorCode: 105, transactionalId: "none", producerId: -1 });
});

describe("list transactions", () => {
  test("filters: of states, producers and time; unknown states are named", async () => {
    const { ask, begin, clock } = await open();
    const producerId = await begin("open", [0]);
    await begin("idle", []);
    const list = async (
      stateFilters: readonly string[],
      producerIdFilters: readonly number[] = [],
      durationFilter = -1,
    ) => {
      const asked = { stateFilters, producerIdFilters, durationFilter };
      const answer = await ask("listTransactions", 1, asked);
      expect(answer.errorCode).toBe(0);
      const ids = answer.transactionStates.map(({ transactionalId }) => transactionalId).sort();
      return { ids, unknown: answer.unknownStateFilters };
    };
    expect(await list([])).toEqual({ ids: ["idle", "open"], unknown: [] });
    expect(await list(["Ongoing", "Odd"])).toEqual({ ids: ["open"], unknown: ["Odd"] });
    expect(await list(["Odd"])).toEqual({ ids: [], unknown: ["Odd"] });
    expect(await list([], [producerId])).toEqual({ ids: ["open"], unknown: [] });
    expect((await list([], [], 1000)).ids).toEqual([]);
    await clock.run(2000);
    expect((await list([], [], 1000)).ids).toEqual(["open"]);
  });
});

test("describe producers: each partition by itself", async () => {
  const { ask } = await open();
  const { topics } = await ask("describeProducers", 0, {
    topics: [
      { name: "orders", partitionIndexes: [1, 9] },
      { name: "none", partitionIndexes: [0] },
    ],
  });
  expect(topics).toEqual([
    {
      name: "orders",
      partitions: [
        { partitionIndex: 1, errorCode: 0, errorMessage: null, activeProducers: [] },
        { partitionIndex: 9, errorCode: 3, errorMessage: null, activeProducers: [] },
      ],
    },
    {
      name: "none",
      partitions: [{ partitionIndex: 0, errorCode: 3, errorMessage: null, activeProducers: [] }],
    },
  ]);
});

import { describe, expect, test } from "vitest";
import { LogError } from "../../../src/base/error.ts";
import type { TransactionalOffsetCommit } from "../../../src/services.ts";
import { createTopic, openTestEngine } from "../../support/engines.ts";
import { servicesWith, talkTo } from "../../support/kafka-calls.ts";

async function open() {
  const { engine } = await openTestEngine();
  await createTopic(engine, "orders", { partitions: 2 });
  const { ask } = talkTo(engine.services);
  const init = async (transactionalId: string | null, timeoutMs = 10_000) => {
    const asked = { transactionalId, transactionTimeoutMs: timeoutMs };
    return await ask("initProducerId", 5, asked);
  };
  return { engine, ask, init };
}

function offsetsOf(name: string, partitionIndex: number, committedOffset: number) {
  const committedMetadata = null;
  return [{ name, partitions: [{ partitionIndex, committedOffset, committedMetadata }] }];
}

describe("init producer id", () => {
  test("without transactions: a new id each time, epoch 0", async () => {
    const { init } = await open();
    const [one, other] = [await init(null), await init(null)];
    expect([one.errorCode, one.producerEpoch, other.producerEpoch]).toEqual([0, 0, 0]);
    expect(other.producerId).not.toBe(one.producerId);
  });

  test("with a transactional id: the same id, the next epoch, and the old one is fenced", async () => {
    const { ask, init } = await open();
    const first = await init("t");
    const second = await init("t");
    expect([second.producerId, second.producerEpoch]).toEqual([first.producerId, 1]);
    const { producerId } = first;
    const end = { transactionalId: "t", producerId, producerEpoch: 0, committed: true };
    expect((await ask("endTxn", 1, end)).errorCode).toBe(47);
    expect((await ask("endTxn", 2, end)).errorCode).toBe(90);
    const again = { transactionalId: "t", transactionTimeoutMs: 10_000, producerId };
    const stale = { ...again, producerEpoch: 7 };
    expect((await ask("initProducerId", 3, stale)).errorCode).toBe(47);
    expect(await ask("initProducerId", 4, stale)).toMatchObject({
      errorCode: 90,
      producerId: -1,
      producerEpoch: -1,
    });
  });

  test("what cannot be: refused", async () => {
    const { ask, init } = await open();
    expect((await init("")).errorCode).toBe(42);
    expect((await init("t", 0)).errorCode).toBe(50);
    expect((await init("t", 900_001)).errorCode).toBe(50);
    const half = { transactionalId: "t", transactionTimeoutMs: 1000, producerId: 4 };
    expect((await ask("initProducerId", 3, half)).errorCode).toBe(42);
  });
});

describe("a transaction", () => {
  test("partitions and offsets: are taken in, and committed with it", async () => {
    const { ask, init } = await open();
    const { producerId, producerEpoch } = await init("t");
    const producer = { transactionalId: "t", producerId, producerEpoch };
    const added = await ask("addPartitionsToTxn", 3, {
      v3AndBelowTransactionalId: "t",
      v3AndBelowProducerId: producerId,
      v3AndBelowProducerEpoch: producerEpoch,
      v3AndBelowTopics: [{ name: "orders", partitions: [1, 0] }],
    });
    expect(added.resultsByTopicV3AndBelow).toEqual([
      {
        name: "orders",
        resultsByPartition: [
          { partitionIndex: 1, partitionErrorCode: 0 },
          { partitionIndex: 0, partitionErrorCode: 0 },
        ],
      },
    ]);
    expect((await ask("addOffsetsToTxn", 3, { ...producer, groupId: "g" })).errorCode).toBe(0);
    const committed = await ask("txnOffsetCommit", 3, {
      ...producer,
      groupId: "g",
      topics: offsetsOf("orders", 0, 7),
    });
    expect(committed.topics).toEqual([
      {
        name: "orders",
        topicId: expect.any(String),
        partitions: [{ partitionIndex: 0, errorCode: 0 }],
      },
    ]);
    const offsetNow = async () => {
      const { topics } = await ask("offsetFetch", 5, { groupId: "g", topics: null });
      return topics[0]?.partitions[0]?.committedOffset;
    };
    expect(await offsetNow()).toBeUndefined();
    expect((await ask("endTxn", 3, { ...producer, committed: true })).errorCode).toBe(0);
    // The next call of the producer waits until the decision is carried out.
    expect((await ask("addOffsetsToTxn", 3, { ...producer, groupId: "g" })).errorCode).toBe(0);
    expect(await offsetNow()).toBe(7);
  });

  test("one partition that is not there: it has its error, the others were not tried", async () => {
    const { ask, init } = await open();
    const { producerId, producerEpoch } = await init("t");
    const answer = await ask("addPartitionsToTxn", 0, {
      v3AndBelowTransactionalId: "t",
      v3AndBelowProducerId: producerId,
      v3AndBelowProducerEpoch: producerEpoch,
      v3AndBelowTopics: [{ name: "orders", partitions: [0, 5] }],
    });
    const codes = answer.resultsByTopicV3AndBelow[0]?.resultsByPartition.map(
      ({ partitionErrorCode }) => partitionErrorCode,
    );
    expect(codes).toEqual([55, 3]);
  });

  test("an unknown producer: the error of the whole is on every partition", async () => {
    const { ask } = await open();
    const answer = await ask("addPartitionsToTxn", 1, {
      v3AndBelowTransactionalId: "none",
      v3AndBelowProducerId: 5,
      v3AndBelowTopics: [{ name: "orders", partitions: [0, 1] }],
    });
    const codes = answer.resultsByTopicV3AndBelow[0]?.resultsByPartition.map(
      ({ partitionErrorCode }) => partitionErrorCode,
    );
    expect(codes).toEqual([49, 49]);
    const producer = { transactionalId: "none", producerId: 5, producerEpoch: 0 };
    const commit = { ...producer, groupId: "g", topics: offsetsOf("orders", 1, 7) };
    const committed = await ask("txnOffsetCommit", 0, commit);
    expect(committed.topics[0]?.partitions).toEqual([{ partitionIndex: 1, errorCode: 49 }]);
    expect((await ask("endTxn", 0, { ...producer, committed: false })).errorCode).toBe(49);
    expect((await ask("addOffsetsToTxn", 0, { ...producer, groupId: "g" })).errorCode).toBe(49);
  });
});

test("offsets of a transaction: who commits is passed on, by what the version can say", async () => {
  const asked: TransactionalOffsetCommit[] = [];
  const commitOffsets = (request: TransactionalOffsetCommit) => {
    asked.push(request);
    return Promise.reject(new LogError("PRODUCER_FENCED", "fenced"));
  };
  const { ask } = talkTo(servicesWith({ transactions: { commitOffsets } }));
  const codes: (number | undefined)[] = [];
  for (const version of [1, 2, 3]) {
    const answer = await ask("txnOffsetCommit", version, {
      transactionalId: "t",
      groupId: "g",
      producerId: 5,
      producerEpoch: 6,
      generationIdOrMemberEpoch: 3,
      memberId: "m",
      groupInstanceId: "i",
      topics: [
        {
          name: "orders",
          partitions: [
            {
              partitionIndex: 0,
              committedOffset: 7,
              committedLeaderEpoch: 2,
              committedMetadata: null,
            },
          ],
        },
      ],
    });
    codes.push(answer.topics[0]?.partitions[0]?.errorCode);
  }
  expect(codes).toEqual([47, 90, 90]);
  const offset = { topic: "orders", partition: 0, offset: 7, metadata: "" };
  expect(asked[0]).toEqual({
    transactionalId: "t",
    producerId: 5,
    producerEpoch: 6,
    group: "g",
    memberId: "",
    groupInstanceId: null,
    generationIdOrMemberEpoch: -1,
    offsets: [{ ...offset, leaderEpoch: -1 }],
  });
  expect(asked[2]).toMatchObject({
    memberId: "m",
    groupInstanceId: "i",
    generationIdOrMemberEpoch: 3,
    offsets: [{ ...offset, leaderEpoch: 2 }],
  });
});

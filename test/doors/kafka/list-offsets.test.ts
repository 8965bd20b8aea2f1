import { afterEach, beforeEach, expect, test } from "vitest";
import type { Engine } from "../../../src/engine.ts";
import type { EncodableRequest } from "../../../src/protocol/apis.ts";
import type { IsolationLevel } from "../../../src/services.ts";
import { batchOf } from "../../support/batches.ts";
import { createTopic, openTestEngine } from "../../support/engines.ts";
import { servicesWith, talkTo } from "../../support/kafka-calls.ts";

let engine: Engine;

beforeEach(async () => {
  ({ engine } = await openTestEngine());
  await createTopic(engine, "t", { partitions: 2 });
  for (const timestampMs of [1_699_000_000_000, 1_700_000_000_000, 1_698_000_000_000]) {
    const batches = [batchOf([{ value: "v", timestampMs }])];
    const partitions = [{ topic: "t", partition: 0, batches, expectedEndOffset: null }];
    await engine.services.data.produce({ acks: -1, partitions });
  }
  await engine.services.topics.deleteRecords("t", [{ partition: 0, offset: 1 }]);
});

afterEach(() => engine.close());

function request(
  timestamp: number,
  { partitionIndex = 0, currentLeaderEpoch = -1, name = "t" } = {},
): EncodableRequest<"listOffsets"> {
  const partitions = [{ partitionIndex, currentLeaderEpoch, timestamp }];
  return { replicaId: -1, topics: [{ name, partitions }] };
}

test.each([1, 2, 3, 4, 5, 6, 7, 8, 9, 10])(
  "list offsets: version %i: the end, the start, and the first record of a time",
  async (version) => {
    const { ask } = talkTo(engine.services);
    const leaderEpoch = version >= 4 ? 0 : -1;
    for (const [time, offset, timestamp] of [
      [-1, 3, -1],
      [-2, 1, -1],
      [1_699_500_000_000, 1, 1_700_000_000_000],
    ] as const) {
      const answer = await ask("listOffsets", version, request(time));
      expect(answer.topics[0]?.partitions).toEqual([
        { partitionIndex: 0, errorCode: 0, timestamp, offset, leaderEpoch },
      ]);
    }
  },
);

test.each([
  { what: "a time after all records", timestamp: 1_800_000_000_000, errorCode: 0, offset: -1 },
  { what: "the largest time", timestamp: -3, errorCode: 0, offset: 1 },
  { what: "the start of what is here", timestamp: -4, errorCode: 0, offset: 1 },
  { what: "the end of what is elsewhere", timestamp: -5, errorCode: 0, offset: -1 },
  { what: "a time that has no meaning", timestamp: -7, errorCode: 35, offset: -1 },
])("list offsets: $what: code $errorCode", async ({ timestamp, errorCode, offset }) => {
  const { ask } = talkTo(engine.services);
  const answer = await ask("listOffsets", 9, request(timestamp));
  expect(answer.topics[0]?.partitions).toMatchObject([{ errorCode, offset }]);
});

test.each([
  [6, -3],
  [7, -4],
  [8, -5],
])("list offsets: version %i: does not know the time %i", async (version, timestamp) => {
  const { ask } = talkTo(engine.services);
  const answer = await ask("listOffsets", version, request(timestamp));
  expect(answer.topics[0]?.partitions).toMatchObject([{ errorCode: 35, offset: -1 }]);
});

test("list offsets: what is wrong with one partition: is said of it alone", async () => {
  const { ask } = talkTo(engine.services);
  const of = (partitionIndex: number, currentLeaderEpoch = -1): object => {
    return { partitionIndex, currentLeaderEpoch, timestamp: -1 };
  };
  const partitions = [of(0), of(0), of(1, 2), of(7), of(1)] as never;
  const answer = await ask("listOffsets", 9, {
    replicaId: -1,
    topics: [{ name: "t", partitions }],
  });
  const codes = answer.topics[0]?.partitions.map(({ errorCode, offset }) => [errorCode, offset]);
  expect(codes).toEqual([
    [0, 3],
    [42, -1],
    [75, -1],
    [3, -1],
    // Its first mention had another fault; it is the second one all the same.
    [42, -1],
  ]);
});

test("list offsets: the isolation level: is handed on", async () => {
  const heard: (IsolationLevel | undefined)[] = [];
  const services = servicesWith({
    data: {
      listOffsets: (_partitions, isolation) => {
        heard.push(isolation);
        return Promise.resolve([]);
      },
    },
  });
  const { ask } = talkTo(services);
  await ask("listOffsets", 2, { replicaId: -1, isolationLevel: 1, topics: [] });
  await ask("listOffsets", 2, { replicaId: -1, isolationLevel: 0, topics: [] });
  expect(heard).toEqual(["read_committed", "read_uncommitted"]);
});

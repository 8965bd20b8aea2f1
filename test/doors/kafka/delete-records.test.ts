import { afterEach, beforeEach, expect, test } from "vitest";
import type { Engine } from "../../../src/engine.ts";
import { createTopic, openTestEngine, produce } from "../../support/engines.ts";
import { servicesWith, talkTo } from "../../support/kafka-calls.ts";

let engine: Engine;

beforeEach(async () => {
  ({ engine } = await openTestEngine());
  await createTopic(engine, "t", { partitions: 2 });
  await produce(engine, { topic: "t", values: ["a", "b", "c"] });
  await produce(engine, { topic: "t", partition: 1, values: ["a"] });
});

afterEach(() => engine.close());

test.each([0, 1, 2])("delete records: version %i: each partition by itself", async (version) => {
  const { ask } = talkTo(engine.services);
  const at = (partitionIndex: number, offset: number) => ({ partitionIndex, offset });
  const topics = [
    { name: "t", partitions: [at(0, 2), at(1, -1), at(0, 9), at(5, 0)] },
    { name: "none", partitions: [at(0, 0)] },
  ];
  const answer = await ask("deleteRecords", version, { topics, timeoutMs: 1000 });
  expect(answer.topics).toEqual([
    {
      name: "t",
      partitions: [
        { partitionIndex: 0, lowWatermark: 2, errorCode: 0 },
        { partitionIndex: 1, lowWatermark: 1, errorCode: 0 },
        { partitionIndex: 0, lowWatermark: -1, errorCode: 1 },
        { partitionIndex: 5, lowWatermark: -1, errorCode: 3 },
      ],
    },
    { name: "none", partitions: [{ partitionIndex: 0, lowWatermark: -1, errorCode: 3 }] },
  ]);
});

test("delete records: a fault of the server: is logged and has the code of unknown errors", async () => {
  const services = servicesWith({
    topics: { deleteRecords: () => Promise.reject(new TypeError("x")) },
  });
  const { ask, unforeseen } = talkTo(services);
  const topics = [{ name: "t", partitions: [{ partitionIndex: 0, offset: 0 }] }];
  const answer = await ask("deleteRecords", 2, { topics, timeoutMs: 1000 });
  expect(answer.topics[0]?.partitions[0]?.errorCode).toBe(-1);
  expect(unforeseen).toHaveLength(1);
});

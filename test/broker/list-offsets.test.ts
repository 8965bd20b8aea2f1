import { expect, test } from "vitest";
import { batchOf } from "../support/batches.ts";
import { createTopic, openTestEngine } from "../support/engines.ts";

test("list offsets: ends, times, the largest time: as Kafka answers them", async () => {
  const { engine, clock } = await openTestEngine();
  await createTopic(engine, "orders");
  const nowMs = clock.nowMs();
  for (const timestamps of [[10, 30], [20], [40, 35]]) {
    const records = timestamps.map((ago) => ({ timestampMs: nowMs - 100 + ago }));
    const part = { topic: "orders", partition: 0, expectedEndOffset: null };
    const batches = [batchOf(records)];
    await engine.services.data.produce({ acks: -1, partitions: [{ ...part, batches }] });
  }
  await engine.services.topics.deleteRecords("orders", [{ partition: 0, offset: 1 }]);
  const ask = async (timestampMs: number, partition = 0, topic = "orders") => {
    const [answer] = await engine.services.data.listOffsets([{ topic, partition, timestampMs }]);
    return [answer?.error ?? null, answer?.offset, answer?.timestampMs];
  };
  expect(await ask(-1)).toEqual([null, 5, -1]);
  expect(await ask(-2)).toEqual([null, 1, -1]);
  expect(await ask(-3)).toEqual([null, 3, nowMs - 60]);
  expect(await ask(0)).toEqual([null, 1, nowMs - 70]);
  expect(await ask(nowMs - 65)).toEqual([null, 3, nowMs - 60]);
  expect(await ask(nowMs - 59)).toEqual([null, -1, -1]);
  expect(await ask(-1, 1)).toEqual(["UNKNOWN_TOPIC_OR_PARTITION", -1, -1]);
  expect(await ask(-1, 0, "none")).toEqual(["UNKNOWN_TOPIC_OR_PARTITION", -1, -1]);
  expect(await ask(-4)).toEqual(["INVALID_REQUEST", -1, -1]);
  expect(await ask(1.5)).toEqual(["INVALID_REQUEST", -1, -1]);
});

test("list offsets: many questions: answered in order, an unknown one among them", async () => {
  const { engine } = await openTestEngine();
  await createTopic(engine, "orders", { partitions: 2 });
  const at = (topic: string, partition: number) => ({ topic, partition, timestampMs: -1 });
  const answers = await engine.services.data.listOffsets([
    at("orders", 1),
    at("none", 0),
    at("orders", 0),
  ]);
  expect(answers.map(({ topic, partition, error }) => [topic, partition, error])).toEqual([
    ["orders", 1, null],
    ["none", 0, "UNKNOWN_TOPIC_OR_PARTITION"],
    ["orders", 0, null],
  ]);
});

import { afterEach, beforeEach, expect, test } from "vitest";
import type { Engine } from "../../../src/engine.ts";
import { createTopic, openTestEngine, produce } from "../../support/engines.ts";
import { talkTo } from "../../support/kafka-calls.ts";

let engine: Engine;

beforeEach(async () => {
  ({ engine } = await openTestEngine());
  await createTopic(engine, "t");
  await produce(engine, { topic: "t", values: ["a", "b"] });
});

afterEach(() => engine.close());

test.each([2, 3, 4])(
  "leader epoch: version %i: the one epoch ends where the log does",
  async (version) => {
    const { ask } = talkTo(engine.services);
    const partitions = [
      { partition: 0, leaderEpoch: 0 },
      { partition: 0, leaderEpoch: 1 },
      { partition: 0, leaderEpoch: -1 },
      { partition: 0, leaderEpoch: 0, currentLeaderEpoch: 4 },
      { partition: 9, leaderEpoch: 0 },
    ];
    const answer = await ask("offsetForLeaderEpoch", version, {
      topics: [{ topic: "t", partitions }],
    });
    expect(answer.topics).toEqual([
      {
        topic: "t",
        partitions: [
          { partition: 0, errorCode: 0, leaderEpoch: 0, endOffset: 2 },
          { partition: 0, errorCode: 0, leaderEpoch: -1, endOffset: -1 },
          { partition: 0, errorCode: 0, leaderEpoch: -1, endOffset: -1 },
          { partition: 0, errorCode: 75, leaderEpoch: -1, endOffset: -1 },
          { partition: 9, errorCode: 3, leaderEpoch: -1, endOffset: -1 },
        ],
      },
    ]);
  },
);

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { LogError } from "../../../src/base/error.ts";
import {
  acknowledged,
  type AcknowledgedTopics,
  isAcknowledging,
  placeOf,
  placesById,
  shareMemberOf,
} from "../../../src/doors/kafka/acknowledgements.ts";
import type { PartitionAcknowledgement, TopicServices } from "../../../src/services.ts";

type Batch = AcknowledgedTopics[number]["partitions"][number]["acknowledgementBatches"][number];

const topics = {
  lookupId: (id: string) =>
    id === "id" ? { name: "jobs", topicId: "id", partitionCount: 3 } : null,
} as unknown as TopicServices;

const topic = (partitions: readonly (readonly [number, readonly Batch[]])[], topicId = "id") => ({
  topicId,
  partitions: partitions.map(([partitionIndex, acknowledgementBatches]) => {
    return { partitionIndex, acknowledgementBatches: [...acknowledgementBatches] };
  }),
});

const batch = (firstOffset: number, lastOffset: number, ...acknowledgeTypes: number[]): Batch => {
  return { firstOffset, lastOffset, acknowledgeTypes };
};

async function put(asked: AcknowledgedTopics, mayRenew = false, failure: Error | null = null) {
  const calls: (readonly PartitionAcknowledgement[])[] = [];
  const failures: unknown[] = [];
  const shares = {
    acknowledge: async (
      _group: string,
      _member: string,
      parts: readonly PartitionAcknowledgement[],
    ) => {
      calls.push(parts);
      if (failure !== null) throw failure;
      return parts.map(({ topic: name, partition }) => {
        const error = partition === 2 ? ("INVALID_RECORD_STATE" as const) : null;
        return { topic: name, partition, error, detail: error };
      });
    },
  } as unknown as Parameters<typeof acknowledged>[2]["services"]["shares"];
  const results = await acknowledged(
    asked,
    { group: "g", memberId: "m" },
    { mayRenew, services: { shares, topics }, onFailure: (error) => failures.push(error) },
  );
  return { calls, failures, results, errors: results.map(({ error }) => error) };
}

describe("who", () => {
  test("a group and a member of 1 to 36 characters", () => {
    const longest = "m".repeat(36);
    expect(shareMemberOf({ groupId: "g", memberId: longest })).toEqual({
      group: "g",
      memberId: longest,
    });
    for (const [groupId, memberId] of [
      [null, "m"],
      ["", "m"],
      ["g", null],
      ["g", ""],
      ["g", `${longest}m`],
    ] as const) {
      expect(() => shareMemberOf({ groupId, memberId })).toThrow(LogError);
    }
  });
});

describe("what", () => {
  test("places, and whether anything is acknowledged", () => {
    const asked = [topic([[0, []]]), topic([[4, []]], "other")];
    expect(placesById(asked)).toEqual([
      { topicId: "id", partition: 0 },
      { topicId: "other", partition: 4 },
    ]);
    expect(isAcknowledging(asked)).toBe(false);
    expect(isAcknowledging([topic([[0, [batch(0, 0, 1)]]])])).toBe(true);
    expect(placeOf({ topicId: "id", partition: 2 }, topics)).toEqual({
      topic: "jobs",
      error: null,
    });
    expect(placeOf({ topicId: "id", partition: 3 }, topics).error).toBe(
      "UNKNOWN_TOPIC_OR_PARTITION",
    );
    expect(placeOf({ topicId: "id", partition: -1 }, topics).error).toBe(
      "UNKNOWN_TOPIC_OR_PARTITION",
    );
    expect(placeOf({ topicId: "other", partition: 0 }, topics).error).toBe("UNKNOWN_TOPIC_ID");
  });

  test("types by name; partitions without acknowledgements have no part in it", async () => {
    const asked = [
      topic([
        [0, [batch(0, 3, 0, 1, 2, 3), batch(7, 9, 4)]],
        [1, []],
      ]),
    ];
    const { calls, results } = await put(asked, true);
    expect(calls).toEqual([
      [
        {
          topic: "jobs",
          partition: 0,
          batches: [
            { firstOffset: 0, lastOffset: 3, types: ["gap", "accept", "release", "reject"] },
            { firstOffset: 7, lastOffset: 9, types: ["renew"] },
          ],
        },
      ],
    ]);
    expect(results).toEqual([{ topicId: "id", partition: 0, error: null, detail: null }]);
    expect((await put([topic([[1, []]])])).calls).toEqual([]);
  });

  test.each([
    ["an end before its beginning", [batch(3, 2, 1)]],
    ["a negative offset", [batch(-1, 2, 1)]],
    ["no type", [batch(0, 0)]],
    ["too few types", [batch(0, 2, 1, 1)]],
    ["too many types", [batch(0, 0, 1, 1)]],
    ["out of order", [batch(5, 6, 1), batch(0, 1, 1)]],
    ["an offset in common", [batch(0, 1, 1), batch(1, 2, 1)]],
    ["a strange type", [batch(0, 0, 5)]],
    ["a negative type", [batch(0, 1, 1, -1)]],
    ["a renewal unsaid", [batch(0, 0, 4)]],
    [
      "more types than anybody holds",
      [{ ...batch(0, 1_000_000), acknowledgeTypes: new Array<number>(1_000_001).fill(1) }],
    ],
  ])("refused: %s", async (_what, batches) => {
    const { calls, results } = await put([topic([[0, batches]])]);
    expect(calls).toEqual([]);
    expect(results).toMatchObject([{ error: "INVALID_REQUEST" }]);
    expect(results[0]?.detail).toMatch(/\w+ .*\w+/);
  });

  test("each partition has its own result, in the order of the request", async () => {
    const good = [batch(0, 0, 1)];
    const { errors, calls } = await put([
      topic([
        [2, good],
        [1, [batch(0, 0, 9)]],
        [0, good],
        [8, good],
      ]),
      topic([[0, good]], "strange"),
    ]);
    expect(errors).toEqual([
      "INVALID_RECORD_STATE",
      "INVALID_REQUEST",
      null,
      "UNKNOWN_TOPIC_OR_PARTITION",
      "UNKNOWN_TOPIC_ID",
    ]);
    expect(calls[0]?.map(({ partition }) => partition)).toEqual([2, 0]);
  });

  test("a partition that comes twice is refused and has one result", async () => {
    const good = [batch(0, 0, 1)];
    const { errors, calls } = await put([
      topic([
        [0, good],
        [1, good],
        [0, good],
      ]),
      topic([[0, good]]),
    ]);
    expect(errors).toEqual(["INVALID_REQUEST", null]);
    expect(calls[0]?.map(({ partition }) => partition)).toEqual([1]);
  });

  test("a failure of all is the error of each that was good", async () => {
    const failure = new LogError("KAFKA_STORAGE_ERROR", "no disk");
    const asked = [
      topic([
        [0, [batch(0, 0, 1)]],
        [1, [batch(0, 0, 9)]],
      ]),
    ];
    const { results, failures } = await put(asked, false, failure);
    expect(results).toMatchObject([
      { partition: 0, error: "KAFKA_STORAGE_ERROR", detail: "no disk" },
      { partition: 1, error: "INVALID_REQUEST" },
    ]);
    expect(failures).toEqual([failure]);
  });

  test("whatever comes, what goes on is in order and typed in full", async () => {
    const offset = fc.integer({ min: -2, max: 12 });
    const batches = fc.array(
      fc.record({
        firstOffset: offset,
        lastOffset: offset,
        acknowledgeTypes: fc.array(fc.integer({ min: -1, max: 5 }), { maxLength: 4 }),
      }),
      { minLength: 1, maxLength: 3 },
    );
    await fc.assert(
      fc.asyncProperty(batches, fc.boolean(), async (asked, mayRenew) => {
        const { calls } = await put([topic([[0, asked]])], mayRenew);
        let before = -1;
        for (const { firstOffset, lastOffset, types } of calls[0]?.[0]?.batches ?? []) {
          expect(firstOffset).toBeGreaterThan(before);
          expect(lastOffset).toBeGreaterThanOrEqual(firstOffset);
          expect([1, lastOffset - firstOffset + 1]).toContain(types.length);
          if (!mayRenew) expect(types).not.toContain("renew");
          before = lastOffset;
        }
      }),
    );
  });
});

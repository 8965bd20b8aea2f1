import { describe, expect, test } from "vitest";
import { LogError } from "../../../src/base/error.ts";
import type { OffsetFetchOptions } from "../../../src/services.ts";
import { createTopic, openTestEngine } from "../../support/engines.ts";
import { servicesWith, talkTo } from "../../support/kafka-calls.ts";

async function open() {
  const { engine } = await openTestEngine({ settings: { groupInitialRebalanceDelayMs: 0 } });
  await createTopic(engine, "a", { partitions: 2 });
  await createTopic(engine, "b");
  return talkTo(engine.services).ask;
}

type Commit = readonly [topic: string, partition: number, offset: number, metadata: string | null];

function topicsOf(commits: readonly Commit[]) {
  return commits.map(([name, partitionIndex, committedOffset, committedMetadata]) => ({
    name,
    partitions: [{ partitionIndex, committedOffset, committedMetadata, committedLeaderEpoch: 3 }],
  }));
}

const nobody = { groupId: "g", generationIdOrMemberEpoch: -1, memberId: "" };

describe("offset commit", () => {
  test("without members: what can be is committed, the rest is named, by topic", async () => {
    const ask = await open();
    const topics = topicsOf([
      ["a", 1, 5, "note"],
      ["none", 0, 5, null],
      ["a", 7, 5, null],
      ["b", 0, 6, null],
      ["a", 0, 7, "x".repeat(5000)],
    ]);
    const answer = await ask("offsetCommit", 9, { ...nobody, topics });
    const outcomes = answer.topics.flatMap(({ name, partitions }) =>
      partitions.map(({ partitionIndex, errorCode }) => `${name} ${partitionIndex} ${errorCode}`),
    );
    expect(outcomes).toEqual(["a 1 0", "a 7 3", "a 0 12", "none 0 3", "b 0 0"]);
    const fetched = await ask("offsetFetch", 5, { groupId: "g", topics: null });
    expect(fetched.topics).toEqual([
      {
        name: "a",
        partitions: [
          {
            partitionIndex: 1,
            committedOffset: 5,
            committedLeaderEpoch: 3,
            metadata: "note",
            errorCode: 0,
          },
        ],
      },
      {
        name: "b",
        partitions: [
          {
            partitionIndex: 0,
            committedOffset: 6,
            committedLeaderEpoch: 3,
            metadata: "",
            errorCode: 0,
          },
        ],
      },
    ]);
  });

  test("an error of the whole: on every partition, as the version knows it", async () => {
    const ask = await open();
    const member = { groupId: "unknown", generationIdOrMemberEpoch: 1, memberId: "m" };
    const topics = topicsOf([
      ["a", 0, 1, null],
      ["b", 0, 1, null],
    ]);
    const codes = async (version: number) =>
      (await ask("offsetCommit", version, { ...member, topics })).topics.flatMap((topic) =>
        topic.partitions.map(({ errorCode }) => errorCode),
      );
    expect([await codes(8), await codes(9)]).toEqual([
      [22, 22],
      [69, 69],
    ]);
  });

  test("members of the new protocol: their epoch, which old versions do not know", async () => {
    const ask = await open();
    const joined = await ask("consumerGroupHeartbeat", 1, {
      groupId: "g",
      memberId: "m",
      memberEpoch: 0,
      instanceId: null,
      rackId: null,
      rebalanceTimeoutMs: 60_000,
      subscribedTopicNames: ["a"],
      serverAssignor: null,
      topicPartitions: [],
    });
    const topics = topicsOf([["a", 0, 1, null]]);
    const commit = async (version: number, memberId: string, epoch: number) => {
      const who = { groupId: "g", memberId, generationIdOrMemberEpoch: epoch };
      const answer = await ask("offsetCommit", version, { ...who, topics });
      return answer.topics[0]?.partitions[0]?.errorCode;
    };
    expect(await commit(9, "m", joined.memberEpoch)).toBe(0);
    expect(await commit(9, "m", joined.memberEpoch + 1)).toBe(113);
    expect(await commit(8, "m", joined.memberEpoch + 1)).toBe(35);
    expect(await commit(9, "nobody", 1)).toBe(25);
    expect(await commit(9, "", -1)).toBe(25);
  });
});

describe("offset fetch", () => {
  test("what was never committed: -1 and no error, from version 1 on", async () => {
    const ask = await open();
    const missing = { committedOffset: -1, committedLeaderEpoch: -1, metadata: "", errorCode: 0 };
    for (const version of [1, 4, 7]) {
      const topics = [{ name: "a", partitionIndexes: [1, 0] }];
      const answer = await ask("offsetFetch", version, { groupId: "g", topics });
      expect(answer.errorCode).toBe(0);
      expect(answer.topics).toEqual([
        {
          name: "a",
          partitions: [
            { partitionIndex: 1, ...missing },
            { partitionIndex: 0, ...missing },
          ],
        },
      ]);
    }
  });

  test("many groups in one request: each has its own answer, in order", async () => {
    const ask = await open();
    await ask("offsetCommit", 8, { ...nobody, topics: topicsOf([["b", 0, 4, null]]) });
    const { groups } = await ask("offsetFetch", 9, {
      groups: [
        { groupId: "h", topics: null },
        { groupId: "twice", topics: null },
        { groupId: "g", topics: null, memberId: "", memberEpoch: -1 },
        { groupId: "twice", topics: [{ name: "b", partitionIndexes: [0] }] },
      ],
    });
    expect(
      groups.map(({ groupId, errorCode, topics }) => [
        groupId,
        errorCode,
        topics.flatMap(({ partitions }) => partitions.map(({ committedOffset: at }) => at)),
      ]),
    ).toEqual([
      ["h", 0, []],
      ["twice", 42, []],
      ["g", 0, [4]],
      ["twice", 42, []],
    ]);
  });

  test("an error: of the whole, of the group, or of each partition, as the version has it", async () => {
    const options: (OffsetFetchOptions | undefined)[] = [];
    const committedOffsets = (_group: string, _places: unknown, asked?: OffsetFetchOptions) => {
      options.push(asked);
      return Promise.reject(new LogError("STALE_MEMBER_EPOCH", "stale"));
    };
    const { ask } = talkTo(servicesWith({ groups: { committedOffsets } }));
    const topics = [{ name: "a", partitionIndexes: [0, 1] }];
    const oldest = await ask("offsetFetch", 1, { groupId: "g", topics });
    expect(oldest.topics[0]?.partitions.map(({ errorCode }) => errorCode)).toEqual([113, 113]);
    const old = await ask("offsetFetch", 7, { groupId: "g", topics, requireStable: true });
    expect([old.errorCode, old.topics]).toEqual([113, []]);
    const groups = [
      { groupId: "g", memberId: "m", memberEpoch: 4, topics },
      { groupId: "h", memberId: "m", memberEpoch: -1, topics },
    ];
    const { groups: answered } = await ask("offsetFetch", 9, { groups });
    expect(answered[0]).toEqual({ groupId: "g", topics: [], errorCode: 113 });
    expect(options).toEqual([
      { member: null, requireStable: false },
      { member: null, requireStable: true },
      { member: { memberId: "m", memberEpoch: 4 }, requireStable: false },
      { member: { memberId: "m", memberEpoch: -1 }, requireStable: false },
    ]);
  });

  test("an offset that a transaction is about to change: has no value", async () => {
    const committed = {
      topic: "a",
      partition: 0,
      offset: 5,
      leaderEpoch: 0,
      metadata: "m",
      committedAtMs: 1,
      error: "UNSTABLE_OFFSET_COMMIT" as const,
    };
    const committedOffsets = () => Promise.resolve([committed]);
    const { ask } = talkTo(servicesWith({ groups: { committedOffsets } }));
    const answer = await ask("offsetFetch", 7, { groupId: "g", topics: null });
    expect(answer.topics[0]?.partitions).toEqual([
      {
        partitionIndex: 0,
        committedOffset: -1,
        committedLeaderEpoch: -1,
        metadata: "",
        errorCode: 88,
      },
    ]);
  });
});

test("offset delete: forgets, and says of each partition what became of it", async () => {
  const ask = await open();
  await ask("offsetCommit", 8, { ...nobody, topics: topicsOf([["b", 0, 4, null]]) });
  const topics = [{ name: "b", partitions: [{ partitionIndex: 0 }] }];
  expect(await ask("offsetDelete", 0, { groupId: "g", topics })).toEqual({
    errorCode: 0,
    throttleTimeMs: 0,
    topics: [{ name: "b", partitions: [{ partitionIndex: 0, errorCode: 0 }] }],
  });
  const fetched = await ask("offsetFetch", 5, { groupId: "g", topics: null });
  expect(fetched.topics).toEqual([]);
  expect(await ask("offsetDelete", 0, { groupId: "none", topics })).toMatchObject({
    errorCode: 69,
    topics: [],
  });
});

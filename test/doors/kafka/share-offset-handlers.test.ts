import { describe, expect, test } from "vitest";
import { openShares, range, types } from "../../support/kafka-shares.ts";

async function open() {
  const world = await openShares({ partitions: 2 });
  const { ask, topicId } = world;
  const describeGroup = async (
    topics: { topicName: string; partitions: readonly number[] }[] | null,
    { groupId = "g", version = 1 } = {},
  ) => {
    const asked = { groups: [{ groupId, topics }] };
    return (await ask("describeShareGroupOffsets", version, asked)).groups[0];
  };
  const alter = (partitions: readonly (readonly [number, number])[], topicName = "jobs") =>
    ask("alterShareGroupOffsets", 0, {
      groupId: "g",
      topics: [
        {
          topicName,
          partitions: partitions.map(([partitionIndex, startOffset]) => {
            return { partitionIndex, startOffset };
          }),
        },
      ],
    });
  const remove = (...names: readonly string[]) =>
    ask("deleteShareGroupOffsets", 0, {
      groupId: "g",
      topics: names.map((topicName) => ({ topicName })),
    });
  const join = (memberEpoch: number) =>
    ask("shareGroupHeartbeat", 1, {
      groupId: "g",
      memberId: "m",
      memberEpoch,
      rackId: null,
      subscribedTopicNames: ["jobs"],
    });
  return { ...world, describeGroup, alter, remove, join, topicId };
}

const unbegun = { startOffset: -1, leaderEpoch: 0, lag: -1, errorCode: 0, errorMessage: null };

describe("describe", () => {
  test("what the group knows: where it starts, and how much is left", async () => {
    const {
      describeGroup,
      open: fetch,
      fetch: again,
      added,
      send,
      settling,
      topicId,
    } = await open();
    await send(["a", "b", "c"]);
    await fetch({ topics: added([0]), maxRecords: 2 });
    await again({ shareSessionEpoch: 1, topics: settling([range(0, 0, types.accept)]) });
    expect(await describeGroup(null)).toEqual({
      groupId: "g",
      errorCode: 0,
      errorMessage: null,
      topics: [
        {
          topicName: "jobs",
          topicId,
          partitions: [{ ...unbegun, partitionIndex: 0, startOffset: 1, lag: 2 }],
        },
      ],
    });
    expect((await describeGroup(null, { version: 0 }))?.topics[0]?.partitions[0]).toMatchObject({
      startOffset: 1,
      lag: -1,
    });
  });

  test("what is asked for: begun, not begun, not there", async () => {
    const { describeGroup, open: fetch, added, send, topicId } = await open();
    await send(["a"]);
    await fetch({ topics: added([0]) });
    const group = await describeGroup([
      { topicName: "jobs", partitions: [0, 1, 2, -1] },
      { topicName: "none", partitions: [0] },
    ]);
    expect(group?.topics.map(({ topicName, topicId: id }) => [topicName, id])).toEqual([
      ["jobs", topicId],
      ["none", "00000000-0000-0000-0000-000000000000"],
    ]);
    const [jobs, none] = group?.topics.map(({ partitions }) => partitions) ?? [];
    expect(jobs?.slice(0, 2)).toEqual([
      { ...unbegun, partitionIndex: 0, startOffset: 0, lag: 1 },
      { ...unbegun, partitionIndex: 1 },
    ]);
    expect(jobs?.slice(2).map(({ errorCode }) => errorCode)).toEqual([3, 3]);
    expect(none?.[0]).toMatchObject({ errorCode: 3, startOffset: -1 });
  });

  test("groups that are not there, or asked for twice", async () => {
    const { ask, describeGroup } = await open();
    const none = await describeGroup(null, { groupId: "none" });
    expect(none).toMatchObject({ groupId: "none", errorCode: 69, topics: [] });
    const twice = { groupId: "g", topics: null };
    const { groups } = await ask("describeShareGroupOffsets", 1, { groups: [twice, twice] });
    expect(groups.map(({ errorCode }) => errorCode)).toEqual([42, 42]);
  });
});

describe("alter", () => {
  test("an empty group starts where it is told, whatever was in flight", async () => {
    const { alter, open: fetch, partOf, send, startOffset, topicId } = await open();
    await send(["a", "b", "c"]);
    await fetch({ maxRecords: 1 });
    const altered = await alter([[0, 2]]);
    expect(altered).toMatchObject({ errorCode: 0, responses: [{ topicName: "jobs", topicId }] });
    expect(altered.responses[0]?.partitions).toEqual([
      { partitionIndex: 0, errorCode: 0, errorMessage: null },
    ]);
    expect(await startOffset()).toBe(2);
    const next = partOf(await fetch());
    expect(next?.acquiredRecords).toEqual([{ firstOffset: 2, lastOffset: 2, deliveryCount: 1 }]);
  });

  test("refusals: each partition has its own, a group with members one for all", async () => {
    const { alter, ask, join } = await open();
    const codes = async (call: ReturnType<typeof alter>) => {
      const { errorCode, responses } = await call;
      const parts = responses.flatMap(({ partitions }) => partitions.map((each) => each.errorCode));
      return [errorCode, ...parts];
    };
    expect(
      await codes(
        alter([
          [0, 1],
          [5, 1],
          [1, -1],
        ]),
      ),
    ).toEqual([0, 0, 3, 42]);
    expect(
      await codes(
        alter([
          [0, 1],
          [0, 2],
        ]),
      ),
    ).toEqual([0, 42]);
    expect(await codes(alter([[0, 1]], "none"))).toEqual([0, 3]);
    await join(0);
    expect(await codes(alter([[0, 1]]))).toEqual([68, 68]);
    const none = await ask("alterShareGroupOffsets", 0, { groupId: "none", topics: [] });
    expect(none).toMatchObject({ errorCode: 69, responses: [] });
    expect(none.errorMessage).toMatch(/\w+ .*\w+/);
  });
});

describe("delete", () => {
  test("an empty group forgets a topic, and begins anew with it", async () => {
    const { remove, open: fetch, partOf, send, describeGroup, topicId } = await open();
    await send(["a"]);
    await fetch();
    const removed = await remove("jobs", "none", "jobs");
    expect(removed.responses).toMatchObject([
      { topicName: "jobs", topicId, errorCode: 0, errorMessage: null },
      { topicName: "none", errorCode: 3 },
    ]);
    expect((await describeGroup(null))?.topics).toEqual([]);
    expect(partOf(await fetch())?.acquiredRecords).toMatchObject([{ deliveryCount: 1 }]);
  });

  test("not of a group with members, nor of one that is not there", async () => {
    const { remove, join, ask, open: fetch } = await open();
    await fetch();
    await join(0);
    expect(await remove("jobs")).toMatchObject({ errorCode: 68, responses: [{ errorCode: 68 }] });
    const asked = { groupId: "none", topics: [] };
    expect((await ask("deleteShareGroupOffsets", 0, asked)).errorCode).toBe(69);
  });
});

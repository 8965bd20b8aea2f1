import { describe, expect, test } from "vitest";
import type { EncodableRequest } from "../../../src/protocol/apis.ts";
import { createTopic, openTestEngine } from "../../support/engines.ts";
import { talkTo } from "../../support/kafka-calls.ts";

async function open() {
  const { engine, clock } = await openTestEngine({
    settings: { groupInitialRebalanceDelayMs: 0 },
  });
  await createTopic(engine, "orders", { partitions: 2 });
  const { ask } = talkTo(engine.services);
  const topicId = engine.services.topics.lookup("orders")?.topicId ?? "";
  const beat = (fields: Partial<EncodableRequest<"shareGroupHeartbeat">>) =>
    ask("shareGroupHeartbeat", 1, {
      groupId: "g",
      memberId: "m",
      memberEpoch: 0,
      rackId: null,
      subscribedTopicNames: null,
      ...fields,
    });
  const describeAll = async (...groupIds: readonly string[]) => {
    const asked = { groupIds, includeAuthorizedOperations: false };
    return (await ask("shareGroupDescribe", 1, asked)).groups;
  };
  return { engine, clock, ask, beat, describeAll, topicId };
}

const join = { subscribedTopicNames: ["orders"] };

describe("heartbeat", () => {
  test("a member: its partitions by topic id, nothing while they stay, then it leaves", async () => {
    const { beat, topicId } = await open();
    const joined = await beat(join);
    expect(joined).toMatchObject({ errorCode: 0, errorMessage: null, memberId: "m" });
    expect(joined.heartbeatIntervalMs).toBe(5000);
    expect(joined.assignment).toEqual({ topicPartitions: [{ topicId, partitions: [0, 1] }] });
    const { memberEpoch } = joined;
    expect(memberEpoch).toBeGreaterThan(0);
    expect(await beat({ memberEpoch })).toMatchObject({ memberEpoch, assignment: null });
    expect(await beat({ memberEpoch: -1 })).toMatchObject({ errorCode: 0, memberEpoch: -1 });
    expect((await beat({ memberEpoch })).errorCode).toBe(25);
  });

  test("refusals: code, sentence, and nothing else", async () => {
    const { beat, engine } = await open();
    for (const [fields, code] of [
      [{ ...join, groupId: "" }, 24],
      [{ ...join, memberId: "" }, 42],
      [{ ...join, memberId: "m".repeat(37) }, 42],
      [{ ...join, rackId: "" }, 42],
      [{ ...join, memberEpoch: -2 }, 42],
      [{}, 42],
      [{ subscribedTopicNames: [] }, 42],
      [{ groupId: "none", memberEpoch: 1 }, 69],
      [{ groupId: "none", memberEpoch: -1 }, 69],
    ] as const) {
      const refused = await beat(fields);
      expect(refused, JSON.stringify(fields)).toMatchObject({ errorCode: code, memberId: null });
      expect(refused.errorMessage).toMatch(/\w+ .*\w+/);
    }
    const names = (await engine.services.shares.list()).map(({ group }) => group);
    expect(names).not.toContain("none");
    const { memberEpoch } = await beat(join);
    expect((await beat({ memberEpoch: memberEpoch + 5 })).errorCode).toBe(110);
  });

  test("a name that a consumer group has is not one of these", async () => {
    const { ask, beat } = await open();
    await ask("joinGroup", 3, {
      groupId: "classic",
      sessionTimeoutMs: 10_000,
      memberId: "",
      protocolType: "consumer",
      protocols: [{ name: "range", metadata: Buffer.from("m") }],
    });
    expect((await beat({ ...join, groupId: "classic" })).errorCode).toBe(69);
  });
});

describe("describe", () => {
  test("a group with its members, and one that has none", async () => {
    const { beat, describeAll, topicId } = await open();
    const { memberEpoch } = await beat({ ...join, rackId: "r" });
    const [group, none] = await describeAll("g", "none", "g");
    expect(group).toEqual({
      errorCode: 0,
      errorMessage: null,
      groupId: "g",
      groupState: "Stable",
      groupEpoch: memberEpoch,
      assignmentEpoch: memberEpoch,
      assignorName: "simple",
      members: [
        {
          memberId: "m",
          rackId: "r",
          memberEpoch,
          clientId: "test",
          clientHost: "10.0.0.9",
          subscribedTopicNames: ["orders"],
          assignment: {
            topicPartitions: [{ topicId, topicName: "orders", partitions: [0, 1] }],
          },
        },
      ],
      authorizedOperations: -(2 ** 31),
    });
    expect(none).toMatchObject({ errorCode: 69, groupId: "none", groupState: "Dead", members: [] });
    await beat({ memberEpoch: -1 });
    expect((await describeAll("g"))[0]).toMatchObject({ groupState: "Empty", members: [] });
  });

  test("a member that falls silent leaves", async () => {
    const { beat, describeAll, clock } = await open();
    await beat(join);
    await clock.run(45_001);
    expect((await describeAll("g"))[0]).toMatchObject({ groupState: "Empty", members: [] });
  });

  test("what a client may do: only when asked", async () => {
    const { ask, beat } = await open();
    await beat(join);
    const asked = { groupIds: ["g"], includeAuthorizedOperations: true };
    const [group] = (await ask("shareGroupDescribe", 1, asked)).groups;
    expect(group?.authorizedOperations).toBeGreaterThan(0);
  });
});

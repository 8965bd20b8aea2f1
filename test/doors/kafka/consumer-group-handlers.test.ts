import { describe, expect, test } from "vitest";
import type { EncodableRequest } from "../../../src/protocol/apis.ts";
import { createTopic, openTestEngine } from "../../support/engines.ts";
import { talkTo } from "../../support/kafka-calls.ts";

async function open() {
  const { engine } = await openTestEngine({ settings: { groupInitialRebalanceDelayMs: 0 } });
  await createTopic(engine, "orders", { partitions: 2 });
  const { ask } = talkTo(engine.services);
  const topicId = engine.services.topics.lookup("orders")?.topicId ?? "";
  const beat = (fields: Partial<EncodableRequest<"consumerGroupHeartbeat">>, version = 1) =>
    ask("consumerGroupHeartbeat", version, {
      groupId: "g",
      memberId: "m",
      memberEpoch: 0,
      instanceId: null,
      rackId: null,
      rebalanceTimeoutMs: -1,
      subscribedTopicNames: null,
      serverAssignor: null,
      topicPartitions: null,
      ...fields,
    });
  const join = {
    rebalanceTimeoutMs: 60_000,
    subscribedTopicNames: ["orders"],
    topicPartitions: [],
  };
  return { engine, ask, beat, join, topicId };
}

describe("heartbeat", () => {
  test("a member: its partitions by topic id, nothing while they stay, then it leaves", async () => {
    const { beat, join, topicId } = await open();
    const joined = await beat(join);
    expect(joined).toMatchObject({ errorCode: 0, errorMessage: null, memberId: "m" });
    expect(joined.heartbeatIntervalMs).toBe(5000);
    expect(joined.assignment).toEqual({ topicPartitions: [{ topicId, partitions: [0, 1] }] });
    const { memberEpoch } = joined;
    expect(memberEpoch).toBeGreaterThan(0);
    const topicPartitions = [{ topicId, partitions: [0, 1] }];
    const owning = await beat({ memberEpoch, topicPartitions });
    expect([owning.errorCode, owning.memberEpoch]).toEqual([0, memberEpoch]);
    expect((await beat({ memberEpoch })).assignment).toBeNull();
    expect(await beat({ memberEpoch: -1 })).toMatchObject({ errorCode: 0, memberEpoch: -1 });
    expect(await beat({ memberEpoch })).toMatchObject({ memberId: null, assignment: null });
  });

  test("names: the first version may leave them to the server, an empty one is none", async () => {
    const { beat, join } = await open();
    const named = await beat({ ...join, memberId: "" }, 0);
    expect(named.errorCode).toBe(0);
    expect(named.memberId).toMatch(/^[0-9a-f-]{36}$/);
    for (const fields of [{ memberId: "" }, { instanceId: "" }, { rackId: "" }]) {
      const refused = await beat({ ...join, ...fields });
      expect(refused.errorCode, JSON.stringify(fields)).toBe(42);
      expect(refused.errorMessage).toContain("at least one character");
    }
  });

  test("partitions of a topic that has gone: nobody owns them", async () => {
    const { beat, join, engine, topicId } = await open();
    const { memberEpoch } = await beat(join);
    await engine.services.topics.delete("orders");
    const topicPartitions = [{ topicId, partitions: [0, 1] }];
    const after = await beat({ memberEpoch, topicPartitions });
    expect([after.errorCode, after.assignment]).toEqual([0, { topicPartitions: [] }]);
  });

  test("refusals: code, sentence, and nothing else", async () => {
    const { beat, join } = await open();
    expect(await beat({ ...join, serverAssignor: "odd" })).toMatchObject({
      errorCode: 112,
      memberId: null,
      memberEpoch: 0,
      heartbeatIntervalMs: 0,
      assignment: null,
    });
    const unknown = await beat({ memberEpoch: 5 });
    expect(unknown.errorCode).toBe(25);
    expect(unknown.errorMessage).toMatch(/\w+ .*\w+/);
  });
});

describe("describe", () => {
  test("a group: epochs, members, and what they have and should have by id and name", async () => {
    const { ask, beat, join, topicId } = await open();
    const { memberEpoch } = await beat(join);
    const { groups } = await ask("consumerGroupDescribe", 1, {
      groupIds: ["g", "none"],
      includeAuthorizedOperations: false,
    });
    const assignment = {
      topicPartitions: [{ topicId, topicName: "orders", partitions: [0, 1] }],
    };
    expect(groups[0]).toMatchObject({
      errorCode: 0,
      groupId: "g",
      groupState: "Stable",
      groupEpoch: memberEpoch,
      assignmentEpoch: memberEpoch,
      assignorName: "uniform",
      members: [
        {
          memberId: "m",
          instanceId: null,
          rackId: null,
          memberEpoch,
          clientId: "test",
          clientHost: "10.0.0.9",
          subscribedTopicNames: ["orders"],
          assignment,
          targetAssignment: assignment,
          memberType: 1,
        },
      ],
      authorizedOperations: -(2 ** 31),
    });
    expect(groups[1]).toMatchObject({ errorCode: 69, groupId: "none", members: [] });
  });

  test("a classic group: is not one of these", async () => {
    const { ask } = await open();
    await ask("joinGroup", 3, {
      groupId: "classic",
      sessionTimeoutMs: 10_000,
      memberId: "",
      protocolType: "consumer",
      protocols: [{ name: "range", metadata: Buffer.from("m") }],
    });
    const asked = { groupIds: ["classic"], includeAuthorizedOperations: true };
    const [group] = (await ask("consumerGroupDescribe", 0, asked)).groups;
    expect(group?.errorCode).toBe(69);
    expect(group?.errorMessage).toContain("classic protocol");
    expect(group?.authorizedOperations).toBeGreaterThan(0);
  });
});

import { describe, expect, test } from "vitest";
import { LogError } from "../../../src/base/error.ts";
import type { GroupListing, GroupState } from "../../../src/services.ts";
import { openTestEngine } from "../../support/engines.ts";
import { servicesWith, talkTo } from "../../support/kafka-calls.ts";

async function openWithGroup() {
  const { engine } = await openTestEngine({ settings: { groupInitialRebalanceDelayMs: 0 } });
  const { ask } = talkTo(engine.services);
  const { memberId } = await ask("joinGroup", 3, {
    groupId: "g",
    sessionTimeoutMs: 10_000,
    memberId: "",
    protocolType: "consumer",
    protocols: [{ name: "range", metadata: Buffer.from("topics") }],
  });
  const assignments = [{ memberId, assignment: Buffer.from("work") }];
  await ask("syncGroup", 3, { groupId: "g", generationId: 1, memberId, assignments });
  return { ask, memberId };
}

describe("describe groups", () => {
  test("a stable group: its protocol and its members' bytes", async () => {
    const { ask, memberId } = await openWithGroup();
    const { groups } = await ask("describeGroups", 6, { groups: ["g"] });
    expect(groups).toEqual([
      {
        errorCode: 0,
        errorMessage: null,
        groupId: "g",
        groupState: "Stable",
        protocolType: "consumer",
        protocolData: "range",
        members: [
          {
            memberId,
            groupInstanceId: null,
            clientId: "test",
            clientHost: "10.0.0.9",
            memberMetadata: Buffer.from("topics"),
            memberAssignment: Buffer.from("work"),
          },
        ],
        authorizedOperations: -(2 ** 31),
      },
    ]);
    const asked = { groups: ["g"], includeAuthorizedOperations: true };
    const [described] = (await ask("describeGroups", 3, asked)).groups;
    expect(described?.authorizedOperations).toBeGreaterThan(0);
  });

  test("a group that is not there: dead in old versions, unknown from version 6 on", async () => {
    const { ask } = await openWithGroup();
    const describeNone = async (version: number) => {
      const [group] = (await ask("describeGroups", version, { groups: ["none"] })).groups;
      return [group?.errorCode, group?.groupState, group?.errorMessage !== null];
    };
    expect(await describeNone(0)).toEqual([0, "Dead", false]);
    expect(await describeNone(5)).toEqual([0, "Dead", false]);
    expect(await describeNone(6)).toEqual([69, "Dead", true]);
    const often = await ask("describeGroups", 5, { groups: ["g", "none", "g", "g"] });
    expect(often.groups.map(({ groupId }) => groupId)).toEqual(["g", "none"]);
  });
});

function listing(group: string, kind: "classic" | "consumer", state: GroupState): GroupListing {
  return { group, kind, protocolType: "consumer", state, memberCount: 0, topics: [] };
}

describe("list groups", () => {
  const list = () =>
    Promise.resolve([
      listing("a", "classic", "PREPARING_REBALANCE"),
      listing("b", "consumer", "RECONCILING"),
      listing("c", "classic", "STABLE"),
      listing("d", "consumer", "EMPTY"),
    ]);
  const listShares = () => Promise.resolve([{ group: "e", state: "EMPTY" as const }]);

  test("filters: of states and types, whatever their case, both at once", async () => {
    const { ask } = talkTo(servicesWith({ groups: { list }, shares: { list: listShares } }));
    const listed = async (statesFilter: string[], typesFilter: string[], version = 5) => {
      const answer = await ask("listGroups", version, { statesFilter, typesFilter });
      return answer.groups.map(({ groupId }) => groupId).join("");
    };
    expect(await listed([], [])).toBe("abcde");
    expect(await listed(["preparingrebalance", "Reconciling"], [])).toBe("ab");
    expect(await listed([], ["Consumer"])).toBe("bd");
    expect(await listed(["STABLE", "Empty"], ["classic"])).toBe("c");
    expect(await listed([], ["SHARE"])).toBe("e");
    expect(await listed(["empty"], [])).toBe("de");
    expect(await listed(["odd"], [])).toBe("");
    expect(await listed(["Stable"], ["consumer"], 4)).toBe("c");
  });

  test("names: of states and kinds as Kafka's tools show them", async () => {
    const { ask } = talkTo(servicesWith({ groups: { list }, shares: { list: listShares } }));
    const { groups } = await ask("listGroups", 5, { statesFilter: [], typesFilter: [] });
    expect(groups[0]).toEqual({
      groupId: "a",
      protocolType: "consumer",
      groupState: "PreparingRebalance",
      groupType: "Classic",
    });
    expect(groups[1]).toMatchObject({ groupState: "Reconciling", groupType: "Consumer" });
    expect(groups[4]).toEqual({
      groupId: "e",
      protocolType: "share",
      groupState: "Empty",
      groupType: "Share",
    });
  });

  test("a coordinator that cannot answer: an error that admin clients try again after", async () => {
    const failing = () => Promise.reject(new LogError("COORDINATOR_NOT_AVAILABLE", "stopping"));
    const { ask } = talkTo(servicesWith({ groups: { list: failing } }));
    expect(await ask("listGroups", 0, {})).toMatchObject({ errorCode: 15, groups: [] });
  });
});

test("delete groups: each has its own outcome", async () => {
  const { ask, memberId } = await openWithGroup();
  const codes = async (...groupsNames: readonly string[]) =>
    (await ask("deleteGroups", 2, { groupsNames })).results.map(({ groupId, errorCode }) => {
      return `${groupId} ${errorCode}`;
    });
  expect(await codes("g", "none")).toEqual(["g 68", "none 69"]);
  await ask("leaveGroup", 1, { groupId: "g", memberId });
  expect(await codes("g")).toEqual(["g 0"]);
  expect(await codes("g")).toEqual(["g 69"]);
});

test("a share group: deleted when it is empty; it is no group of the other protocols", async () => {
  const { ask } = await openWithGroup();
  const beat = (memberEpoch: number) =>
    ask("shareGroupHeartbeat", 1, {
      groupId: "s",
      memberId: "m",
      memberEpoch,
      rackId: null,
      subscribedTopicNames: ["orders"],
    });
  await beat(0);
  const remove = async () => (await ask("deleteGroups", 2, { groupsNames: ["s"] })).results;
  expect(await remove()).toMatchObject([{ groupId: "s", errorCode: 68 }]);
  const [classic] = (await ask("describeGroups", 6, { groups: ["s"] })).groups;
  expect(classic).toMatchObject({ errorCode: 69, groupState: "Dead" });
  await beat(-1);
  expect(await remove()).toMatchObject([{ groupId: "s", errorCode: 0 }]);
  expect(await remove()).toMatchObject([{ groupId: "s", errorCode: 69 }]);
});

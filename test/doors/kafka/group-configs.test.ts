import { describe, expect, test } from "vitest";
import type { EncodableRequest } from "../../../src/protocol/apis.ts";
import { openTestEngine } from "../../support/engines.ts";
import { talkTo } from "../../support/kafka-calls.ts";

const group = 32;
const [lock, reset, limit, isolation] = [
  "share.record.lock.duration.ms",
  "share.auto.offset.reset",
  "share.delivery.count.limit",
  "share.isolation.level",
];

type Change = EncodableRequest<"incrementalAlterConfigs">["resources"][number]["configs"][number];

const plain = { includeSynonyms: false, includeDocumentation: false };

async function open() {
  const { engine } = await openTestEngine();
  const { ask } = talkTo(engine.services);
  const described = async (name: string, keys: readonly string[] | null = null, more = plain) => {
    const resources = [{ resourceType: group, resourceName: name, configurationKeys: keys }];
    const { results } = await ask("describeConfigs", 4, { resources, ...more });
    return results[0]?.configs ?? [];
  };
  const values = async (name: string) => {
    const configs = await described(name);
    const shared = configs.filter((config) => config.name.startsWith("share."));
    return Object.fromEntries(shared.map((config) => [config.name, config.value]));
  };
  const change = async (configs: readonly Change[], { name = "g", validateOnly = false } = {}) => {
    const resources = [{ resourceType: group, resourceName: name, configs }];
    const answer = await ask("incrementalAlterConfigs", 1, { resources, validateOnly });
    return answer.responses[0]?.errorCode;
  };
  const replace = async (configs: readonly { name: string; value: string | null }[]) => {
    const resources = [{ resourceType: group, resourceName: "g", configs }];
    const answer = await ask("alterConfigs", 2, { resources, validateOnly: false });
    return answer.responses[0]?.errorCode;
  };
  return { engine, ask, described, values, change, replace };
}

const set = (name: string, value: string | null): Change => ({ name, value, configOperation: 0 });
const byDefault = {
  [lock]: "30000",
  [reset]: "latest",
  [limit]: "5",
  [isolation]: "read_uncommitted",
};

describe("describe", () => {
  test("a group that nobody knows has the defaults", async () => {
    const { values, described } = await open();
    expect(await values("any")).toEqual(byDefault);
    const [one] = await described("any", [lock], { ...plain, includeSynonyms: true });
    expect(one).toMatchObject({
      readOnly: false,
      configSource: 5,
      isSensitive: false,
      synonyms: [{ name: lock, value: "30000", source: 5 }],
      configType: 3,
      documentation: null,
    });
  });

  test("what is set, with where it comes from", async () => {
    const { described, change } = await open();
    expect(await change([set(lock, "20000")])).toBe(0);
    const more = { includeSynonyms: true, includeDocumentation: true };
    const [one] = await described("g", [lock], more);
    expect(one).toMatchObject({
      value: "20000",
      configSource: 8,
      synonyms: [
        { name: lock, value: "20000", source: 8 },
        { name: lock, value: "30000", source: 5 },
      ],
    });
    expect(one?.documentation).toMatch(/\w+ .*\w+/);
    expect((await described("g", [lock]))[0]?.synonyms).toEqual([]);
  });

  test("a queue: what holds for it", async () => {
    const { engine, values } = await open();
    await engine.services.queues.put("q", { leaseMs: 7000, maxDeliveries: 3 });
    expect(await values("q")).toEqual({
      [lock]: "7000",
      [reset]: "earliest",
      [limit]: "3",
      [isolation]: "read_committed",
    });
  });
});

describe("alter", () => {
  test("keys are set and reset one by one, or all replaced", async () => {
    const { values, change, replace } = await open();
    expect(await change([set(reset, "earliest"), set(limit, "9")])).toBe(0);
    expect(await change([{ name: limit, value: null, configOperation: 1 }])).toBe(0);
    expect(await values("g")).toEqual({ ...byDefault, [reset]: "earliest" });
    expect(await replace([{ name: isolation, value: "read_committed" }])).toBe(0);
    expect(await values("g")).toEqual({ ...byDefault, [isolation]: "read_committed" });
    expect(await values("other")).toEqual(byDefault);
  });

  test("only validated: refused as it would be, and nothing changes", async () => {
    const { engine, values, change } = await open();
    expect(await change([set(limit, "9")], { validateOnly: true })).toBe(0);
    expect(await change([set(limit, "none")], { validateOnly: true })).toBe(40);
    expect(await values("g")).toEqual(byDefault);
    expect(await engine.services.shares.list()).toEqual([]);
  });

  test("refusals: of keys, values, lists, names", async () => {
    const { values, change, ask } = await open();
    const append = { name: limit, value: "9", configOperation: 2 };
    const strange = ["nonsense", "constructor", "__proto__", "consumer.session.timeout.ms"];
    for (const name of strange) expect(await change([set(name, "1")]), name).toBe(40);
    for (const value of ["0", "-1", "1e3", "", "10001"]) {
      expect(await change([set(limit, value)]), value).toBe(40);
    }
    expect(await change([append])).toBe(40);
    expect(await change([set(limit, "9"), set(reset, "nowhere")])).toBe(40);
    expect(await change([set(limit, "9")], { name: "" })).toBe(24);
    await ask("consumerGroupHeartbeat", 1, {
      groupId: "consumers",
      memberId: "m",
      memberEpoch: 0,
      instanceId: null,
      rackId: null,
      rebalanceTimeoutMs: 60_000,
      subscribedTopicNames: ["t"],
      serverAssignor: null,
      topicPartitions: [],
    });
    expect(await change([set(limit, "9")], { name: "consumers" })).toBe(69);
    expect(await values("g")).toEqual(byDefault);
  });
});

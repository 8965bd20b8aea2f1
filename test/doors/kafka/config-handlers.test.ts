import { describe, expect, test } from "vitest";
import type { EncodableRequest } from "../../../src/protocol/apis.ts";
import { createTopic, openTestEngine } from "../../support/engines.ts";
import { talkTo } from "../../support/kafka-calls.ts";

const topic = 2;
const broker = 4;
const group = 32;

async function open() {
  const settings = { topicDefaults: { "segment.ms": "7000" }, defaultPartitions: 2 };
  const { engine } = await openTestEngine({ settings });
  const { ask } = talkTo(engine.services);
  await createTopic(engine, "orders", { configs: { "retention.ms": "5000", "flush.ms": "9" } });
  const describeOne = async (
    resourceType: number,
    resourceName: string,
    configurationKeys: readonly string[] | null = null,
  ) => {
    const { results } = await ask("describeConfigs", 4, {
      resources: [{ resourceType, resourceName, configurationKeys }],
      includeSynonyms: true,
      includeDocumentation: true,
    });
    const [result] = results;
    if (result === undefined) throw new Error("no result");
    return result;
  };
  const own = async () => {
    const { configs } = await describeOne(topic, "orders");
    return configs.flatMap(({ name, value, configSource }) =>
      configSource === 1 ? [`${name}=${value}`] : [],
    );
  };
  return { engine, ask, describeOne, own };
}

describe("describe configs", () => {
  test("a topic: every key, or those asked for, with all there is to know", async () => {
    const { describeOne } = await open();
    const all = await describeOne(topic, "orders");
    expect(all).toMatchObject({ errorCode: 0, errorMessage: null, resourceName: "orders" });
    expect(all.configs.length).toBeGreaterThan(30);
    const some = await describeOne(topic, "orders", ["segment.ms", "retention.ms", "nonsense"]);
    expect(some.configs.map(({ name }) => name)).toEqual(["retention.ms", "segment.ms"]);
    expect(some.configs[1]).toEqual({
      name: "segment.ms",
      value: "7000",
      readOnly: false,
      configSource: 4,
      isSensitive: false,
      synonyms: [
        { name: "log.roll.ms", value: "7000", source: 4 },
        { name: "log.roll.ms", value: "604800000", source: 5 },
      ],
      configType: 5,
      documentation: "A new segment is begun when the first record of the present one is this old.",
    });
    expect((await describeOne(topic, "orders", [])).configs.length).toBe(all.configs.length);
    const internal = await describeOne(topic, "__consumer_offsets", ["cleanup.policy"]);
    expect(internal.configs[0]).toMatchObject({ value: "", readOnly: true, configSource: 1 });
  });

  test("the broker, all brokers, and what groups have of it: read-only", async () => {
    const { describeOne } = await open();
    const one = await describeOne(broker, "1");
    expect(one.configs.find(({ name }) => name === "num.partitions")).toMatchObject({
      value: "2",
      readOnly: true,
      configSource: 4,
      configType: 3,
    });
    expect(one.configs.every(({ readOnly }) => readOnly)).toBe(true);
    const names = one.configs.map(({ name }) => name);
    expect(names).toEqual(expect.arrayContaining(["node.id", "log.dirs", "message.max.bytes"]));
    expect(new Set(names).size).toBe(names.length);
    expect(await describeOne(broker, "")).toMatchObject({ errorCode: 0, configs: [] });
    const ofGroup = await describeOne(group, "any");
    const fixed = ofGroup.configs.filter(({ readOnly }) => readOnly);
    expect(fixed.map(({ name, value }) => [name, value])).toEqual([
      ["consumer.heartbeat.interval.ms", "5000"],
      ["consumer.session.timeout.ms", "45000"],
    ]);
  });

  test("what is not there, or asked for twice: its own error and no keys", async () => {
    const { ask, describeOne } = await open();
    const twice = { resourceType: topic, resourceName: "orders", configurationKeys: null };
    const answer = await ask("describeConfigs", 4, {
      resources: [twice, twice],
      includeSynonyms: true,
    });
    expect(answer.results.map(({ errorCode }) => errorCode)).toEqual([42, 42]);
    expect(await describeOne(topic, "none")).toMatchObject({ errorCode: 3, configs: [] });
    expect(await describeOne(broker, "2")).toMatchObject({ errorCode: 42, configs: [] });
    expect(await describeOne(8, "1")).toMatchObject({ errorCode: 42, configs: [] });
  });

  test("synonyms and documentation: only when asked for", async () => {
    const { ask } = await open();
    const { results } = await ask("describeConfigs", 1, {
      resources: [{ resourceType: topic, resourceName: "orders", configurationKeys: null }],
      includeSynonyms: false,
    });
    for (const { synonyms, documentation } of results[0]?.configs ?? []) {
      expect([synonyms, documentation]).toEqual([[], null]);
    }
  });
});

type Replaced = EncodableRequest<"alterConfigs">["resources"][number];
type Changed = EncodableRequest<"incrementalAlterConfigs">["resources"][number]["configs"][number];

describe("alter configs", () => {
  const replacement = (resourceName: string, configs: Replaced["configs"]): Replaced => {
    return { resourceType: topic, resourceName, configs };
  };

  test("a topic: all that was set before is gone; only validated: nothing is", async () => {
    const { ask, own } = await open();
    const resources = [replacement("orders", [{ name: "segment.ms", value: "3" }])];
    const checked = await ask("alterConfigs", 2, { resources, validateOnly: true });
    expect(checked.responses).toEqual([
      { errorCode: 0, errorMessage: null, resourceType: topic, resourceName: "orders" },
    ]);
    expect(await own()).toEqual(["flush.ms=9", "retention.ms=5000"]);
    await ask("alterConfigs", 2, { resources, validateOnly: false });
    expect(await own()).toEqual(["segment.ms=3"]);
    const empty = [replacement("orders", [{ name: "flush.ms", value: null }])];
    await ask("alterConfigs", 0, { resources: empty, validateOnly: false });
    expect(await own()).toEqual([]);
  });

  test("what cannot be: each resource has its own error", async () => {
    const { ask, own } = await open();
    const { responses } = await ask("alterConfigs", 2, {
      resources: [
        replacement("orders", [{ name: "nonsense", value: "1" }]),
        replacement("none", []),
        replacement("__consumer_offsets", []),
        { resourceType: broker, resourceName: "1", configs: [] },
        { resourceType: broker, resourceName: "2", configs: [] },
        { resourceType: group, resourceName: "g", configs: [{ name: "nonsense", value: "1" }] },
        replacement("twice", []),
        replacement("twice", []),
      ],
      validateOnly: false,
    });
    expect(responses.map(({ errorCode }) => errorCode)).toEqual([40, 3, 29, 42, 42, 40, 42, 42]);
    expect(responses[3]?.errorMessage).toContain("read-only while the server runs");
    expect(await own()).toEqual(["flush.ms=9", "retention.ms=5000"]);
  });
});

describe("incremental alter configs", () => {
  test("keys are set, taken away, and lists changed item by item", async () => {
    const { ask, own } = await open();
    const change = async (configs: readonly Changed[], validateOnly = false) => {
      const resources = [{ resourceType: topic, resourceName: "orders", configs }];
      const { responses } = await ask("incrementalAlterConfigs", 1, { resources, validateOnly });
      return responses[0]?.errorCode;
    };
    const key = (name: string, configOperation: number, value: string | null = null): Changed => {
      return { name, configOperation, value };
    };
    const policy = "cleanup.policy";
    expect(await change([key("flush.ms", 0, "4")], true)).toBe(0);
    expect(await own()).toEqual(["flush.ms=9", "retention.ms=5000"]);
    expect(await change([key("flush.ms", 0, "4"), key("retention.ms", 1)])).toBe(0);
    expect(await own()).toEqual(["flush.ms=4"]);
    expect(await change([key(policy, 3, "delete")])).toBe(0);
    expect(await own()).toEqual(["cleanup.policy=", "flush.ms=4"]);
    expect(await change([key(policy, 2, "delete")])).toBe(0);
    expect(await own()).toEqual(["cleanup.policy=delete", "flush.ms=4"]);
    expect(await change([key(policy, 2, "compact")])).toBe(0);
    expect(await own()).toEqual(["cleanup.policy=delete,compact", "flush.ms=4"]);
    expect(await change([key(policy, 3, "compact")])).toBe(0);
    for (const [bad, code] of [
      [[key("flush.ms", 2, "1")], 40],
      [[key(policy, 2, "compress")], 40],
      [[key("flush.ms", 0)], 42],
      [[key("flush.ms", 4, "1")], 42],
      [[key("flush.ms", 0, "1"), key("flush.ms", 1)], 42],
      [[key("nonsense", 1)], 40],
    ] as const) {
      expect(await change(bad), JSON.stringify(bad)).toBe(code);
    }
    expect(await own()).toEqual(["cleanup.policy=delete", "flush.ms=4"]);
  });
});

describe("list config resources", () => {
  test("topics and the broker; other kinds have none, unknown ones are refused", async () => {
    const { ask } = await open();
    const list = async (resourceTypes: readonly number[], version = 1) => {
      const answer = await ask("listConfigResources", version, { resourceTypes });
      const found = answer.configResources.map((each) => [each.resourceType, each.resourceName]);
      return { errorCode: answer.errorCode, found };
    };
    expect((await list([])).found).toEqual(
      expect.arrayContaining([
        [topic, "orders"],
        [broker, "1"],
      ]),
    );
    expect(await list([broker, group, 16])).toEqual({ errorCode: 0, found: [[broker, "1"]] });
    const configs = [{ name: "share.auto.offset.reset", value: "earliest" }];
    const resources = [{ resourceType: group, resourceName: "g", configs }];
    await ask("alterConfigs", 2, { resources, validateOnly: false });
    expect((await list([group])).found).toEqual([[group, "g"]]);
    expect(await list([7])).toEqual({ errorCode: 35, found: [] });
    // The first version asks about the metrics of clients, of which none are set.
    expect(await list([], 0)).toEqual({ errorCode: 0, found: [] });
  });
});

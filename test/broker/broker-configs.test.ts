import { expect, test } from "vitest";
import type { ConfigEntry } from "../../src/services.ts";
import { openTestEngine } from "../support/engines.ts";

function byName(entries: readonly ConfigEntry[]): ReadonlyMap<string, ConfigEntry> {
  return new Map(entries.map((entry) => [entry.name, entry]));
}

test("settings: by Kafka's names, sorted, with what they are by default", async () => {
  const settings = {
    defaultPartitions: 4,
    offsetsRetentionMs: 90_000,
    topicDefaults: { "retention.ms": "5000" },
  };
  const { broker } = (await openTestEngine({ settings })).engine.services;
  const entries = await broker.describeConfigs();
  const names = entries.map(({ name }) => name);
  expect(names).toEqual([...new Set(names)].sort());
  const found = byName(entries);
  expect(found.get("num.partitions")).toEqual({
    name: "num.partitions",
    value: "4",
    source: "server",
    type: "int",
    documentation: "Partitions of a topic created without a count.",
    synonyms: [
      { name: "num.partitions", value: "4", source: "server" },
      { name: "num.partitions", value: "1", source: "default" },
    ],
  });
  expect(found.get("offsets.retention.minutes")?.value).toBe("2");
  expect(found.get("auto.create.topics.enable")).toMatchObject({
    value: "true",
    source: "default",
    type: "boolean",
  });
  expect(found.get("log.dirs")?.value).toBe("/data");
  expect(found.get("log.retention.ms")).toMatchObject({ value: "5000", source: "server" });
  expect(found.get("message.max.bytes")).toMatchObject({ value: "1048588", source: "default" });
});

test("log directory: its bytes; unknown ones are -1", async () => {
  const { engine, disk } = await openTestEngine();
  disk.capacityBytes = 1_000_000;
  const { path, totalBytes, usableBytes } = await engine.services.broker.logDirectory();
  expect([path, totalBytes]).toEqual(["/data", 1_000_000]);
  expect(usableBytes).toBeLessThan(totalBytes);
  disk.plan({ effect: "fail", kind: ["totalBytes", "freeBytes"], times: 2 });
  expect(await engine.services.broker.logDirectory()).toEqual({
    path: "/data",
    totalBytes: -1,
    usableBytes: -1,
  });
});

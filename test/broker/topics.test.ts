import { expect, test } from "vitest";
import { Partition } from "../../src/broker/partition.ts";
import { settingsOf } from "../../src/broker/topic-config.ts";
import { Topics, topicFrom } from "../../src/broker/topics.ts";

const settings = settingsOf(new Map(), new Map());

function topicOf(name: string, partitionCount: number) {
  const partitions = Array.from(
    { length: partitionCount },
    (_, partition) =>
      new Partition({ topic: name, partition, log: null, problem: "is closed", settings }),
  );
  return topicFrom({ name, topicId: `id of ${name}`, configs: new Map(), settings, partitions });
}

test("topics: set, replaced, removed: counts and lookups follow", () => {
  const topics = new Topics();
  topics.set(topicOf("orders", 2));
  topics.set(topicOf("__state", 1));
  topics.set(topicOf("orders", 5));
  expect([topics.count, topics.partitionCount]).toEqual([2, 6]);
  expect(topics.find("orders")?.listing).toEqual({
    name: "orders",
    topicId: "id of orders",
    partitionCount: 5,
    internal: false,
    accepts: {
      batchBytesMax: 1_048_588,
      timestampBeforeMsMax: Infinity,
      timestampAfterMsMax: 3_600_000,
    },
  });
  expect(topics.find("__state")?.listing.internal).toBe(true);
  expect(topics.findPartition("orders", 4)?.directoryName).toBe("orders-4");
  for (const partition of [-1, 5, 0.5, Number.NaN]) {
    expect(topics.findPartition("orders", partition)).toBeNull();
  }
  topics.remove("orders");
  topics.remove("orders");
  expect([topics.count, topics.partitionCount]).toEqual([1, 1]);
  expect(() => topics.get("orders")).toThrow(
    expect.objectContaining({ code: "UNKNOWN_TOPIC_OR_PARTITION", facts: { topic: "orders" } }),
  );
});

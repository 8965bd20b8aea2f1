import { expect, test } from "vitest";
import { doorConfigs } from "../../../src/doors/kafka/door-configs.ts";
import { defaultKafkaLimits } from "../../../src/doors/kafka/kafka-limits.ts";

test("the door's settings: by Kafka's names, with what they are by default", () => {
  const limits = { ...defaultKafkaLimits, idleTimeoutMs: 5 };
  const entries = doorConfigs({ limits, nodeId: 1 });
  expect(entries.map(({ name, value, source }) => [name, value, source])).toEqual([
    ["broker.id", "1", "default"],
    ["node.id", "1", "default"],
    ["connections.max.idle.ms", "5", "server"],
    ["group.share.max.share.sessions", "2000", "default"],
    ["max.connections", "10000", "default"],
    ["socket.request.max.bytes", "104857600", "default"],
  ]);
  expect(entries[2]?.synonyms).toEqual([
    { name: "connections.max.idle.ms", value: "5", source: "server" },
    { name: "connections.max.idle.ms", value: "600000", source: "default" },
  ]);
});

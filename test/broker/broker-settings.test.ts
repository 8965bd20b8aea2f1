import { expect, test } from "vitest";
import { defaultBrokerSettings as settings } from "../../src/broker/broker-settings.ts";
import { settingsOf } from "../../src/broker/topic-config.ts";
import { topicConfigKeys } from "../../src/broker/topic-config-keys.ts";

test("broker settings: how the bounds relate: one request cannot starve the rest", () => {
  const { append } = settingsOf(new Map(), new Map());
  const { kind } = topicConfigKeys["max.message.bytes"];
  const largestBatch = kind.type === "integer" ? (kind.valueMax ?? Infinity) : Infinity;
  expect(append.batchBytesMax).toBeLessThanOrEqual(largestBatch);
  expect(settings.inFlightBytesMax).toBeGreaterThanOrEqual(8 * largestBatch);
  expect(settings.replyBytesMax).toBeGreaterThanOrEqual(largestBatch);
  expect(settings.lentBytesMax).toBeGreaterThanOrEqual(4 * settings.replyBytesMax);
  expect(settings.topicPartitionsMax).toBeLessThanOrEqual(settings.partitionsMax);
});

import { expect, test } from "vitest";
import { kafkaConfigKeys } from "../../src/broker/topic-config-kafka.ts";
import { topicConfigKeys } from "../../src/broker/topic-config-keys.ts";

test("types: fit the values that a key takes", () => {
  for (const [name, { kind, defaultValue }] of Object.entries(topicConfigKeys)) {
    const { type } = kafkaConfigKeys[name as keyof typeof topicConfigKeys];
    const fitting = {
      integer: ["int", "long"],
      fraction: ["double"],
      list: ["list"],
      choice: ["string", "boolean", "list"],
    }[kind.type];
    expect(fitting, name).toContain(type);
    if (type === "boolean") expect(["true", "false"], name).toContain(defaultValue);
    if (type === "int") expect(Math.abs(Number(defaultValue)), name).toBeLessThan(2 ** 31);
  }
});

test("server names: each stands behind one key", () => {
  const names = Object.values(kafkaConfigKeys).map(({ serverName }) => serverName);
  expect(new Set(names).size).toBe(names.length);
});

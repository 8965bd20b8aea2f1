import { expect, test } from "vitest";
import { kafkaGroupState } from "../../../src/doors/kafka/group-state.ts";

test("states: Kafka's names are ours without underscores", () => {
  for (const [state, name] of Object.entries(kafkaGroupState)) {
    expect(name.toUpperCase()).toBe(state.replaceAll("_", ""));
  }
});

import { expect, test } from "vitest";
import { epochError } from "../../../src/doors/kafka/leader-epoch.ts";

test.each([
  [-1, null],
  [0, null],
  [1, "UNKNOWN_LEADER_EPOCH"],
  [-2, "FENCED_LEADER_EPOCH"],
])("epoch: a client that believes in %i: %s", (epoch, error) => {
  expect(epochError(epoch)).toBe(error);
});

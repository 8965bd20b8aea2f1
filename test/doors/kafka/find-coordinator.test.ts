import { expect, test } from "vitest";
import { servicesWith, talkTo } from "../../support/kafka-calls.ts";

const { ask } = talkTo(servicesWith({}));
const here = { errorCode: 0, nodeId: 1, host: "10.0.0.1", port: 9092 };
const shareKey = `g:${"A".repeat(22)}:0`;
const nowhere = { errorCode: 42, nodeId: -1, host: "", port: -1 };

test.each([0, 1, 2, 3])("coordinator: version %i: the broker, for one key", async (version) => {
  expect(await ask("findCoordinator", version, { key: "g", keyType: 0 })).toMatchObject(here);
});

test.each([4, 5, 6])("coordinator: version %i: the broker, for each key", async (version) => {
  const answer = await ask("findCoordinator", version, { keyType: 1, coordinatorKeys: ["a", "b"] });
  expect(answer.coordinators).toMatchObject([
    { key: "a", ...here },
    { key: "b", ...here },
  ]);
});

test.each([
  { what: "a share group's partition", keyType: 2, key: shareKey, expected: here },
  { what: "one before its version", version: 5, keyType: 2, key: shareKey, expected: nowhere },
  { what: "one without its topic", keyType: 2, key: "g", expected: nowhere },
  { what: "a kind that does not exist", keyType: 3, key: "g", expected: nowhere },
])("coordinator: $what: node $expected.nodeId", async ({ version = 6, keyType, key, expected }) => {
  const answer = await ask("findCoordinator", version, { keyType, coordinatorKeys: [key] });
  expect(answer.coordinators).toMatchObject([{ key, ...expected }]);
});

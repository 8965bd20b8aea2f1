import { expect, test } from "vitest";
import { adminHandlers } from "../../../src/doors/kafka/admin-handlers.ts";
import { serving } from "../../../src/doors/kafka/serving.ts";

test("administration: what is served, and as far as clients are told", () => {
  const served = Object.entries(adminHandlers).map(([name, { min, max }]) => [name, min, max]);
  expect(served).toEqual([
    ["createTopics", 2, 7],
    ["deleteTopics", 1, 6],
    ["createPartitions", 0, 3],
    ["describeConfigs", 1, 4],
    ["alterConfigs", 0, 2],
    ["incrementalAlterConfigs", 0, 1],
    ["listConfigResources", 0, 1],
    ["describeCluster", 0, 2],
    ["describeTopicPartitions", 0, 0],
    ["describeLogDirs", 1, 4],
    ["listPartitionReassignments", 0, 0],
  ]);
  expect(serving).toMatchObject(adminHandlers);
});

import { expect, test } from "vitest";
import { assignmentById } from "../../../src/doors/kafka/assignment-by-id.ts";
import type { TopicListing } from "../../../src/services.ts";

test("topics by id and name; those that have gone are left out", () => {
  const lookup = (name: string): TopicListing | null =>
    name === "orders" ? ({ name, topicId: "id-of-orders" } as TopicListing) : null;
  const assignment = [
    { topic: "orders", partitions: [0, 2] },
    { topic: "gone", partitions: [1] },
  ];
  expect(assignmentById(assignment, { lookup })).toEqual([
    { topicId: "id-of-orders", topicName: "orders", partitions: [0, 2] },
  ]);
});

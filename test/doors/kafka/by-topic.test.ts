import { expect, test } from "vitest";
import { byTopic, placesOf } from "../../../src/doors/kafka/by-topic.ts";

test("results: under their topics, in the order they come", () => {
  const results = [
    { topic: "b", partition: 1, error: null },
    { topic: "a", partition: 0, error: "X" },
    { topic: "b", partition: 0, error: null },
  ];
  expect(byTopic(results, ({ partition, error }) => `${partition}${error ?? ""}`)).toEqual([
    { name: "b", partitions: ["1", "0"] },
    { name: "a", partitions: ["0X"] },
  ]);
  expect(byTopic([], () => 0)).toEqual([]);
});

test("places: every partition of every topic, each once", () => {
  const topics = [
    { name: "b", partitions: [2, 0, 2] },
    { name: "a", partitions: [] },
    { name: "c", partitions: [1] },
    { name: "b", partitions: [0, 3] },
  ];
  expect(placesOf(topics)).toEqual([
    { topic: "b", partition: 2 },
    { topic: "b", partition: 0 },
    { topic: "b", partition: 3 },
    { topic: "c", partition: 1 },
  ]);
});

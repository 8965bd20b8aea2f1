import { expect, test } from "vitest";
import { TopicPatterns } from "../../src/group/topic-patterns.ts";

test("topic patterns: the topics there are, until told that they changed", () => {
  const names = ["b1", "a1", "a2"];
  let lookups = 0;
  const patterns = new TopicPatterns(() => {
    lookups++;
    return names;
  });
  expect(patterns.topicsOf("a.*")).toEqual(["a1", "a2"]);
  expect(patterns.topicsOf("a.*")).toEqual(["a1", "a2"]);
  expect(lookups).toBe(1);
  names.push("a0");
  patterns.topicChanged("b0");
  expect(patterns.topicsOf("a.*")).toEqual(["a1", "a2"]);
  patterns.topicChanged("a0");
  expect(patterns.topicsOf("a.*")).toEqual(["a0", "a1", "a2"]);
  expect(patterns.matches("a.*", "a9")).toBe(true);
  expect(patterns.matches("a.*", "b1")).toBe(false);
});

test("topic patterns: what cannot be read is refused, and matches nothing when it was stored", () => {
  const patterns = new TopicPatterns(() => ["a"]);
  expect(() => patterns.check("(")).toThrow("cannot be read");
  expect(() => patterns.check("a")).not.toThrow();
  expect(patterns.topicsOf("(")).toEqual([]);
  expect(patterns.matches("(", "a")).toBe(false);
});

test("topic patterns: as many as one likes, few are kept", () => {
  const patterns = new TopicPatterns(() => ["a7"]);
  for (let index = 0; index < 2500; index++) patterns.check(`a${index}`);
  expect(patterns.topicsOf("a7")).toEqual(["a7"]);
});

import { expect, test } from "vitest";
import { DeadLetterStory } from "../../../src/doors/http/dead-letter-story.ts";

test("the headers that tell it become fields; others are not taken", () => {
  const story = new DeadLetterStory();
  const headers = {
    "varve-dead-queue": "q",
    "varve-dead-topic": "t",
    "varve-dead-partition": "3",
    "varve-dead-offset": "17",
    "varve-dead-deliveries": "5",
    "varve-dead-reason": 'said "no"',
    "varve-dead-at": "1700000000000",
  };
  for (const [name, text] of Object.entries(headers)) expect(story.takes(name, text)).toBe(true);
  for (const name of ["varve-priority", "varve-dead", "x"]) {
    expect(story.takes(name, "1")).toBe(false);
  }
  const fields = {
    original: { topic: "t", partition: 3, offset: 17 },
    deliveries: 5,
    reason: 'said "no"',
    deadAtMs: 1_700_000_000_000,
  };
  expect(Object.fromEntries(story.fields())).toEqual(fields);
  expect(story.fields()).toHaveLength(story.fieldCount);
  expect(JSON.parse(`{"a":1${story.jsonFields()}}`)).toEqual({ a: 1, ...fields });
});

test("what is not told, or makes no sense, is null", () => {
  const story = new DeadLetterStory();
  story.takes("varve-dead-offset", "-1");
  story.takes("varve-dead-at", "99999999999999999999");
  story.takes("varve-dead-reason", "");
  story.reset();
  story.takes("varve-dead-deliveries", "many");
  expect(Object.fromEntries(story.fields())).toEqual({
    original: { topic: null, partition: null, offset: null },
    deliveries: null,
    reason: null,
    deadAtMs: null,
  });
});

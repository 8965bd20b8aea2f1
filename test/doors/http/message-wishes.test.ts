import { beforeEach, expect, test } from "vitest";
import { MessageWishes, messageFieldOf } from "../../../src/doors/http/message-wishes.ts";
import { RecordDraft } from "../../../src/doors/http/record-draft.ts";

let wishes: MessageWishes;
let draft: RecordDraft;
beforeEach(() => {
  wishes = new MessageWishes();
  draft = new RecordDraft();
});

test("what is given becomes headers, times from now on; own headers stay first", () => {
  draft.headers = [{ key: "own", value: "x" }];
  wishes.set("ttlMs", 10, 0);
  wishes.set("delayMs", 5, 0);
  wishes.set("priority", 0, 0);
  wishes.set("dedupId", "id", 0);
  wishes.finish(draft, 1000, 0);
  expect(draft.headers).toEqual([
    { key: "own", value: "x" },
    { key: "varve-deliver-at", value: "1005" },
    { key: "varve-priority", value: "0" },
    { key: "varve-expires-at", value: "1010" },
    { key: "varve-dedup-id", value: "id" },
  ]);
  expect(wishes.dedupId).toBe("id");
});

test("nothing given: the headers are the same object; null gives nothing", () => {
  const { headers } = draft;
  wishes.finish(draft, 1000, 0);
  wishes.set("delayMs", null, 0);
  wishes.finish(draft, 1000, 0);
  expect(draft.headers).toBe(headers);
  expect(wishes.dedupId).toBeNull();
});

test("reset: the next message knows nothing of the one before", () => {
  wishes.set("priority", 1, 0);
  wishes.set("dedupId", "id", 0);
  wishes.reset();
  wishes.set("priority", null, 0);
  wishes.finish(draft, 1000, 0);
  expect(draft.headers).toEqual([]);
  expect(wishes.dedupId).toBeNull();
});

test("an id among the headers counts, the last one, and only if it could be a field", () => {
  const key = "varve-dedup-id";
  draft.headers = [
    { key, value: "first" },
    { key, value: Buffer.from("last") },
  ];
  wishes.finish(draft, 1000, 0);
  expect(wishes.dedupId).toBe("last");
  wishes.reset();
  draft.headers = [{ key, value: null }];
  wishes.finish(draft, 1000, 0);
  expect(wishes.dedupId).toBeNull();
  draft.headers = [{ key, value: "x".repeat(256) }];
  expect(() => wishes.finish(draft, 1000, 4)).toThrow(/record 4: 'dedupId'/);
});

test("given twice, in one way or in two: refused", () => {
  wishes.set("priority", null, 2);
  expect(() => wishes.set("priority", 1, 2)).toThrow(/record 2: 'priority' is given twice/);
  wishes.set("delayMs", 1, 2);
  wishes.set("deliverAtMs", 1, 2);
  expect(() => wishes.finish(draft, 0, 2)).toThrow(/not both/);
  wishes.reset();
  wishes.set("priority", 1, 2);
  draft.headers = [{ key: "varve-priority", value: "1" }];
  expect(() => wishes.finish(draft, 0, 2)).toThrow(/varve-priority/);
});

test.each([
  ["delayMs", -1],
  ["delayMs", Number.NaN],
  ["deliverAtMs", 8.64e15 + 2],
  ["priority", 10],
  ["priority", "1"],
  ["ttlMs", 0],
  ["dedupId", 1],
  ["dedupId", ""],
] as const)("%s %j: refused", (field, value) => {
  expect(() => wishes.set(field, value, 0)).toThrow(new RegExp(`'${field}' must be`));
});

test("names: those there are, and no others", () => {
  expect(messageFieldOf("ttlMs")).toBe("ttlMs");
  expect(messageFieldOf("value")).toBeNull();
  expect(messageFieldOf("constructor")).toBeNull();
});

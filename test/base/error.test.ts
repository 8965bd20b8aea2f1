import { expect, test } from "vitest";
import { errorTable, LogError } from "../../src/base/error.ts";

test("error table: every row: has a title, a whole sentence and a spelling like Kafka's", () => {
  for (const [name, row] of Object.entries(errorTable)) {
    expect(name).toMatch(/^[A-Z][A-Z_]+$/);
    expect(row.title).toMatch(/^[A-Z]/);
    expect(row.meaning).toMatch(/\.$|\(ours\)\.$/);
  }
});

test("log error: keeps its cause and facts", () => {
  const cause = new Error("below");
  const error = new LogError("DISK_FULL", "no room", { cause, facts: { topic: "t" } });
  expect(error.cause).toBe(cause);
  expect(error.facts).toEqual({ topic: "t" });
  expect(error).toBeInstanceOf(Error);
});

test("log error: without facts: has none, and no cause property", () => {
  const error = new LogError("NOT_FOUND", "nothing here");
  expect(error.facts).toEqual({});
  expect("cause" in error).toBe(false);
});

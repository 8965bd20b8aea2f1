import { describe, expect, test } from "vitest";
import { assert } from "../../src/base/assert.ts";
import { RecordCursor } from "../../src/record/record-cursor.ts";
import { fateOfRecord, isDeadLetterOf } from "../../src/share/record-reading.ts";
import { messageHeaders } from "../../src/services.ts";
import { batchOf, type TestRecord } from "../support/batches.ts";

const nowMs = 1_700_000_000_000;

function cursorOn(record: TestRecord): RecordCursor {
  const cursor = new RecordCursor();
  cursor.reset(batchOf([record]));
  cursor.next();
  return cursor;
}

function fate(headers: Record<string, string | null>, more: TestRecord = {}, isOrdered = false) {
  const listed = Object.entries(headers).map(([key, value]) => ({ key, value }));
  const cursor = cursorOn({ value: "v", headers: listed, ...more });
  const found = fateOfRecord(cursor, { isOrdered, nowMs, queue: "jobs" });
  assert(found !== null, "the record is for this queue");
  return found;
}

describe("record reading", () => {
  test("a record for one queue is passed over by the others", () => {
    const headers = [{ key: messageHeaders.forQueue, value: "mails" }];
    const terms = { isOrdered: false, nowMs };
    const record = { value: "v", headers };
    expect(fateOfRecord(cursorOn(record), { ...terms, queue: "jobs" })).toBeNull();
    expect(fateOfRecord(cursorOn(record), { ...terms, queue: "mails" })).not.toBeNull();
  });

  test("a record that says nothing: waits, at once, for ever, and has its bytes", () => {
    const plain = fate({}, { value: "x".repeat(100) });
    expect(plain).toMatchObject({
      phase: "waiting",
      deliveries: 0,
      dueMs: 0,
      expiresAtMs: Infinity,
      priority: 0,
      keyHash: -1,
    });
    expect(plain.bytes).toBeGreaterThan(100);
    expect(plain.bytes).toBeLessThan(120);
  });

  test("what headers ask for, among others that are none of ours", () => {
    const asked = fate({
      "content-type": "text/plain",
      "varve-deliver-at": String(nowMs + 1),
      varve: "5",
      "varve-expires-at": String(nowMs + 9),
      "varve-priority": "7",
    });
    expect(asked).toMatchObject({ dueMs: nowMs + 1, expiresAtMs: nowMs + 9, priority: 7 });
  });

  test("a delay that is over: is none", () => {
    expect(fate({ "varve-deliver-at": String(nowMs) }).dueMs).toBe(0);
  });

  test.each(["", "-1", "1.5", "1e3", "soon", "99999999999999999", null])(
    "a header that makes no sense ('%s'): does not count",
    (value) => {
      const names = ["varve-deliver-at", "varve-expires-at", "varve-priority"];
      const asked = fate(Object.fromEntries(names.map((name) => [name, value])));
      expect(asked).toMatchObject({ dueMs: 0, expiresAtMs: Infinity, priority: 0 });
    },
  );

  test("priorities above the largest: are the largest", () => {
    expect(fate({ "varve-priority": "10" }).priority).toBe(9);
  });

  test("keys: tell records apart where they wait for each other, headers or not", () => {
    expect(fate({}, { key: "a" }).keyHash).toBe(-1);
    expect(fate({}, {}, true).keyHash).toBe(-1);
    const { keyHash } = fate({}, { key: "a" }, true);
    expect(keyHash).toBeGreaterThanOrEqual(0);
    expect(fate({ "varve-priority": "1" }, { key: "a" }, true).keyHash).toBe(keyHash);
    expect(fate({}, { key: "b" }, true).keyHash).not.toBe(keyHash);
    expect(fate({}, { key: "" }, true).keyHash).toBeGreaterThanOrEqual(0);
  });

  test("dead letters: of the queue that the header names", () => {
    const headers = [
      { key: "other", value: "q" },
      { key: "varve-dead-queue", value: "q" },
    ];
    expect(isDeadLetterOf(cursorOn({ headers }), "q")).toBe(true);
    expect(isDeadLetterOf(cursorOn({ headers }), "p")).toBe(false);
    expect(isDeadLetterOf(cursorOn({}), "q")).toBe(false);
  });
});

import { expect, test } from "vitest";
import { Type } from "../../src/base/schema.ts";
import { EventReader, jsonEvent } from "../../src/coordinator/event-json.ts";

const reader = new EventReader("a test event");
const schema = Type.Object({ name: Type.String(), at: Type.Object({ ms: Type.Integer() }) });

test("an event: plain JSON text, and no value for what is gone", () => {
  const { key, value } = jsonEvent({ kind: "a" }, { name: "ä" });
  expect(Buffer.from(key).toString()).toBe('{"kind":"a"}');
  expect(reader.parsed(value ?? new Uint8Array(0))).toEqual({ name: "ä" });
  expect(jsonEvent({ kind: "a" }, null).value).toBeNull();
});

test("bytes that are no JSON, or no UTF-8: KAFKA_STORAGE_ERROR", () => {
  const unreadable = expect.objectContaining({ code: "KAFKA_STORAGE_ERROR" });
  expect(() => reader.parsed(Buffer.from("{"))).toThrow(unreadable);
  expect(() => reader.parsed(Buffer.from([0x22, 0xff, 0x22]))).toThrow(/a test event is not JSON/);
});

test("a value that the schema does not admit: KAFKA_STORAGE_ERROR that names the field", () => {
  const value = { name: "a", at: { ms: 5 } };
  expect(reader.checked(schema, value)).toBe(value);
  const wrong = { name: "a", at: { ms: "5" } };
  expect(() => reader.checked(schema, wrong)).toThrow(/a test event cannot be read: at\.ms /);
  expect(() => reader.checked(schema, null)).toThrow(/a test event cannot be read: it /);
  expect(reader.unreadable("why").code).toBe("KAFKA_STORAGE_ERROR");
});

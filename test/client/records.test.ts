import fc from "fast-check";
import { expect, test } from "vitest";
import { encodeBody } from "../../src/client/message-pack.ts";
import { checkRecord, recordBytes, type RecordInput, toWire } from "../../src/client/records.ts";

test("record bytes: never below what the record takes in a body", () => {
  const bytes = fc.oneof(fc.string({ unit: "binary" }), fc.uint8Array());
  const record = fc.record({
    key: fc.option(bytes),
    value: fc.option(bytes),
    headers: fc.dictionary(fc.string(), fc.oneof(bytes, fc.array(bytes, { maxLength: 3 }))),
    timestampMs: fc.nat(),
    partition: fc.nat(),
  });
  fc.assert(
    fc.property(record, (one) => {
      expect(recordBytes(one as RecordInput)).toBeGreaterThanOrEqual(
        encodeBody(toWire(one as RecordInput)).length,
      );
    }),
    { numRuns: 40 },
  );
});

test("to wire: absent and null fields are left out, an empty value is not", () => {
  expect(toWire({ value: null, key: null })).toEqual({});
  expect(toWire({ value: "" })).toEqual({ value: "" });
});

test.each([[{ value: 5 }], [{ value: undefined }], [{ value: "a", key: {} }]])(
  "check record: %j: refused before it is sent",
  (record) => {
    expect(() => checkRecord(record as unknown as RecordInput)).toThrowError(/Uint8Array/);
  },
);

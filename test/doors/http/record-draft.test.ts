import { expect, test } from "vitest";
import type { RecordField } from "../../../src/doors/http/record-draft.ts";
import { noteField, recordFieldAt, strictBase64 } from "../../../src/doors/http/record-draft.ts";

const fields: readonly RecordField[] = [
  "key",
  "keyB64",
  "value",
  "text",
  "b64",
  "headers",
  "partition",
  "timestampMs",
];

test("field names: found by their bytes inside others; near misses are none", () => {
  for (const name of fields) {
    const bytes = Buffer.from(`"${name}"`);
    expect(recordFieldAt(bytes, 1, bytes.length - 1)).toBe(name);
    for (const wrong of [name.toUpperCase(), `${name}x`, name.slice(1), `x${name.slice(1)}`]) {
      expect(recordFieldAt(Buffer.from(wrong), 0, wrong.length)).toBeNull();
    }
  }
});

test("fields together: one value, one key, nothing twice", () => {
  for (const first of fields) {
    for (const second of fields) {
      const areValues = [first, second].every((name) => ["value", "text", "b64"].includes(name));
      const areKeys = [first, second].every((name) => name.startsWith("key"));
      const note = (): number => noteField(noteField(0, first, 3), second, 3);
      if (areValues || areKeys || first === second) expect(note).toThrow(/record 3: /);
      else expect(note).not.toThrow();
    }
  }
});

test.each(["A", "AA", "AAA", "AA=", "AB==", "AA==\n", "A A=", "AA-_", "====", "AAAA="])(
  "base64 %j: refused",
  (text) => {
    expect(() => strictBase64(text, 0)).toThrow(/not standard base64/);
  },
);

test("base64: every length comes back", () => {
  for (let length = 0; length < 9; length++) {
    const bytes = Buffer.alloc(length, 0xfb);
    expect(Buffer.from(strictBase64(bytes.toString("base64"), 0))).toEqual(bytes);
  }
});

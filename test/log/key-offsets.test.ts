import fc from "fast-check";
import { expect, test } from "vitest";
import { KeyOffsets, keyEntryBytes } from "../../src/log/key-offsets.ts";

const bytesOf = (text: string): Uint8Array => Buffer.from(text);

test("any keys: the last offset of each, as a map has it, while the table grows", () => {
  const property = fc.property(
    fc.array(fc.tuple(fc.string({ maxLength: 3 }), fc.nat()), { maxLength: 3000 }),
    (entries) => {
      const table = new KeyOffsets(1 << 20);
      const model = new Map<string, number>();
      for (const [key, offset] of entries) {
        expect(table.put(bytesOf(key), offset)).toBe(true);
        model.set(key, offset);
      }
      expect(table.count).toBe(model.size);
      for (const [key, offset] of model) expect(table.get(bytesOf(key))).toBe(offset);
      expect(table.get(bytesOf("never put"))).toBe(-1);
    },
  );
  fc.assert(property, { numRuns: 20 });
});

test("full: a further key is refused, known ones go on, and the bound holds", () => {
  const table = new KeyOffsets(keyEntryBytes * 4096);
  let taken = 0;
  while (table.put(bytesOf(`key ${taken}`), taken)) taken++;
  expect(taken).toBe(3072);
  expect(table.count).toBe(taken);
  expect(table.get(bytesOf(`key ${taken}`))).toBe(-1);
  expect(table.put(bytesOf("key 5"), 9999)).toBe(true);
  expect(table.get(bytesOf("key 5"))).toBe(9999);
  expect(table.get(bytesOf("key 3071"))).toBe(3071);
});

test("the smallest table takes one key: every run gets somewhere", () => {
  const table = new KeyOffsets(1);
  expect(table.put(bytesOf("a"), 1)).toBe(true);
  expect(table.put(bytesOf("b"), 2)).toBe(false);
  expect(table.get(bytesOf("a"))).toBe(1);
  expect(table.get(bytesOf("b"))).toBe(-1);
});

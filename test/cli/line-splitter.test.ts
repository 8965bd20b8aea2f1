import fc from "fast-check";
import { expect, test } from "vitest";
import { LineSplitter } from "../../src/cli/line-splitter.ts";

test("line splitter: any bytes in any chunks: lines joined by newlines are the input", () => {
  const byte = fc.constantFrom(0, 10, 13, 65, 255);
  fc.assert(
    fc.property(fc.array(fc.array(byte)), (chunks) => {
      const splitter = new LineSplitter(1_000_000);
      const parts: Uint8Array[] = [];
      const newline = Uint8Array.of(10);
      for (const chunk of chunks) {
        for (const line of splitter.push(Uint8Array.from(chunk))) {
          expect(line.includes(10)).toBe(false);
          parts.push(line, newline);
        }
      }
      const last = splitter.finish();
      if (last !== null) parts.push(last);
      expect(Array.from(Buffer.concat(parts))).toEqual(chunks.flat());
    }),
  );
});

test("line splitter: a line beyond the bound: refused, whether it ends or not", () => {
  expect(() => new LineSplitter(4).push(Buffer.from("12345"))).toThrow(RangeError);
  const splitter = new LineSplitter(4);
  splitter.push(Buffer.from("123"));
  expect(() => splitter.push(Buffer.from("45\n"))).toThrow(RangeError);
});

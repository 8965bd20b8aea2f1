import fc from "fast-check";
import { expect, test } from "vitest";
import { ByteWriter } from "../../../src/doors/http/byte-writer.ts";

const seed = 11;

test("quoted UTF-8: any text: JSON.parse gives it back", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary" }), (text) => {
      const bytes = Buffer.from(`<${text}>`);
      const writer = new ByteWriter(4);
      writer.quotedUtf8(bytes, 1, bytes.length - 1);
      return JSON.parse(writer.bytes().toString()) === text;
    }),
    { seed },
  );
});

test("integer: any safe integer: written as String does", () => {
  const edges = [0, 9, 10, 99, 100, 2 ** 32 - 1, 2 ** 32, Number.MAX_SAFE_INTEGER, -1];
  const any = fc.oneof(fc.constantFrom(...edges), fc.maxSafeInteger());
  fc.assert(
    fc.property(any, (value) => {
      const writer = new ByteWriter(1);
      writer.integer(value);
      return writer.bytes().toString() === String(value);
    }),
    { seed },
  );
});

test("growing: many small writes: nothing is lost", () => {
  const writer = new ByteWriter(1);
  let expected = "";
  for (let index = 0; index < 5000; index++) {
    writer.ascii("ab");
    writer.byte(0x2d);
    writer.utf8("é");
    expected += "ab-é";
  }
  expect(writer.bytes().toString()).toBe(expected);
});

test("line copy: line ends become spaces, the source is left alone", () => {
  const source = Buffer.from('x{\n"a":\r\n1}y');
  const writer = new ByteWriter();
  writer.copyLine(source, 1, source.length - 1);
  expect(writer.bytes().toString()).toBe('{ "a":  1}');
  expect(source.toString()).toBe('x{\n"a":\r\n1}y');
});

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
  const around = [10, 100, 1e7, 1e8, 1e9, 1e15, 2 ** 31, 2 ** 32].flatMap((at) => [at - 1, at]);
  const edges = [0, ...around, 100_000_001, 123_400_000_056, Number.MAX_SAFE_INTEGER, -1];
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

test("short and long pieces: both ways of copying give the same bytes", () => {
  fc.assert(
    fc.property(fc.string({ unit: "grapheme-ascii", maxLength: 120 }), (text) => {
      const source = Buffer.from(`<${text}>`);
      const writer = new ByteWriter(1);
      writer.ascii(text);
      writer.copy(source, 1, source.length - 1);
      writer.copyAll(source);
      return writer.bytes().toString() === `${text}${text}<${text}>`;
    }),
    { seed },
  );
});

test("uint32: any: big-endian", () => {
  fc.assert(
    fc.property(fc.nat(2 ** 32 - 1), (value) => {
      const writer = new ByteWriter(1);
      writer.uint32(value);
      return writer.bytes().readUInt32BE(0) === value;
    }),
    { seed, examples: [[2 ** 32 - 1], [2 ** 31]] },
  );
});

test("line copy: line ends become spaces, the source is left alone", () => {
  const source = Buffer.from('x{\n"a":\r\n1}y');
  const writer = new ByteWriter();
  writer.copyLine(source, 1, source.length - 1);
  expect(writer.bytes().toString()).toBe('{ "a":  1}');
  expect(source.toString()).toBe('x{\n"a":\r\n1}y');
});

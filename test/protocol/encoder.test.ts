import { describe, expect, test } from "vitest";
import { structEncoder } from "../../src/protocol/encoder.ts";
import {
  array,
  arrayOf,
  bytes,
  type Fields,
  int16,
  int8,
  string,
  struct,
} from "../../src/protocol/field.ts";
import { FrameWriter } from "../../src/protocol/frame-writer.ts";
import { bytesOf, hexOf } from "./frame-bytes.ts";

const old = { version: 0, isFlexible: false };
const flexible = { version: 9, isFlexible: true };

function encoded(fields: Fields, encoding: typeof old, value: unknown): string {
  const writer = new FrameWriter(16);
  structEncoder(fields, encoding)(writer, value);
  return hexOf(writer.finish());
}

function hex(spaced: string): string {
  return bytesOf(spaced).toString("hex");
}

describe("encoder", () => {
  const fields = { name: string, ids: arrayOf(int16), content: bytes };
  const value = { name: "a", ids: [1, 2], content: new Uint8Array([9]) };

  test("old: int16 for text, int32 for arrays and bytes", () => {
    expect(encoded(fields, old, value)).toBe(hex("0001 61 00000002 0001 0002 00000001 09"));
  });

  test("flexible: compact, with tags at the end of each struct", () => {
    expect(encoded(fields, flexible, value)).toBe(hex("02 61 03 0001 0002 02 09 00"));
    const nested = { items: array({ id: int8 }) };
    expect(encoded(nested, flexible, { items: [{ id: 7 }] })).toBe(hex("02 07 00 00"));
  });

  test("null: as the version says it, empty where it has none", () => {
    const nullable = {
      name: string.nullable(9),
      ids: arrayOf(int16).nullable(9),
      content: bytes.nullable(9),
    };
    const nothing = { name: null, ids: null, content: null };
    expect(encoded(nullable, flexible, nothing)).toBe(hex("00 00 00 00"));
    expect(encoded(nullable, old, nothing)).toBe(hex("0000 00000000 00000000"));
    const always = { name: string.nullable(), ids: arrayOf(int16).nullable() };
    expect(encoded(always, old, nothing)).toBe(hex("ffff ffffffff"));
  });

  test("a field left out: has its default; one that the version lacks is ignored", () => {
    const some = { a: int8.until(1), b: int8.since(9).or(-1), c: int8 };
    expect(encoded(some, flexible, { a: 1, c: 3 })).toBe(hex("ff 03 00"));
    expect(encoded(some, old, { a: 1, b: 2, c: 3 })).toBe(hex("01 03"));
  });

  test("a struct that may be null: a byte before it", () => {
    const cursor = { cursor: struct({ id: int8 }).nullable() };
    expect(encoded(cursor, flexible, { cursor: null })).toBe(hex("ff 00"));
    expect(encoded(cursor, flexible, { cursor: { id: 7 } })).toBe(hex("01 07 00 00"));
  });
});

describe("encoder: tags", () => {
  const fields = {
    list: arrayOf(int8).since(9).tag(5),
    name: string.nullable().since(9).tag(1),
    leader: struct({ id: int8.or(-1), epoch: int8.or(-1) })
      .since(9)
      .tag(0),
    later: int8.since(10).tag(2),
  };

  test("defaults: are not written", () => {
    expect(encoded(fields, flexible, {})).toBe("00");
    const defaults = { list: [], name: null, leader: { id: -1 }, later: 5 };
    expect(encoded(fields, flexible, defaults)).toBe("00");
  });

  test("others: in ascending order with their sizes, whatever the order of the table", () => {
    const value = { list: [1, 2], name: "n", leader: { id: -1, epoch: 4 } };
    expect(encoded(fields, flexible, value)).toBe(hex("03 00 03 ff04 00 01 02 026e 05 03 030102"));
    expect(encoded(fields, flexible, { name: "" })).toBe(hex("01 01 01 01"));
  });

  test("null and empty: are two things", () => {
    const nullable = {
      ids: arrayOf(int8).nullable().since(9).tag(0),
      cursor: struct({ id: int8 }).since(9).tag(1).nullable().or({ id: 0 }),
    };
    expect(encoded(nullable, flexible, { ids: null, cursor: { id: 0 } })).toBe("00");
    expect(encoded(nullable, flexible, { ids: [], cursor: null })).toBe(
      hex("02 00 01 01 01 01 ff"),
    );
  });

  test("a version that is not flexible: has none", () => {
    expect(encoded(fields, old, { list: [1] })).toBe("");
  });
});

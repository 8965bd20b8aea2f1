import { describe, expect, test } from "vitest";
import { skipTags, structDecoder } from "../../src/protocol/decoder.ts";
import {
  array,
  arrayOf,
  bytes,
  type Fields,
  int16,
  int32,
  int8,
  string,
  struct,
} from "../../src/protocol/field.ts";
import { FrameReader } from "../../src/protocol/frame-reader.ts";
import { bytesOf } from "./frame-bytes.ts";

const refused = expect.objectContaining({ code: "INVALID_REQUEST" });
const old = { version: 0, isFlexible: false };
const flexible = { version: 9, isFlexible: true };

function decoded(fields: Fields, encoding: typeof old, hex: string): unknown {
  const reader = new FrameReader(bytesOf(hex), 0);
  const value = structDecoder(fields, encoding)(reader);
  expect(reader.at).toBe(reader.end);
  return value;
}

describe("decoder: lengths", () => {
  const fields = { name: string, ids: arrayOf(int16) };

  test("old: int16 for text, int32 for arrays", () => {
    const value = decoded(fields, old, "0001 61 00000002 0001 0002");
    expect(value).toEqual({ name: "a", ids: [1, 2] });
  });

  test("flexible: compact, with tags at the end of each struct", () => {
    expect(decoded(fields, flexible, "02 61 03 0001 0002 00")).toEqual({ name: "a", ids: [1, 2] });
  });

  test("null: only where the version allows it", () => {
    const nullable = { name: string.nullable(9), ids: arrayOf(int16).nullable() };
    expect(decoded(nullable, flexible, "00 00 00")).toEqual({ name: null, ids: null });
    expect(decoded(nullable, old, "0000 ffffffff")).toEqual({ name: "", ids: null });
    expect(() => decoded(nullable, old, "ffff ffffffff")).toThrow(refused);
    expect(() => decoded(fields, flexible, "00 01 00")).toThrow(refused);
    expect(() => decoded({ content: bytes }, old, "ffffffff")).toThrow(refused);
    expect(() => decoded(nullable, old, "0000 fffffffe")).toThrow(refused);
  });

  test("counts beyond the frame: are refused before anything is read", () => {
    let reads = 0;
    const reader = new FrameReader(bytesOf("7fffffff 0000 0000"), 0);
    const read = reader.int16.bind(reader);
    reader.int16 = () => {
      reads++;
      return read();
    };
    const decode = structDecoder({ items: array({ a: int16, b: int16 }) }, old);
    expect(() => decode(reader)).toThrow("2147483647 items of 4 bytes or more");
    expect(reads).toBe(0);
  });

  test("items that take no bytes in a version: still count for one each", () => {
    const none = { items: array({ later: int32.since(3) }) };
    expect(() => decoded(none, old, "00000002 00")).toThrow(refused);
  });
});

describe("decoder: versions", () => {
  test("a field that the version lacks: has its default, in the table's order", () => {
    const fields = { a: int8.until(1).or(5), b: int8, c: string.nullable().since(10) };
    const value = decoded(fields, flexible, "07 00");
    expect(value).toEqual({ a: 5, b: 7, c: null });
    expect(Object.keys(value as object)).toEqual(["a", "b", "c"]);
  });

  test("a struct that may be null: a byte before it, negative for null", () => {
    const fields = { cursor: struct({ id: int8 }).nullable() };
    expect(decoded(fields, flexible, "ff 00")).toEqual({ cursor: null });
    expect(decoded(fields, flexible, "01 07 00 00")).toEqual({ cursor: { id: 7 } });
  });

  test("structs without the byte: nested with their own tags", () => {
    const fields = { leader: struct({ id: int8 }) };
    expect(decoded(fields, flexible, "07 00 00")).toEqual({ leader: { id: 7 } });
    expect(decoded(fields, old, "07")).toEqual({ leader: { id: 7 } });
  });
});

describe("decoder: tags", () => {
  const fields = {
    a: int8.since(9).tag(0).or(-1),
    b: struct({ id: int16 }).since(9).tag(3),
    c: int8.since(10).tag(4),
  };

  test("absent: the default", () => {
    expect(decoded(fields, flexible, "00")).toEqual({ a: -1, b: { id: 0 }, c: 0 });
  });

  test("present: read; unknown ones, or of a later version: skipped", () => {
    const value = decoded(fields, flexible, "04 00 01 05 02 02 ffff 03 03 0102 00 04 01 09");
    expect(value).toEqual({ a: 5, b: { id: 258 }, c: 0 });
  });

  test("not ascending, or twice: refused", () => {
    expect(() => decoded(fields, flexible, "02 03 03 0102 00 00 01 05")).toThrow(refused);
    expect(() => decoded(fields, flexible, "02 00 01 05 00 01 05")).toThrow(refused);
  });

  test("a size that is not used up, or too small: refused", () => {
    expect(() => decoded(fields, flexible, "01 00 02 05 05")).toThrow("1 bytes too many for a");
    expect(() => decoded(fields, flexible, "01 03 02 0102 00")).toThrow(refused);
    expect(() => decoded(fields, flexible, "01 00 05 05")).toThrow(refused);
  });

  test("skipped as a whole: any tags", () => {
    const reader = new FrameReader(bytesOf("02 00 01 05 09 02 ffff 77"), 0);
    skipTags(reader);
    expect(reader.int8()).toBe(0x77);
  });
});

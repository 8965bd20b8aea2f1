import { describe, expect, test } from "vitest";
import { zeroUuid } from "../../src/protocol/field.ts";
import { FrameReader, maxItems } from "../../src/protocol/frame-reader.ts";
import { bytesOf } from "./frame-bytes.ts";

const refused = expect.objectContaining({ code: "INVALID_REQUEST" });

function reading(hex: string): FrameReader {
  return new FrameReader(bytesOf(hex), 0);
}

describe("frame reader: values", () => {
  test("integers: big-endian, signed", () => {
    const reader = reading("ff 8000 7fffffff ffffffffffffffff 0020000000000000 8000000000000000");
    expect(reader.int8()).toBe(-1);
    expect(reader.int16()).toBe(-32768);
    expect(reader.int32()).toBe(2147483647);
    expect(reader.int64()).toBe(-1);
    expect(reader.int64()).toBe(2 ** 53);
    expect(reader.int64()).toBe(-(2 ** 63));
    expect(reader.at).toBe(reader.end);
  });

  test("bool: anything but zero is true", () => {
    const reader = reading("00 01 ff");
    expect([reader.bool(), reader.bool(), reader.bool()]).toEqual([false, true, true]);
  });

  test("uuid: dashed text in lower case; all zero is the one that stands for none", () => {
    const reader = reading(`0123456789abcdeffedcba9876543210 ${"00".repeat(16)}`);
    expect(reader.uuid()).toBe("01234567-89ab-cdef-fedc-ba9876543210");
    expect(reader.uuid()).toBe(zeroUuid);
  });

  test("uvarint: at most 32 bits in 5 bytes", () => {
    const reader = reading("00 7f ac02 ffffffff0f 8080808000");
    const values = [1, 2, 3, 4, 5].map(() => reader.uvarint());
    expect(values).toEqual([0, 127, 300, 2 ** 32 - 1, 0]);
    expect(() => reading("ffffffff1f").uvarint()).toThrow(refused);
    expect(() => reading("808080808001").uvarint()).toThrow(refused);
    expect(() => reading("8080").uvarint()).toThrow(refused);
  });

  test("text: UTF-8, and only that", () => {
    const word = Buffer.from("Jahresringe: ä, 木, 🪵");
    expect(new FrameReader(word, 0).text(word.length)).toBe("Jahresringe: ä, 木, 🪵");
    expect(new FrameReader(Buffer.from("plain\0"), 0).text(6)).toBe("plain\0");
    for (const broken of ["c3", "ff", "eda080", "c080"]) {
      expect(() => reading(broken).text(broken.length / 2), broken).toThrow(refused);
    }
  });

  test("bytes: a view of the frame", () => {
    const frame = new Uint8Array([1, 2, 3, 4]);
    const view = new FrameReader(frame.subarray(1), 0).view(2);
    frame[1] = 9;
    expect([...view]).toEqual([9, 3]);
  });
});

describe("frame reader: bounds", () => {
  test("a value that passes the end: is refused, and says where", () => {
    const reader = reading("01 02 03");
    reader.advance(1);
    expect(() => reader.int32()).toThrow("broken message at byte 1 of 3: 4 bytes are wanted");
    reader.end = 2;
    expect(() => reader.int16()).toThrow(refused);
    expect(reader.int8()).toBe(2);
  });

  test("a count: must find room for its items, and -1 is the only negative one", () => {
    const reader = reading("00 00 00 00 00");
    expect(reader.checkCount(-1, 4)).toBe(-1);
    expect(reader.checkCount(2, 2)).toBe(2);
    expect(() => reader.checkCount(3, 2)).toThrow(refused);
    expect(() => reader.checkCount(-2, 1)).toThrow(refused);
    expect(() => reader.checkCount(2 ** 32 - 1, 1)).toThrow(refused);
  });

  test("items: have a bound for the whole frame", () => {
    const reader = new FrameReader(new Uint8Array(maxItems + 10), 0);
    expect(reader.checkItems(-1, 1)).toBe(-1);
    expect(reader.checkItems(maxItems - 1, 1)).toBe(maxItems - 1);
    expect(reader.checkItems(1, 1)).toBe(1);
    expect(() => reader.checkItems(1, 1)).toThrow("more than 500000 items");
    expect(() => new FrameReader(bytesOf("00"), 0).checkItems(2, 1)).toThrow(refused);
  });
});

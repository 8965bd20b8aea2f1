import { describe, expect, test } from "vitest";
import { zeroUuid } from "../../src/protocol/field.ts";
import { FrameWriter } from "../../src/protocol/frame-writer.ts";
import { hexOf } from "./frame-bytes.ts";

const refused = expect.objectContaining({ code: "INVALID_REQUEST" });

function written(write: (writer: FrameWriter) => void): string {
  const writer = new FrameWriter(1);
  write(writer);
  return hexOf(writer.finish());
}

describe("frame writer: values", () => {
  test("integers: big-endian, signed", () => {
    expect(written((writer) => writer.int8(-1))).toBe("ff");
    expect(written((writer) => writer.int16(-2))).toBe("fffe");
    expect(written((writer) => writer.int32(-2147483648))).toBe("80000000");
    expect(written((writer) => writer.bool(true))).toBe("01");
  });

  test("int64: any number, bounded to what 64 bits hold", () => {
    const cases: readonly [number, string][] = [
      [0, "0000000000000000"],
      [-1, "ffffffffffffffff"],
      [2 ** 32, "0000000100000000"],
      [-(2 ** 32) - 1, "fffffffeffffffff"],
      [Number.MAX_SAFE_INTEGER, "001fffffffffffff"],
      [-(2 ** 63), "8000000000000000"],
      [2 ** 63, "7fffffffffffffff"],
      [-(2 ** 70), "8000000000000000"],
    ];
    for (const [value, hex] of cases) {
      expect(
        written((writer) => writer.int64(value)),
        `${value}`,
      ).toBe(hex);
    }
  });

  test("uvarint: seven bits a byte", () => {
    expect(written((writer) => writer.uvarint(127))).toBe("7f");
    expect(written((writer) => writer.uvarint(300))).toBe("ac02");
    expect(written((writer) => writer.uvarint(2 ** 32 - 1))).toBe("ffffffff0f");
  });

  test("uuid: 16 bytes, or refused", () => {
    const id = "01234567-89ab-cdef-fedc-ba9876543210";
    expect(written((writer) => writer.uuid(id))).toBe("0123456789abcdeffedcba9876543210");
    expect(written((writer) => writer.uuid(zeroUuid))).toBe("00".repeat(16));
    expect(() => written((writer) => writer.uuid("orders"))).toThrow(refused);
    expect(() => written((writer) => writer.uuid(`${id}00`))).toThrow(refused);
  });

  test("text: its length counts bytes, short or compact", () => {
    expect(written((writer) => writer.text("ab", false))).toBe("00026162");
    expect(written((writer) => writer.text("ab", true))).toBe("036162");
    expect(written((writer) => writer.text("aä", false))).toBe("000361c3a4");
    expect(written((writer) => writer.text("aä", true))).toBe("0461c3a4");
    const long = "x".repeat(200);
    expect(written((writer) => writer.text(long, true))).toBe(`c901${"78".repeat(200)}`);
  });

  test("text too long for a short length: is refused, compact it is not", () => {
    const longest = "x".repeat(32767);
    expect(written((writer) => writer.text(longest, false)).slice(0, 4)).toBe("7fff");
    expect(() => written((writer) => writer.text(`${longest}x`, false))).toThrow(refused);
    expect(written((writer) => writer.text(`${longest}x`, true))).toHaveLength(2 * 32771);
  });
});

describe("frame writer: chunks", () => {
  test("large bytes: go out as they are, in their place; small ones are gathered", () => {
    const writer = new FrameWriter(4);
    const large = new Uint8Array(1024).fill(1);
    writer.int32(0);
    writer.raw(new Uint8Array(1023));
    writer.raw(large);
    writer.raw(large);
    writer.int8(7);
    expect(writer.bytes).toBe(4 + 1023 + 2048 + 1);
    const { chunks, bytes } = writer.finishFrame();
    expect(chunks.map((chunk) => chunk.length)).toEqual([1027, 1024, 1024, 1]);
    expect(chunks[1]).toBe(large);
    expect(bytes).toBe(3076);
    expect(Buffer.from(chunks[0] ?? []).readInt32BE(0)).toBe(3072);
  });

  test("growth after a chunk: keeps every byte", () => {
    const writer = new FrameWriter(8);
    const large = new Uint8Array(2000).fill(255);
    const expected: string[] = [];
    for (let i = 0; i < 300; i++) {
      writer.int32(i);
      expected.push(i.toString(16).padStart(8, "0"));
      if (i % 100 !== 50) continue;
      writer.raw(large);
      expected.push("ff".repeat(2000));
    }
    expect(hexOf(writer.finish())).toBe(expected.join(""));
  });

  test("no bytes: no chunk", () => {
    expect(new FrameWriter(8).finish()).toEqual({ chunks: [], bytes: 0 });
  });
});

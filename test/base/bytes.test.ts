import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { AssertionFailure } from "../../src/base/assert.ts";
import {
  readInt64,
  readInt64Nearest,
  VarintReader,
  varintSize,
  viewOf,
  writeInt64,
  writeVarint,
} from "../../src/base/bytes.ts";
import { LogError } from "../../src/base/error.ts";

const runs = { seed: 61, numRuns: 2_000 };
const edges = [0, 1, -1, 63, 64, -64, -65, 2 ** 31 - 1, -(2 ** 31), 2 ** 31, -(2 ** 31) - 1];
const limits = [2 ** 53 - 1, -(2 ** 53) + 1];

function written(value: number): Uint8Array {
  const bytes = new Uint8Array(12).fill(0xee);
  return bytes.subarray(1, writeVarint(bytes, 1, value));
}

function readerOf(bytes: Uint8Array): VarintReader {
  const reader = new VarintReader();
  reader.reset(bytes, 0);
  return reader;
}

// The definition, by arbitrary precision.
function zigzagHex(value: number): string {
  let rest = BigInt.asUintN(64, (BigInt(value) << 1n) ^ (BigInt(value) >> 63n));
  const bytes: number[] = [];
  for (; rest >= 0x80n; rest >>= 7n) bytes.push(Number(rest & 0x7fn) | 0x80);
  bytes.push(Number(rest));
  return Buffer.from(bytes).toString("hex");
}

describe("int64", () => {
  test("any safe integer: comes back, and its bytes are the big-endian ones", () => {
    const property = fc.property(fc.maxSafeInteger(), (value) => {
      const view = new DataView(new ArrayBuffer(10));
      writeInt64(view, 1, value);
      expect(view.getBigInt64(1)).toBe(BigInt(value));
      expect(readInt64(view, 1)).toBe(value);
    });
    fc.assert(property, { ...runs, examples: [...edges, ...limits].map((edge) => [edge]) });
  });

  test("a value beyond 2^53: is never taken for a safe integer", () => {
    const view = new DataView(new ArrayBuffer(8));
    for (const value of [2n ** 53n, 2n ** 53n + 1n, 2n ** 63n - 1n, -(2n ** 53n), -(2n ** 63n)]) {
      view.setBigInt64(0, value);
      expect(Number.isSafeInteger(readInt64Nearest(view, 0))).toBe(false);
      expect(() => readInt64(view, 0)).toThrow(AssertionFailure);
    }
    expect(() => writeInt64(view, 0, 2 ** 53)).toThrow(AssertionFailure);
  });

  test("a view of a part of a buffer: begins and ends with the part", () => {
    const view = viewOf(Uint8Array.of(9, 1, 2, 9).subarray(1, 3));
    expect([view.byteLength, view.getUint16(0)]).toEqual([2, 0x0102]);
  });
});

describe("varint", () => {
  test("known values: have Kafka's bytes", () => {
    const hex = [-1, 1, 300, 0].map((value) => Buffer.from(written(value)).toString("hex"));
    expect(hex).toEqual(["01", "02", "d804", "00"]);
  });

  test("any safe integer: is written as defined, in the size foretold, and read back", () => {
    const property = fc.property(fc.maxSafeInteger(), (value) => {
      const bytes = written(value);
      expect(Buffer.from(bytes).toString("hex")).toBe(zigzagHex(value));
      expect(varintSize(value)).toBe(bytes.length);
      const reader = readerOf(bytes);
      expect(reader.readVarlong()).toBe(value);
      expect(reader.at).toBe(bytes.length);
    });
    fc.assert(property, { ...runs, examples: [...edges, ...limits].map((edge) => [edge]) });
  });

  test("any 32-bit integer: reads the same as varint and as varlong", () => {
    const property = fc.property(fc.integer(), (value) => {
      const bytes = written(value);
      expect(varintSize(value)).toBe(bytes.length);
      expect(readerOf(bytes).readVarint()).toBe(value);
      expect(readerOf(bytes).readVarlong()).toBe(value);
    });
    fc.assert(property, { ...runs, examples: [[2 ** 31 - 1], [-(2 ** 31)], [-1], [64]] });
  });

  test("a longer form than needed: is read", () => {
    expect(readerOf(Uint8Array.of(0x82, 0x80, 0x00)).readVarint()).toBe(1);
    expect(readerOf(Uint8Array.of(0x82, 0x80, 0x00)).readVarlong()).toBe(1);
  });

  test.each([
    ["nothing", ""],
    ["cut off after one byte", "80"],
    ["cut off after four", "ffffffff"],
  ])("hostile bytes: %s: is refused by name", (_what, hex) => {
    const bytes = Buffer.from(hex, "hex");
    for (const read of [() => readerOf(bytes).readVarint(), () => readerOf(bytes).readVarlong()]) {
      expect(read).toThrow(expect.objectContaining({ code: "INVALID_RECORD" }));
    }
  });

  test("hostile bytes: more than 32 bits, 64 bits or 2^53: is refused by name", () => {
    const narrow = ["ffffffff10", "ffffffff8f00", "808080808000"];
    for (const hex of narrow) {
      expect(() => readerOf(Buffer.from(hex, "hex")).readVarint()).toThrow(LogError);
    }
    const wide = ["ffffffffffffffffff02", "ffffffffffffffffffff01", "ffffffffffffffff7f"];
    for (const hex of wide) {
      expect(() => readerOf(Buffer.from(hex, "hex")).readVarlong()).toThrow(LogError);
    }
  });

  test("a reader with an end inside its bytes: does not pass it", () => {
    const reader = readerOf(Uint8Array.of(0x80, 0x01));
    reader.end = 1;
    expect(() => reader.readVarint()).toThrow(LogError);
  });
});

import { describe, expect, test } from "vitest";
import { crc32c, extendCrc32c, nativeCrc32c, portableCrc32c } from "../../src/base/crc32c.ts";
import { seededRandom } from "../../src/base/random.ts";

const digits = Buffer.from("123456789");

// The definition, bit by bit.
function slowCrc32c(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0x82f63b78 : 0);
  }
  return (crc ^ 0xffffffff) >>> 0;
}

describe("crc32c", () => {
  test("the check value: is the published one", () => {
    expect(crc32c(digits)).toBe(0xe3069283);
    expect(portableCrc32c(digits, 0)).toBe(0xe3069283);
    expect(crc32c(new Uint8Array(0))).toBe(0);
  });

  test("lengths around the switch to native code: every path gives the definition's answer", () => {
    const random = seededRandom(7);
    for (const length of [1, 15, 16, 17, 255, 256, 257, 1_000, 4_097]) {
      const bytes = random.bytes(length);
      const expected = slowCrc32c(bytes);
      expect(crc32c(bytes)).toBe(expected);
      expect(portableCrc32c(bytes, 0)).toBe(expected);
      if (nativeCrc32c !== null) expect(nativeCrc32c(bytes, 0)).toBe(expected);
    }
  });

  test("a checksum continued at any cut: equals the checksum of the whole", () => {
    const bytes = seededRandom(8).bytes(1_200);
    const expected = slowCrc32c(bytes);
    for (const cut of [0, 1, 255, 256, 600, 1_199, 1_200]) {
      const first = crc32c(bytes, 0, cut);
      expect(extendCrc32c(first, bytes.subarray(cut))).toBe(expected);
      expect(portableCrc32c(bytes.subarray(cut), first)).toBe(expected);
      if (nativeCrc32c !== null) expect(nativeCrc32c(bytes.subarray(cut), first)).toBe(expected);
    }
  });

  test("a range: counts only its bytes", () => {
    const padded = Buffer.concat([Buffer.from("xx"), digits, Buffer.from("yy")]);
    expect(crc32c(padded, 2, 11)).toBe(0xe3069283);
    expect(crc32c(padded, 2)).toBe(slowCrc32c(padded.subarray(2)));
  });
});

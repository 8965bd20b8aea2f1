import { describe, expect, test } from "vitest";
import { murmur2, partitionForKey } from "../../src/record/murmur2.ts";

describe("murmur2", () => {
  test.each([
    ["21", -973932308],
    ["foobar", -790332482],
    ["a-little-bit-long-string", -985981536],
    ["a-little-bit-longer-string", -1486304829],
    ["lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971],
    ["abc", 479470107],
  ])("%s: hashes as the Java client does", (key, expected) => {
    expect(murmur2(Buffer.from(key))).toBe(expected);
  });

  test("a key that is a part of a larger buffer: hashes as if alone", () => {
    expect(murmur2(Buffer.from("xxfoobaryy").subarray(2, 8))).toBe(-790332482);
  });

  test("a negative hash: loses its sign bit, not its sign", () => {
    // -973932308 & 0x7fffffff = 1173551340
    expect(partitionForKey(Buffer.from("21"), 1_000)).toBe(340);
    expect(partitionForKey(Buffer.from("abc"), 1_000)).toBe(107);
    expect(partitionForKey(new Uint8Array(0), 1)).toBe(0);
  });
});

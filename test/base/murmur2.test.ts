import { expect, test } from "vitest";
import { murmur2, partitionForKey } from "../../src/base/murmur2.ts";

// From Kafka's own UtilsTest.
const vectors: readonly (readonly [string, number])[] = [
  ["21", -973932308],
  ["foobar", -790332482],
  ["a-little-bit-long-string", -985981536],
  ["a-little-bit-longer-string", -1486304829],
  ["lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971],
  ["abc", 479470107],
];

test.each(vectors)("murmur2: %s: hashes as Kafka's Java client does", (text, hash) => {
  expect(murmur2(Buffer.from(text))).toBe(hash);
});

test("murmur2: bytes inside a larger buffer: only they count", () => {
  const padded = Buffer.from("xxfoobaryy").subarray(2, 8);
  expect(murmur2(padded)).toBe(-790332482);
});

test("partition for key: a negative hash: still a valid partition", () => {
  expect(partitionForKey(Buffer.from("21"), 7)).toBe((-973932308 & 0x7fffffff) % 7);
  expect(partitionForKey(Buffer.from("21"), 1)).toBe(0);
});

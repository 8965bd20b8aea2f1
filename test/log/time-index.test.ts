import fc from "fast-check";
import { expect, test } from "vitest";
import { decodeTimeIndex, TimeIndex } from "../../src/log/time-index.ts";

test("time index: bytes are Kafka's: timestamp in 64 bits, relative offset in 32, big-endian", () => {
  const index = new TimeIndex();
  index.appendIfLater(1_700_000_000_000, 7);
  expect(Buffer.from(index.encode()).toString("hex")).toBe("0000018bcfe5680000000007");
});

test("time index: only later times at later offsets are kept; floor and decode agree", () => {
  const entries = fc.array(fc.tuple(fc.integer({ min: -3, max: 300 }), fc.nat(300)));
  fc.assert(
    fc.property(entries, fc.integer({ min: -5, max: 305 }), (given, target) => {
      const index = new TimeIndex();
      const kept: [number, number][] = [];
      for (const [time, offset] of given) {
        index.appendIfLater(time, offset);
        const [lastTime, lastOffset] = kept.at(-1) ?? [-1, -1];
        if (time > lastTime && offset > lastOffset) kept.push([time, offset]);
      }
      const found = kept.map((_, at) => [index.timestampOf(at), index.relativeOffsetOf(at)]);
      expect(found).toEqual(kept);
      expect(index.count).toBe(kept.length);
      expect(index.floor(target)).toBe(kept.filter(([time]) => time <= target).length - 1);
      expect(decodeTimeIndex(index.encode())?.encode()).toEqual(index.encode());
    }),
    { seed: 1 },
  );
});

test("time index: files that cannot be right are refused", () => {
  const decode = (hex: string): TimeIndex | null => decodeTimeIndex(Buffer.from(hex, "hex"));
  const entry = "000000000000000500000007";
  expect(decode("")?.count).toBe(0);
  expect(decode(entry)?.count).toBe(1);
  expect(decode(entry.slice(2))).toBeNull();
  expect(decode(entry + entry)).toBeNull();
  expect(decode(`${entry}000000000000000600000007`)).toBeNull();
  expect(decode(`${entry}000000000000000400000008`)).toBeNull();
  expect(decode("7fffffffffffffff00000007")).toBeNull();
  expect(decode("0000000000000005ffffffff")).toBeNull();
});

import fc from "fast-check";
import { expect, test } from "vitest";
import { decodeOffsetIndex, OffsetIndex } from "../../src/log/offset-index.ts";

const ascending = fc
  .uniqueArray(fc.integer({ min: 0, max: 1_000_000 }), { maxLength: 60 })
  .map((values) => values.sort((a, b) => a - b));

test("offset index: bytes are Kafka's: relative offset and position, 32 bits each, big-endian", () => {
  const index = new OffsetIndex();
  index.append(5, 4200);
  index.append(0x01020304, 0x0a0b0c0d);
  expect(Buffer.from(index.encode()).toString("hex")).toBe("0000000500001068010203040a0b0c0d");
  expect(Buffer.from(index.encode(1)).toString("hex")).toBe("010203040a0b0c0d");
});

test("offset index: floor finds the last entry at or below; encode and decode agree", () => {
  fc.assert(
    fc.property(ascending, fc.integer({ min: -5, max: 1_000_005 }), (offsets, target) => {
      const index = new OffsetIndex();
      offsets.forEach((offset, entry) => index.append(offset, 100 + entry * 7));
      const floor = offsets.filter((offset) => offset <= target).length - 1;
      expect(index.floor(target)).toBe(floor);
      const positions = offsets.map((_, entry) => 100 + entry * 7);
      const below = positions.filter((position) => position <= target).length - 1;
      expect(index.floorPosition(target)).toBe(below);
      const again = decodeOffsetIndex(index.encode(), 100 + offsets.length * 7);
      expect(again?.count).toBe(offsets.length);
      expect(again?.encode()).toEqual(index.encode());
    }),
    { seed: 1 },
  );
});

test("offset index: an entry that does not ascend is a program error", () => {
  const index = new OffsetIndex();
  index.append(5, 100);
  expect(() => index.append(5, 200)).toThrowError(/goes back/);
  expect(() => index.append(6, 100)).toThrowError(/goes back/);
});

test("offset index: files that cannot be right are refused", () => {
  const decode = (hex: string): OffsetIndex | null =>
    decodeOffsetIndex(Buffer.from(hex, "hex"), 0x100);
  expect(decode("")?.count).toBe(0);
  expect(decode("0000000500000010")?.count).toBe(1);
  expect(decode("00000005000000")).toBeNull();
  expect(decode("0000000500000100")).toBeNull();
  expect(decode("0000000500000000")).toBeNull();
  expect(decode("ffffffff00000010")).toBeNull();
  expect(decode("00000005000000100000000500000020")).toBeNull();
  expect(decode("00000005000000100000000600000010")).toBeNull();
});

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { ReadableBytes } from "../../src/broker/readable-bytes.ts";

describe("readable bytes", () => {
  test("an append: counts when the high watermark has passed all of it", () => {
    const readable = new ReadableBytes(10);
    readable.appended({ baseOffset: 10, nextOffset: 15, bytes: 500 });
    expect(readable.total).toBe(0);
    readable.advancedTo(15);
    expect(readable.total).toBe(500);
    readable.advancedTo(15);
    expect(readable.total).toBe(500);
  });

  test("offsets taken back and given again: only the append that stands is counted", () => {
    const readable = new ReadableBytes(0);
    readable.appended({ baseOffset: 0, nextOffset: 5, bytes: 100 });
    readable.appended({ baseOffset: 5, nextOffset: 50, bytes: 9000 });
    readable.appended({ baseOffset: 5, nextOffset: 6, bytes: 1 });
    readable.advancedTo(6);
    expect(readable.total).toBe(101);
  });

  test("somebody else appended: more than any reply is counted, so that readers look", () => {
    const readable = new ReadableBytes(0);
    readable.advancedTo(3);
    expect(readable.total).toBeGreaterThanOrEqual(55 * 1024 * 1024);
  });

  test("far more appended than can be read: never less is counted, and all of it in the end", () => {
    const readable = new ReadableBytes(0);
    for (let offset = 0; offset < 10_000; offset++) {
      readable.appended({ baseOffset: offset, nextOffset: offset + 1, bytes: 10 });
    }
    readable.advancedTo(10_000);
    expect(readable.total).toBe(100_000);
    const slow = new ReadableBytes(0);
    for (let offset = 0; offset < 5000; offset++) {
      slow.appended({ baseOffset: offset, nextOffset: offset + 1, bytes: 10 });
    }
    slow.advancedTo(1001);
    expect(slow.total).toBeGreaterThanOrEqual(10_010);
    expect(slow.total).toBeLessThanOrEqual(10_040);
  });

  test("any order of appends and advances: the total is the bytes below the high watermark", () => {
    const steps = fc.array(
      fc.record({ records: fc.integer({ min: 1, max: 5 }), bytes: fc.nat(1000), syncs: fc.nat(2) }),
    );
    fc.assert(
      fc.property(steps, (appends) => {
        const readable = new ReadableBytes(0);
        const waiting: { nextOffset: number; bytes: number }[] = [];
        let nextOffset = 0;
        let expected = 0;
        for (const { records, bytes, syncs } of appends) {
          const baseOffset = nextOffset;
          nextOffset += records;
          readable.appended({ baseOffset, nextOffset, bytes });
          waiting.push({ nextOffset, bytes });
          for (const synced of waiting.splice(0, syncs)) {
            expected += synced.bytes;
            readable.advancedTo(synced.nextOffset);
          }
          expect(readable.total).toBe(expected);
        }
      }),
    );
  });
});

import { describe, expect, test } from "vitest";
import { KeyLines } from "../../src/share/key-lines.ts";

describe("key lines", () => {
  test("records of one key: go by offset, however they came", () => {
    const lines = new KeyLines();
    for (const offset of [5, 3, 9]) lines.join(1, offset);
    lines.join(2, 4);
    expect([3, 4, 5, 9].filter((offset) => lines.isFirst(1, offset))).toEqual([3]);
    expect(lines.isFirst(2, 4)).toBe(true);
    expect([lines.leave(1, 3), lines.leave(1, 5), lines.leave(1, 9)]).toEqual([5, 9, null]);
    expect(lines.keyCount).toBe(1);
  });

  test("what was handed out: holds the key, also against a lower offset that comes late", () => {
    const lines = new KeyLines();
    lines.join(1, 5);
    lines.leave(1, 5);
    lines.hold(1, 5);
    lines.join(1, 2);
    lines.join(1, 8);
    expect([2, 5, 8].filter((offset) => lines.isFirst(1, offset))).toEqual([5]);
    expect(lines.leave(1, 5)).toBe(2);
    expect([2, 8].filter((offset) => lines.isFirst(1, offset))).toEqual([2]);
  });

  test("out of the middle of a line: the first stays first", () => {
    const lines = new KeyLines();
    for (const offset of [1, 2, 3]) lines.join(1, offset);
    expect(lines.leave(1, 2)).toBe(1);
    expect(lines.leave(1, 1)).toBe(3);
  });

  test("a key without records: is forgotten, and nobody is first", () => {
    const lines = new KeyLines();
    expect(lines.isFirst(1, 0)).toBe(false);
    expect(lines.leave(1, 0)).toBeNull();
    lines.hold(1, 0);
    expect(lines.leave(1, 7)).toBe(0);
    expect(lines.leave(1, 0)).toBeNull();
    expect(lines.keyCount).toBe(0);
  });
});

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { TimeHeap } from "../../src/share/time-heap.ts";

type Entry = readonly [number, number];

const byTime = ([one, low]: Entry, [other, high]: Entry): number => one - other || low - high;

function drained(heap: TimeHeap): readonly Entry[] {
  const entries: Entry[] = [];
  for (; heap.size > 0; heap.pop()) entries.push([heap.firstMs, heap.firstOffset]);
  return entries;
}

describe("time heap", () => {
  test("nothing in it: no time, and nothing to take", () => {
    const heap = new TimeHeap();
    heap.pop();
    expect([heap.size, heap.firstMs, heap.firstOffset]).toEqual([0, Infinity, -1]);
  });

  test("property: whatever goes in and out, the first time comes first, its lowest offset before others", () => {
    const entry = fc.tuple(fc.nat(9), fc.nat(50));
    const step = fc.oneof(
      { weight: 6, arbitrary: entry },
      { weight: 3, arbitrary: fc.constant("pop" as const) },
      { weight: 1, arbitrary: fc.nat(3) },
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 120, size: "max" }), (steps) => {
        const heap = new TimeHeap();
        let model: Entry[] = [];
        for (const each of steps) {
          if (each === "pop") {
            heap.pop();
            model.shift();
          } else if (typeof each === "number") {
            heap.retain((atMs, offset) => (atMs + offset) % 4 !== each);
            model = model.filter(([atMs, offset]) => (atMs + offset) % 4 !== each);
          } else {
            heap.push(...each);
            model.push(each);
            model.sort(byTime);
          }
          expect(heap.size).toBe(model.length);
          const [atMs, offset] = model[0] ?? [Infinity, -1];
          expect([heap.firstMs, heap.firstOffset]).toEqual([atMs, offset]);
        }
        expect(drained(heap)).toEqual(model);
      }),
    );
  });
});

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Heap } from "../../src/base/heap.ts";

describe("heap", () => {
  test("nothing in it: nothing comes out", () => {
    const heap = new Heap<number>((one, other) => one < other);
    expect([heap.size, heap.peek(), heap.pop()]).toEqual([0, undefined, undefined]);
    heap.push(3);
    heap.clear();
    expect([heap.size, heap.pop()]).toEqual([0, undefined]);
  });

  test("property: whatever goes in and out, the least comes first", () => {
    const step = fc.oneof(
      fc.integer({ min: -9, max: 9 }),
      fc.constantFrom("pop" as const, "even" as const),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const heap = new Heap<{ readonly value: number }>((one, other) => one.value < other.value);
        const model: number[] = [];
        for (const each of steps) {
          if (each === "pop") {
            expect(heap.peek()?.value).toBe(model[0]);
            expect(heap.pop()?.value).toBe(model.shift());
          } else if (each === "even") {
            heap.retain(({ value }) => value % 2 === 0);
            model.splice(0, model.length, ...model.filter((value) => value % 2 === 0));
          } else {
            heap.push({ value: each });
            model.push(each);
            model.sort((one, other) => one - other);
          }
          expect(heap.size).toBe(model.length);
        }
        while (model.length > 0) expect(heap.pop()?.value).toBe(model.shift());
        expect(heap.pop()).toBeUndefined();
      }),
    );
  });
});

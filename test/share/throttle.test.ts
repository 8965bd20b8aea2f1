import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Throttle } from "../../src/share/throttle.ts";

describe("throttle", () => {
  test("begins full: a second's worth at once, then evenly", () => {
    const throttle = new Throttle();
    expect(throttle.available(10, 1000)).toBe(10);
    throttle.take(10);
    expect(throttle.available(10, 1000)).toBe(0);
    expect(throttle.available(10, 1099)).toBe(0);
    expect(throttle.available(10, 1100)).toBe(1);
    expect(throttle.available(10, 1550)).toBe(5);
  });

  test("keeps no more than a second's worth, and always room for one", () => {
    const throttle = new Throttle();
    throttle.available(10, 0);
    expect(throttle.available(10, 3_600_000)).toBe(10);
    const slow = new Throttle();
    expect(slow.available(0.5, 0)).toBe(1);
    slow.take(1);
    expect(slow.available(0.5, 1999)).toBe(0);
    expect(slow.available(0.5, 2000)).toBe(1);
  });

  test("the wait it tells is the shortest after which one may happen", () => {
    const throttle = new Throttle();
    throttle.available(10, 0);
    throttle.take(10);
    expect(throttle.waitMs(10)).toBe(100);
    throttle.available(10, 40);
    expect(throttle.waitMs(10)).toBe(60);
    expect(throttle.available(10, 99)).toBe(0);
    expect(throttle.available(10, 100)).toBe(1);
  });

  test("a lower rate takes hold at once", () => {
    const throttle = new Throttle();
    expect(throttle.available(1000, 0)).toBe(1000);
    expect(throttle.available(2, 0)).toBe(2);
  });

  test("a clock that is set back costs nothing", () => {
    const throttle = new Throttle();
    throttle.available(10, 3_600_000);
    throttle.take(10);
    expect(throttle.available(10, 0)).toBe(0);
    expect(throttle.available(10, 1000)).toBe(10);
  });

  test("whoever takes what is available takes the rate, whenever he asks", () => {
    const steps = fc.array(fc.integer({ min: 0, max: 700 }), { minLength: 1, maxLength: 60 });
    fc.assert(
      // From 4 on what comes in a wait and what was left over before fit into a second's worth: nothing is cut off.
      fc.property(fc.integer({ min: 4, max: 50 }), steps, (rate, waits) => {
        const throttle = new Throttle();
        let nowMs = 0;
        let taken = throttle.available(rate, 0);
        throttle.take(taken);
        for (const waitMs of waits) {
          nowMs += waitMs;
          const count = throttle.available(rate, nowMs);
          throttle.take(count);
          taken += count;
          // The first second's worth, and what has come since.
          expect(taken).toBeLessThanOrEqual(rate + (nowMs * rate) / 1000 + 1e-6);
          expect(taken).toBeGreaterThan(rate + (nowMs * rate) / 1000 - 1 - 1e-6);
        }
      }),
    );
  });
});

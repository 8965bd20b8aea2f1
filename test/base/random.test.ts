import fc from "fast-check";
import { expect, test } from "vitest";
import { randomUuid, seededRandom, systemRandom } from "../../src/base/random.ts";

test("seeded random: the same seed: gives the same numbers and bytes", () => {
  const draw = (seed: number): unknown => {
    const random = seededRandom(seed);
    return [random.below(100), random.below(2 ** 32), [...random.bytes(8)]];
  };
  expect(draw(42)).toEqual(draw(42));
  expect(draw(42)).not.toEqual(draw(43));
});

test("random: below(bound): stays in [0, bound) from both sources", () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 2 ** 32 }), fc.integer(), (bound, seed) => {
      for (const source of [seededRandom(seed), systemRandom]) {
        const drawn = source.below(bound);
        expect(Number.isInteger(drawn) && drawn >= 0 && drawn < bound).toBe(true);
      }
    }),
  );
});

test("seeded random: small bound: every value comes up", () => {
  const random = seededRandom(1);
  const seen = new Set(Array.from({ length: 200 }, () => random.below(6)));
  expect([...seen].sort((a, b) => a - b)).toEqual([0, 1, 2, 3, 4, 5]);
});

test("random uuid: carries version 4 and the RFC variant, and differs each time", () => {
  const pattern = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
  const random = seededRandom(7);
  const drawn = Array.from({ length: 100 }, () => randomUuid(random));
  for (const uuid of drawn) expect(uuid).toMatch(pattern);
  expect(new Set(drawn).size).toBe(100);
});

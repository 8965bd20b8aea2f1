import fc from "fast-check";
import { expect, test } from "vitest";
import { formatVector, looksLikeVector, parseVector } from "../../../src/doors/http/vector.ts";

test("vector: any positions: reads back what was written", () => {
  const vectors = fc.dictionary(
    fc.nat().map(String),
    fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER }),
    { minKeys: 1 },
  );
  fc.assert(
    fc.property(vectors, (offsets) => {
      const vector = new Map(Object.entries(offsets).map(([name, at]) => [Number(name), at]));
      const text = formatVector(vector);
      expect(looksLikeVector(text)).toBe(true);
      expect(new Map(parseVector(text))).toEqual(vector);
    }),
    { seed: 5 },
  );
});

test.each(["0:", "0:1,", "0:1,0:2", "0:1:2", "0:-1", "0:1.5", ",0:1", "0:99999999999999999999"])(
  "vector %j: refused",
  (text) => {
    expect(() => parseVector(text)).toThrow(/must be a vector/);
  },
);

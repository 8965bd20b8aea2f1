import fc from "fast-check";
import { expect, test } from "vitest";
import { dividedBatches } from "../../../src/doors/http/divided-batches.ts";
import { batchOf, recordsOf } from "../../support/batches.ts";

const seed = 20250303;
const part = fc.oneof(fc.constant(null), fc.string({ unit: "grapheme", maxLength: 60 }));
const record = fc.record({
  key: part,
  value: part,
  timestampMs: fc.integer({ min: 0, max: 2 ** 45 }),
  headers: fc.array(fc.record({ key: fc.string({ maxLength: 9 }), value: part }), { maxLength: 2 }),
});
const batches = fc.array(fc.array(record, { minLength: 1, maxLength: 8 }), {
  minLength: 1,
  maxLength: 3,
});

test("any batches, any bound: the same records in order, in batches that keep to it where they can", () => {
  fc.assert(
    fc.property(batches, fc.integer({ min: 0, max: 900 }), (given, bytesMax) => {
      const divided = dividedBatches(
        given.map((records) => batchOf(records)),
        bytesMax,
      );
      const found = divided.map((batch) =>
        recordsOf(batch).map(({ key, value, timestampMs, headers }) => {
          return { key, value, timestampMs, headers };
        }),
      );
      expect(found.flat()).toEqual(given.flat());
      for (const [index, batch] of divided.entries()) {
        if ((found[index] ?? []).length > 1) expect(batch.length).toBeLessThanOrEqual(bytesMax);
      }
    }),
    { seed, numRuns: 100 },
  );
});

test("no room at all: every record is alone", () => {
  const divided = dividedBatches([batchOf([{ value: "a" }, {}]), batchOf([{ key: "k" }])], 0);
  expect(divided.map((batch) => recordsOf(batch).length)).toEqual([1, 1, 1]);
});

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type Change, packedRuns, unpackedRuns } from "../../src/share/packed-runs.ts";
import { fateOf } from "../support/share-states.ts";

const fates = fc
  .record({
    phase: fc.constantFrom("waiting" as const, "leased" as const, "leaving" as const),
    deliveries: fc.nat(2),
    dueMs: fc.constantFrom(0, 1_700_000_000_000),
    expiresAtMs: fc.constantFrom(Infinity, 0, 1_800_000_000_000),
    priority: fc.nat(1),
    keyHash: fc.constantFrom(-1, 0, 4_294_967_295),
    owner: fc.constantFrom("", "member"),
    reason: fc.constantFrom("", "it did not work: é"),
    bytes: fc.constantFrom(1, 12.5),
  })
  .map(fateOf);
const changes = fc.array(
  fc
    .tuple(fc.nat(Number.MAX_SAFE_INTEGER - 10), fc.nat(9), fc.option(fates))
    .map(([first, more, fate]): Change => ({ first, last: first + more, fate })),
  { minLength: 1, maxLength: 12 },
);

function back(runs: readonly Change[]): readonly Change[] | null {
  const written = JSON.stringify(packedRuns(runs));
  return unpackedRuns(JSON.parse(written), runs[0]?.first ?? 0);
}

describe("packed runs", () => {
  test("property: there and back, in whatever order they are", () => {
    fc.assert(
      fc.property(changes, (runs) => {
        expect(back(runs)).toEqual(runs);
      }),
    );
  });

  test("what is common is written once, and what is fresh not at all", () => {
    const due = (first: number, dueMs: number): Change => {
      return { first, last: first, fate: fateOf({ dueMs }) };
    };
    const settled = { first: 20, last: 29, fate: null };
    const leased = { first: 30, last: 30, fate: fateOf({ phase: "leased", deliveries: 1 }) };
    expect(packedRuns([due(7, 100), due(8, 0), settled, leased])).toEqual({
      fates: [{}, { phase: "leased", deliveries: 1 }],
      runs: [
        [0, 1, 0, 10, 100],
        [0, 1, 0, 10],
        [11, 10],
        [0, 1, 1, 10],
      ],
    });
  });

  test.each([1, -1, 0.5])("fate %d of one: is not told, and there is nothing", (index) => {
    expect(unpackedRuns({ fates: [{}], runs: [[0, 1, index, 10]] }, 0)).toBeNull();
  });
});

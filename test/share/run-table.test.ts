import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { OffsetRange, RecordFate, RecordRun } from "../../src/share/record-run.ts";
import { RunTable } from "../../src/share/run-table.ts";
import { fateOf, fatesOf } from "../support/share-states.ts";

const end = 4096;
const fates = [0, 1, 2].map((deliveries) => fateOf({ deliveries }));

class Watched {
  readonly present = new Set<RecordRun>();
  readonly model = new Map<number, RecordFate>();
  readonly table = new RunTable({
    added: (run) => {
      expect(this.present.has(run)).toBe(false);
      this.present.add(run);
    },
    removed: (run) => {
      expect(this.present.delete(run)).toBe(true);
    },
  });

  assign({ first, last }: OffsetRange, fate: RecordFate | null): void {
    this.table.assign({ first, last }, fate);
    for (let offset = first; offset <= Math.min(last, end); offset++) {
      if (fate === null) this.model.delete(offset);
      else this.model.set(offset, fate);
    }
  }
}

// Near the ends of blocks of 1,024 more often than anywhere else.
const offsets = fc.oneof(
  fc.integer({ min: 0, max: end - 1 }),
  fc
    .tuple(fc.constantFrom(1024, 2048, 3072), fc.integer({ min: -3, max: 3 }))
    .map(([a, b]) => a + b),
);
const ranges = fc.tuple(offsets, offsets).map(([one, other]) => ({
  first: Math.min(one, other),
  last: Math.max(one, other),
}));
const longRanges = offsets.map((first) => ({ first, last: Number.MAX_SAFE_INTEGER }));
const assigns = fc.oneof(
  { weight: 5, arbitrary: fc.tuple(ranges, fc.constantFrom<RecordFate | null>(null, ...fates)) },
  { weight: 1, arbitrary: fc.tuple(longRanges, fc.constant(null)) },
);

function check({ table, model, present }: Watched): void {
  expect(fatesOf(table, end)).toEqual(model);
  const runs = [...table.within({ first: 0, last: end })];
  expect(runs.length).toBe(table.runCount);
  expect(new Set(runs)).toEqual(present);
  for (const [index, { first, last }] of runs.entries()) {
    expect(first).toBeLessThanOrEqual(last);
    expect(first).toBeGreaterThan(runs[index - 1]?.last ?? -1);
    expect(Math.floor(first / 1024)).toBe(Math.floor(last / 1024));
  }
  expect(table.lowest()).toBe(model.size === 0 ? null : Math.min(...model.keys()));
}

describe("run table", () => {
  test("property: an offset has the fate it was given last, and listeners hear every run", () => {
    fc.assert(
      fc.property(fc.array(assigns, { maxLength: 15 }), (steps) => {
        const watched = new Watched();
        for (const [range, fate] of steps) watched.assign(range, fate);
        check(watched);
      }),
      { numRuns: 60 },
    );
  });

  test("within a range: the runs that have part in it, by offset", () => {
    const { table } = new Watched();
    table.assign({ first: 5, last: 1030 }, fateOf());
    table.assign({ first: 2000, last: 2001 }, fateOf());
    const found = [...table.within({ first: 1000, last: 2000 })];
    expect(found.map(({ first, last }) => [first, last])).toEqual([
      [5, 1023],
      [1024, 1030],
      [2000, 2001],
    ]);
    expect([...table.within({ first: 0, last: 4 })]).toEqual([]);
  });

  test("given the very fate it has: stays the run it is", () => {
    const { table } = new Watched();
    const fate = fateOf();
    table.assign({ first: 5, last: 7 }, fate);
    const run = table.find(5);
    table.assign({ first: 5, last: 7 }, fate);
    expect(table.find(5)).toBe(run);
    table.assign({ first: 5, last: 7 }, { ...fate });
    expect(table.find(5)).not.toBe(run);
  });

  test("a range without end: costs no more than what there is", () => {
    const { table } = new Watched();
    table.assign({ first: 7, last: 7 }, fateOf());
    table.assign({ first: 5000, last: 5000 }, fateOf());
    const all = { first: 0, last: Number.MAX_SAFE_INTEGER };
    expect([...table.within(all)].map(({ first }) => first)).toEqual([7, 5000]);
  });

  test("property: read while it changes, as a snapshot does: together with the changes it is the table", () => {
    // Few offsets, so that runs are split and joined while they are read.
    const near = fc.integer({ min: 1020, max: 1027 });
    const nearRanges = fc.tuple(near, fc.integer({ min: 0, max: 3 })).map(([first, more]) => {
      return { first, last: first + more };
    });
    const changes = fc.tuple(nearRanges, fc.constantFrom<RecordFate | null>(null, ...fates));
    const mixed = fc.array(fc.oneof(changes, fc.constant(1)), { minLength: 8, maxLength: 20 });
    fc.assert(
      fc.property(fc.array(changes, { minLength: 3, maxLength: 6 }), mixed, (before, steps) => {
        const watched = new Watched();
        for (const [range, fate] of before) watched.assign(range, fate);
        // What a log would hold: each run as it was read, each change when it was made.
        const replayed = new Watched();
        const reading = watched.table.all()[Symbol.iterator]();
        const readOn = (most: number): boolean => {
          for (let count = 0; count < most; count++) {
            const next = reading.next();
            if (next.done === true) return false;
            replayed.assign(next.value, next.value.fate);
          }
          return true;
        };
        for (const step of steps) {
          if (typeof step === "number") {
            readOn(step);
            continue;
          }
          watched.assign(...step);
          replayed.assign(...step);
        }
        while (readOn(1));
        expect(fatesOf(replayed.table, end)).toEqual(watched.model);
      }),
      { numRuns: 1000 },
    );
  });
});

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { RecordFate, RecordRun } from "../../src/share/record-run.ts";
import { SleepingRecords } from "../../src/share/sleeping-records.ts";
import { fateOf } from "../support/share-states.ts";

function allOf(records: SleepingRecords): readonly RecordRun[] {
  const all: RecordRun[] = [];
  for (let run = records.next(0); run !== null; run = records.next(run.first + 1)) all.push(run);
  return all;
}

function entriesOf(runs: readonly RecordRun[]): readonly (readonly [number, RecordFate])[] {
  return runs.map(({ first, fate }) => [first, fate] as const);
}

function sortedEntries(model: ReadonlyMap<number, RecordFate>): readonly [number, RecordFate][] {
  return [...model].sort(([one], [other]) => one - other);
}

const wakeMsOf = ({ dueMs, expiresAtMs }: RecordFate): number => Math.min(dueMs, expiresAtMs);

const fates = fc
  .record({
    dueMs: fc.integer({ min: 1, max: 1000 }),
    expiresAtMs: fc.constantFrom(Infinity, Infinity, 5, 500),
    deliveries: fc.nat(2),
    priority: fc.nat(1),
    keyHash: fc.constantFrom(-1, 4_294_967_295),
    reason: fc.constantFrom("", "it failed"),
    bytes: fc.integer({ min: 1, max: 9 }),
  })
  .map(fateOf);

describe("sleeping records", () => {
  test("property: each has the fate it was put to sleep with, until it is taken or wakes", () => {
    // Enough to split chunks of 256 rows and to make them join.
    const adds = fc.record({
      first: fc.nat(2000),
      step: fc.integer({ min: 1, max: 3 }),
      count: fc.integer({ min: 1, max: 400 }),
      fate: fates,
    });
    const step = fc.oneof(
      { weight: 3, arbitrary: adds },
      { weight: 2, arbitrary: fc.tuple(fc.nat(2500), fc.nat(900)) },
      { weight: 1, arbitrary: fc.nat(400) },
    );
    fc.assert(
      fc.property(fc.array(step, { minLength: 2, maxLength: 12 }), (steps) => {
        const records = new SleepingRecords();
        const model = new Map<number, RecordFate>();
        let nowMs = 0;
        for (const each of steps) {
          if (Array.isArray(each)) {
            const [first, more] = each;
            const range = { first, last: first + more };
            const within = sortedEntries(model).filter(([at]) => at >= first && at <= range.last);
            expect(entriesOf(records.takeWithin(range))).toEqual(within);
            for (const [offset] of within) model.delete(offset);
          } else if (typeof each === "number") {
            nowMs += each;
            const awake: RecordRun[] = [];
            for (let run = records.takeAwake(nowMs); run !== null; ) {
              awake.push(run);
              run = records.takeAwake(nowMs);
            }
            const due = sortedEntries(model).filter(([, fate]) => wakeMsOf(fate) <= nowMs);
            expect(new Map(entriesOf(awake))).toEqual(new Map(due));
            const times = awake.map(({ fate }) => wakeMsOf(fate));
            expect(times).toEqual(times.toSorted((one, other) => one - other));
            for (const [offset] of due) model.delete(offset);
          } else {
            for (let index = 0; index < each.count; index++) {
              const offset = each.first + index * each.step;
              if (model.has(offset)) continue;
              const fate = { ...each.fate, dueMs: each.fate.dueMs + ((index * 7) % 50) };
              records.add(offset, fate);
              model.set(offset, fate);
            }
          }
        }
        expect(records.size).toBe(model.size);
        expect(entriesOf(allOf(records))).toEqual(sortedEntries(model));
        expect(records.lowest()).toBe(model.size === 0 ? null : Math.min(...model.keys()));
        expect(records.nextWakeMs()).toBe(Math.min(Infinity, ...[...model.values()].map(wakeMsOf)));
      }),
      { numRuns: 60 },
    );
  });

  test("found by its offset alone", () => {
    const records = new SleepingRecords();
    records.add(5, fateOf({ dueMs: 9 }));
    expect([4, 5, 6].map((offset) => records.find(offset)?.first ?? null)).toEqual([null, 5, null]);
  });

  test("put to sleep again with another time: wakes at that one only", () => {
    const records = new SleepingRecords();
    records.add(5, fateOf({ dueMs: 10 }));
    records.takeWithin({ first: 5, last: 5 });
    records.add(5, fateOf({ dueMs: 20 }));
    expect(records.nextWakeMs()).toBe(20);
    expect(records.takeAwake(19)).toBeNull();
    expect(records.takeAwake(20)?.first).toBe(5);
  });

  test("times of those that were taken are forgotten", () => {
    const records = new SleepingRecords();
    for (let offset = 0; offset < 10_000; offset++) {
      records.add(offset, fateOf({ dueMs: 1e12 }));
      records.takeWithin({ first: offset, last: offset });
    }
    expect(records.timeCount).toBeLessThan(2000);
  });
});

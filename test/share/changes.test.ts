import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { PartitionChanges } from "../../src/share/changes.ts";
import type { Change } from "../../src/share/packed-runs.ts";
import type { OffsetRange, RecordFate } from "../../src/share/record-run.ts";
import type { ShareEvent } from "../../src/share/share-events.ts";
import { decodeShareEvent, encodeShareEvent } from "../../src/share/share-events.ts";
import { fateOf, fatesOf, ShareState } from "../support/share-states.ts";

function changesOf(state: ShareState): PartitionChanges {
  return new PartitionChanges("g", state.partition);
}

describe("changes", () => {
  test("nothing changed: no events", () => {
    const state = new ShareState();
    state.found(0, 3);
    expect(changesOf(state).events()).toEqual([]);
  });

  test("counts alone: the header with the new counts, the frontier where it was", () => {
    const state = new ShareState({}, 5);
    const changes = changesOf(state);
    changes.count("acked", 2);
    changes.count("acked", 1);
    expect(state.apply(changes)).toMatchObject([{ kind: "partition", header: { frontier: 5 } }]);
    expect(state.partition.header.counts).toMatchObject({ acked: 3, nacked: 0 });
  });

  test("neighbours with one fate are one run; others stand alone", () => {
    const state = new ShareState();
    state.found(0, 6);
    const changes = changesOf(state);
    const leased = fateOf({ phase: "leased", dueMs: 5 });
    for (const offset of [2, 0, 1]) changes.assign({ first: offset, last: offset }, null);
    changes.assign({ first: 3, last: 3 }, leased);
    changes.assign({ first: 4, last: 4 }, leased);
    changes.assign({ first: 5, last: 5 }, { ...leased, bytes: 11 });
    const runs = changes.events().flatMap(runsOf);
    expect(runs.map(({ first, last, fate }) => [first, last, fate?.phase ?? null])).toEqual([
      [0, 2, null],
      [3, 4, "leased"],
      [5, 5, "leased"],
    ]);
  });

  test("neighbours with one fate: no longer than half of what an event may be, unless they are settled", () => {
    const state = new ShareState();
    const half = 2 ** 25;
    const ranges = [0, 1, 2].map((part) => ({ first: part * half, last: (part + 1) * half - 1 }));
    const eventsOf = (fate: RecordFate | null): unknown => {
      const changes = changesOf(state);
      for (const range of ranges) changes.assign(range, fate);
      return changes.events().flatMap((each) => {
        if (each.kind === "runs") return each.runs.map(({ first, last }) => [first, last]);
        return each.kind === "run" ? [[each.first, each.last]] : [];
      });
    };
    expect(eventsOf(fateOf())).toEqual([
      [0, 2 * half - 1],
      [2 * half, 3 * half - 1],
    ]);
    expect(eventsOf(null)).toEqual([[0, 3 * half - 1]]);
  });

  test("long runs: no event gives more offsets a fate than are read again", () => {
    const state = new ShareState();
    const changes = changesOf(state);
    const length = 2 ** 25;
    for (let part = 0; part < 10; part++) {
      const first = 2 * part * length;
      changes.assign({ first, last: first + length - 1 }, fateOf());
      changes.assign({ first: first + length, last: first + 2 * length - 1 }, null);
    }
    const events = changes.events();
    expect(events.map((each) => runsOf(each).length)).toEqual([3, 4, 4, 4, 4, 1, 0]);
    for (const event of events) {
      const { key, value } = encodeShareEvent(event);
      expect(decodeShareEvent(key, value)).toEqual(event);
    }
  });

  test("below the frontier: what others are is not told again", () => {
    const state = new ShareState();
    state.found(0, 9);
    const first = changesOf(state);
    first.assign({ first: 8, last: 8 }, null);
    expect(state.apply(first).flatMap(runsOf)).toHaveLength(9);
    expect(state.partition.header.frontier).toBe(9);
    const second = changesOf(state);
    second.assign({ first: 4, last: 4 }, null);
    expect(state.apply(second).flatMap(runsOf)).toHaveLength(1);
    expect(state.partition.header.frontier).toBe(9);
  });

  test("many runs: few events, of a bounded size each, then the header", () => {
    const state = new ShareState();
    const changes = changesOf(state);
    for (let offset = 0; offset < 2400; offset += 2) {
      changes.assign({ first: offset, last: offset }, fateOf({ dueMs: 1 + offset }));
    }
    const events = state.apply(changes);
    expect(events.map(({ kind }) => kind)).toEqual(["runs", "runs", "runs", "partition"]);
    expect(events.map((each) => runsOf(each).length)).toEqual([500, 500, 200, 0]);
    expect(state.partition.find(2398)?.fate).toEqual(fateOf({ dueMs: 2399 }));
  });

  test("property: what was passed over becomes part of the state exactly once, as it was found", () => {
    const scanned = fc.array(fc.option(fc.nat(2), { freq: 4 }), { minLength: 4, maxLength: 14 });
    const touched = fc.uniqueArray(fc.tuple(fc.nat(13), fc.boolean()), {
      selector: ([offset]) => offset,
      maxLength: 6,
    });
    fc.assert(
      fc.property(scanned, fc.array(touched, { maxLength: 4 }), (found, rounds) => {
        const state = new ShareState();
        const stored = new ShareState();
        // Alike neighbours in one run, as a scan gives them.
        for (const range of rangesOf(found)) {
          const fate = fateOf({ priority: range.priority });
          state.partition.assign(range, fate);
        }
        state.partition.scannedTo = found.length;
        for (const round of rounds) {
          const changes = changesOf(state);
          for (const [offset, isSettled] of round) {
            const known = state.partition.find(offset);
            if (known === null) continue;
            const leased: RecordFate = { ...known.fate, phase: "leased", dueMs: 9 };
            changes.assign({ first: offset, last: offset }, isSettled ? null : leased);
          }
          const events = state.apply(changes);
          const told = events.flatMap((each) => runsOf(each).flatMap(offsetsOf));
          expect(new Set(told).size).toBe(told.length);
          for (const event of events) stored.machine.apply(event, 0);
        }
        const { frontier } = state.partition.header;
        expect(fatesOf(stored.partition, frontier)).toEqual(fatesOf(state.partition, frontier));
        expect(stored.partition.runCount).toBe(
          [...stored.partition.within({ first: 0, last: frontier - 1 })].length,
        );
      }),
      { numRuns: 500 },
    );
  });
});

function runsOf(event: ShareEvent): readonly Change[] {
  if (event.kind === "runs") return event.runs;
  return event.kind === "run" ? [event] : [];
}

function offsetsOf({ first, last }: OffsetRange): readonly number[] {
  return Array.from({ length: last - first + 1 }, (_, index) => first + index);
}

function rangesOf(
  found: readonly (number | null)[],
): readonly (OffsetRange & { readonly priority: number })[] {
  const ranges: { first: number; last: number; priority: number }[] = [];
  for (const [offset, priority] of found.entries()) {
    if (priority === null) continue;
    const before = ranges.at(-1);
    if (before?.last === offset - 1 && before.priority === priority) before.last = offset;
    else ranges.push({ first: offset, last: offset, priority });
  }
  return ranges;
}

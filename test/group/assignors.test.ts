import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type Assignment, countOf, contains } from "../../src/group/assignment.ts";
import {
  type AssignableMember,
  type AssignorName,
  assign,
  electAssignor,
} from "../../src/group/assignors.ts";

type Target = ReadonlyMap<string, Assignment>;

interface Wants {
  readonly [memberId: string]: readonly string[];
}

function assigned(
  assignor: AssignorName,
  wants: Wants,
  { topics, before }: { topics: Readonly<Record<string, number>>; before?: Target },
): Target {
  const members: AssignableMember[] = Object.entries(wants).map(([memberId, subscribedTopics]) => {
    return { memberId, subscribedTopics, current: before?.get(memberId) ?? new Map() };
  });
  return assign(assignor, { members, partitionCounts: new Map(Object.entries(topics)) });
}

function shown(target: Target): Record<string, Record<string, readonly number[]>> {
  const entries = [...target].map(([id, assignment]) => [id, Object.fromEntries(assignment)]);
  return Object.fromEntries(entries) as Record<string, Record<string, readonly number[]>>;
}

function countsOf(target: Target): number[] {
  return [...target.values()].map(countOf).sort((left, right) => left - right);
}

/** Partitions that have another owner than before, or one where they had none. */
function movedCount(before: Target, after: Target): number {
  let moved = 0;
  for (const [memberId, assignment] of after) {
    for (const [topic, partitions] of assignment) {
      const old = before.get(memberId) ?? new Map();
      moved += partitions.filter((partition) => !contains(old, topic, partition)).length;
    }
  }
  return moved;
}

function checkValid(target: Target, wants: Wants, topics: Readonly<Record<string, number>>): void {
  const seen = new Set<string>();
  for (const [memberId, assignment] of target) {
    for (const [topic, partitions] of assignment) {
      expect(wants[memberId]).toContain(topic);
      for (const partition of partitions) {
        expect(partition).toBeLessThan(topics[topic] ?? 0);
        expect(seen.has(`${topic}-${partition}`), `${topic}-${partition} twice`).toBe(false);
        seen.add(`${topic}-${partition}`);
      }
    }
  }
  const wanted = new Set(Object.values(wants).flat());
  const total = Object.entries(topics)
    .filter(([topic]) => wanted.has(topic))
    .reduce((sum, [, count]) => sum + count, 0);
  expect(seen.size).toBe(total);
}

/** True when some chain of moves would still even out two members that differ by two: the slow, obvious search. */
function canBeEvener(target: Target, wants: Wants): boolean {
  const counts = new Map([...target].map(([id, assignment]) => [id, countOf(assignment)]));
  for (const [start, count] of counts) {
    const reached = new Set([start]);
    for (const id of reached) {
      if ((counts.get(id) ?? 0) <= count - 2) return true;
      for (const topic of target.get(id)?.keys() ?? []) {
        for (const [other, topics] of Object.entries(wants)) {
          if (topics.includes(topic)) reached.add(other);
        }
      }
    }
  }
  return false;
}

const abc = { a: 4, b: 3, c: 2 };
const all = ["a", "b", "c"];

describe("uniform", () => {
  test("equal subscriptions: members differ by one at most, over all topics", () => {
    const wants = { m1: all, m2: all };
    const target = assigned("uniform", wants, { topics: abc });
    checkValid(target, wants, abc);
    expect(countsOf(target)).toEqual([4, 5]);
  });

  test("one topic of one partition each: spread over members, not all to the first", () => {
    const topics = { a: 1, b: 1, c: 1 };
    const target = assigned("uniform", { m1: all, m2: all, m3: all }, { topics });
    expect(countsOf(target)).toEqual([1, 1, 1]);
  });

  test("a member joins: only its share moves", () => {
    const topics = { a: 12 };
    const before = assigned("uniform", { m2: ["a"], m3: ["a"] }, { topics });
    const wants = { m1: ["a"], m2: ["a"], m3: ["a"] };
    const after = assigned("uniform", wants, { topics, before });
    expect(countsOf(after)).toEqual([4, 4, 4]);
    expect(movedCount(before, after)).toBe(4);
  });

  test("a member leaves: only what it had moves", () => {
    const topics = { a: 12 };
    const before = assigned("uniform", { m1: ["a"], m2: ["a"], m3: ["a"] }, { topics });
    const after = assigned("uniform", { m1: ["a"], m3: ["a"] }, { topics, before });
    expect(countsOf(after)).toEqual([6, 6]);
    expect(movedCount(before, after)).toBe(4);
  });

  test("partitions are added: what was assigned stays", () => {
    const before = assigned("uniform", { m1: ["a"], m2: ["a"] }, { topics: { a: 4 } });
    const after = assigned("uniform", { m1: ["a"], m2: ["a"] }, { topics: { a: 10 }, before });
    expect(countsOf(after)).toEqual([5, 5]);
    expect(movedCount(before, after)).toBe(6);
  });

  test("different subscriptions: a chain of moves evens out what no single move can", () => {
    const before: Target = new Map([
      ["m1", new Map([["a", [0, 1, 2]]])],
      ["m2", new Map([["b", [0, 1]]])],
      ["m3", new Map([["c", [0]]])],
    ]);
    const wants = { m1: ["a"], m2: ["a", "b"], m3: ["b", "c"] };
    const after = assigned("uniform", wants, { topics: { a: 3, b: 2, c: 1 }, before });
    expect(countsOf(after)).toEqual([2, 2, 2]);
    expect(movedCount(before, after)).toBe(2);
  });

  test("nobody wants a topic, or wants one that is not there: nothing is assigned of it", () => {
    const target = assigned("uniform", { m1: ["a", "x"] }, { topics: { a: 1, b: 1 } });
    expect(shown(target)).toEqual({ m1: { a: [0] } });
  });

  test("any members, topics and past: all is assigned, as evenly as can be, and settled", () => {
    const names = ["a", "b", "c", "d"];
    const wish = fc.subarray(names);
    const world = fc.record({
      counts: fc.array(fc.nat(9), { minLength: 4, maxLength: 4 }),
      laterCounts: fc.array(fc.nat(9), { minLength: 4, maxLength: 4 }),
      wishes: fc.array(wish, { minLength: 1, maxLength: 7 }),
      laterWishes: fc.array(fc.option(wish, { nil: null }), { minLength: 1, maxLength: 7 }),
    });
    fc.assert(
      fc.property(world, ({ counts, laterCounts, wishes, laterWishes }) => {
        const topicsOf = (list: readonly number[]) => {
          return Object.fromEntries(names.map((name, index) => [name, list[index] ?? 0]));
        };
        const first: Record<string, readonly string[]> = {};
        wishes.forEach((topics, index) => (first[`m${index}`] = topics));
        const before = assigned("uniform", first, { topics: topicsOf(counts) });
        checkValid(before, first, topicsOf(counts));
        expect(canBeEvener(before, first)).toBe(false);
        const later: Record<string, readonly string[]> = {};
        laterWishes.forEach((topics, index) => {
          if (topics !== null) later[`m${index}`] = topics;
        });
        const topics = topicsOf(laterCounts);
        const after = assigned("uniform", later, { topics, before });
        checkValid(after, later, topics);
        expect(canBeEvener(after, later)).toBe(false);
        const again = assigned("uniform", later, { topics, before: after });
        expect(movedCount(after, again)).toBe(0);
      }),
      { numRuns: 300 },
    );
  });

  test("equal subscriptions, members come and go: no more moves than the balance needs", () => {
    const steps = fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 8 });
    fc.assert(
      fc.property(steps, fc.integer({ min: 1, max: 40 }), (sizes, partitionCount) => {
        let before: Target = new Map();
        for (const size of sizes) {
          const wants: Record<string, readonly string[]> = {};
          for (let index = 0; index < size; index++) wants[`m${index}`] = ["a"];
          const after = assigned("uniform", wants, { topics: { a: partitionCount }, before });
          const least = countsOf(after)[0] ?? 0;
          expect((countsOf(after).at(-1) ?? 0) - least).toBeLessThanOrEqual(1);
          const kept = [...before]
            .filter(([id]) => id in wants)
            .map(([, assignment]) => countOf(assignment))
            .sort((left, right) => right - left);
          // The most that can stay: each keeps up to its fair share, and the fullest keep the larger shares.
          const larger = partitionCount % size;
          const floor = Math.floor(partitionCount / size);
          const stay = kept.reduce(
            (sum, count, index) => sum + Math.min(count, floor + (index < larger ? 1 : 0)),
            0,
          );
          expect(movedCount(before, after)).toBe(partitionCount - stay);
          before = after;
        }
      }),
      { numRuns: 200 },
    );
  });
});

describe("range", () => {
  test("equal partition counts: the same numbers of all topics go to the same member", () => {
    const wants = { m1: ["a", "b"], m2: ["a", "b"], m3: ["a", "b"] };
    const target = assigned("range", wants, { topics: { a: 7, b: 7 } });
    expect(shown(target)).toEqual({
      m1: { a: [0, 1, 2], b: [0, 1, 2] },
      m2: { a: [3, 4], b: [3, 4] },
      m3: { a: [5, 6], b: [5, 6] },
    });
  });

  test("a member joins whose name comes first: the others keep their order", () => {
    const topics = { a: 6, b: 2 };
    const before = assigned("range", { m2: ["a", "b"], m3: ["a", "b"] }, { topics });
    const wants = { m1: ["a", "b"], m2: ["a", "b"], m3: ["a", "b"] };
    const after = assigned("range", wants, { topics, before });
    expect(shown(after)).toEqual({
      m2: { a: [0, 1], b: [0] },
      m3: { a: [2, 3], b: [1] },
      m1: { a: [4, 5] },
    });
  });

  test("different subscriptions: each topic is shared among those who want it", () => {
    const wants = { m1: ["a"], m2: ["a", "b"], m3: ["b"] };
    const target = assigned("range", wants, { topics: { a: 2, b: 3 } });
    checkValid(target, wants, { a: 2, b: 3 });
    expect(shown(target)).toEqual({ m1: { a: [0] }, m2: { a: [1], b: [0, 1] }, m3: { b: [2] } });
  });

  test("any members and topics: all is assigned, in stretches, and settled", () => {
    const world = fc.record({
      a: fc.nat(9),
      b: fc.nat(9),
      first: fc.subarray(["m1", "m2", "m3", "m4"], { minLength: 1 }),
      then: fc.subarray(["m0", "m1", "m2", "m3", "m4"], { minLength: 1 }),
    });
    fc.assert(
      fc.property(world, ({ a, b, first, then }) => {
        const topics = { a, b };
        const wantsOf = (ids: readonly string[]) => Object.fromEntries(ids.map((id) => [id, all]));
        const before = assigned("range", wantsOf(first), { topics });
        const after = assigned("range", wantsOf(then), { topics, before });
        checkValid(after, wantsOf(then), topics);
        for (const assignment of after.values()) {
          for (const stretch of assignment.values()) {
            expect((stretch.at(-1) ?? 0) - (stretch[0] ?? 0)).toBe(stretch.length - 1);
          }
        }
        const again = assigned("range", wantsOf(then), { topics, before: after });
        expect(movedCount(after, again)).toBe(0);
      }),
    );
  });
});

test("assignor: elected by most votes; uniform on a tie and without votes", () => {
  expect(electAssignor([])).toBe("uniform");
  expect(electAssignor([null, "range"])).toBe("range");
  expect(electAssignor(["uniform", "range"])).toBe("uniform");
  expect(electAssignor(["uniform", "range", "range", null])).toBe("range");
});

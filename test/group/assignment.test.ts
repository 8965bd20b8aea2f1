import fc from "fast-check";
import { expect, test } from "vitest";
import {
  type Assignment,
  assignmentOf,
  contains,
  countOf,
  difference,
  emptyAssignment,
  filter,
  intersection,
  isEqual,
  isSubset,
  listOf,
  union,
} from "../../src/group/assignment.ts";

const someTopics = fc.array(
  fc.record({ topic: fc.constantFrom("a", "b", "c"), partitions: fc.array(fc.nat(6)) }),
  { maxLength: 5 },
);

function namesOf(assignment: Assignment): Set<string> {
  const names = listOf(assignment).flatMap(({ topic, partitions }) => {
    return partitions.map((partition) => `${topic}${partition}`);
  });
  return new Set(names);
}

test("assignment: from any list: as a set of names, whatever the order and repetition", () => {
  fc.assert(
    fc.property(someTopics, someTopics, (leftList, rightList) => {
      const left = assignmentOf(leftList);
      const right = assignmentOf(rightList);
      const [inLeft, inRight] = [namesOf(left), namesOf(right)];
      const expected = leftList.flatMap((item) => item.partitions.map((p) => `${item.topic}${p}`));
      expect(inLeft).toEqual(new Set(expected));
      expect(countOf(left)).toBe(inLeft.size);
      expect(namesOf(union(left, right))).toEqual(new Set([...inLeft, ...inRight]));
      const both = [...inLeft].filter((name) => inRight.has(name));
      expect(namesOf(intersection(left, right))).toEqual(new Set(both));
      const onlyLeft = [...inLeft].filter((name) => !inRight.has(name));
      expect(namesOf(difference(left, right))).toEqual(new Set(onlyLeft));
      expect(isSubset(left, right)).toBe(onlyLeft.length === 0);
      expect(isEqual(left, right)).toBe(onlyLeft.length === 0 && both.length === inRight.size);
      for (const set of [left, union(left, right), difference(left, right)]) {
        for (const partitions of set.values()) {
          expect(partitions.length).toBeGreaterThan(0);
          expect([...partitions].sort((a, b) => a - b)).toEqual(partitions);
        }
      }
    }),
  );
});

test("assignment: contains: only what is there, also beyond both ends", () => {
  const assignment = assignmentOf([{ topic: "a", partitions: [3, 1, 5] }]);
  const found = [0, 1, 2, 3, 4, 5, 6].filter((partition) => contains(assignment, "a", partition));
  expect(found).toEqual([1, 3, 5]);
  expect(contains(assignment, "b", 1)).toBe(false);
  expect(contains(emptyAssignment, "a", 1)).toBe(false);
});

test("assignment: filter that keeps all: the same object, so a change shows at a glance", () => {
  const assignment = assignmentOf([{ topic: "a", partitions: [1, 2] }]);
  expect(filter(assignment, () => true)).toBe(assignment);
  expect(filter(assignment, () => false).size).toBe(0);
});

import { expect, test } from "vitest";
import {
  areAlike,
  fateOffsetsMax,
  freshFate,
  isFateRange,
  isSameFate,
  lengthOf,
  type RecordFate,
} from "../../src/share/record-run.ts";

test("both ends belong to a range", () => {
  expect(lengthOf({ first: 5, last: 5 })).toBe(1);
  expect(lengthOf({ first: 5, last: 9 })).toBe(5);
});

test("records alike: everything but their size is the same", () => {
  const fate = freshFate(10);
  expect(areAlike(fate, freshFate(99))).toBe(true);
  const others = [
    { phase: "leased" as const },
    { deliveries: 1 },
    { dueMs: 1 },
    { expiresAtMs: 1 },
    { priority: 1 },
    { owner: "m" },
    { reason: "r" },
  ];
  for (const other of others) expect(areAlike(fate, { ...fate, ...other })).toBe(false);
});

test("records with keys: never alike, each waits for its own turn", () => {
  const keyed = { ...freshFate(10), keyHash: 7 };
  expect(areAlike(keyed, keyed)).toBe(false);
  expect(areAlike(freshFate(10), keyed)).toBe(false);
});

test("fates: the same when everything is", () => {
  const fate = freshFate(10);
  expect(isSameFate(fate, { ...fate })).toBe(true);
  const other: RecordFate = {
    phase: "leased",
    deliveries: 1,
    dueMs: 1,
    expiresAtMs: 1,
    priority: 1,
    keyHash: 1,
    owner: "m",
    reason: "r",
    bytes: 1,
  };
  for (const name of Object.keys(fate) as (keyof RecordFate)[]) {
    expect(isSameFate(fate, { ...fate, [name]: other[name] })).toBe(false);
  }
});

test("ranges that were read: in order, exact, and not too long for a fate", () => {
  const fate = freshFate(1);
  expect(isFateRange({ first: 0, last: fateOffsetsMax - 1 }, fate)).toBe(true);
  expect(isFateRange({ first: 0, last: fateOffsetsMax }, fate)).toBe(false);
  expect(isFateRange({ first: 0, last: fateOffsetsMax }, null)).toBe(true);
  for (const [first, last] of [
    [1, 0],
    [-1, 0],
    [0.5, 1],
    [0, 2 ** 53],
  ] as const) {
    expect(isFateRange({ first, last }, null)).toBe(false);
  }
});

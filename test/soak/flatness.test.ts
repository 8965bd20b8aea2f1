import { expect, test } from "vitest";
import { flatnessOf, type Point, warmUpMs } from "./flatness.ts";

const rule = { share: 0.1, slack: 1 };

/** A point every ten seconds for so many minutes. */
function curve(minutes: number, valueAt: (minute: number) => number, life = 0): Point[] {
  return Array.from({ length: minutes * 6 }, (_, index) => ({
    atMs: index * 10_000,
    life,
    value: valueAt(index / 6),
  }));
}

test("a level, with noise around it: flat", () => {
  const noisy = curve(20, (minute) => 100 + 20 * Math.sin(minute * 9));
  expect(flatnessOf(noisy, rule)?.isFlat).toBe(true);
});

test("a slow leak: not flat", () => {
  expect(
    flatnessOf(
      curve(20, (minute) => 100 + 3 * minute),
      rule,
    ),
  ).toMatchObject({ isFlat: false });
});

test("what a life needs to find its level does not count, in none of them", () => {
  const level = (minute: number): number => (minute < 1 ? 500 : 100);
  const first = curve(5, level);
  const second = curve(5, level, 1).map((point) => ({ ...point, atMs: point.atMs + 300_000 }));
  expect(flatnessOf([...first, ...second], rule)).toEqual({ early: 100, late: 100, isFlat: true });
  expect(warmUpMs).toBe(60_000);
});

test("small numbers may move by the slack", () => {
  const steps = curve(20, (minute) => (minute < 12 ? 1 : 2));
  expect(flatnessOf(steps, rule)?.isFlat).toBe(true);
  expect(flatnessOf(steps, { share: 0.1, slack: 0 })?.isFlat).toBe(false);
});

test("too short to tell: nothing is said", () => {
  expect(
    flatnessOf(
      curve(2, () => 1),
      rule,
    ),
  ).toBeNull();
});

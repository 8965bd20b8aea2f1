// Whether a curve stays where it is once it has found its level.

import { median } from "../../bench/harness.ts";

/** One point of a curve. */
export interface Point {
  /** Since the start of the run. */
  readonly atMs: number;
  /** Which life of the server it belongs to. */
  readonly life: number;
  readonly value: number;
}

/** What is asked of a curve. */
export interface FlatnessRule {
  /** The later level may be above the earlier one by this share. */
  readonly share: number;
  /** Or by this much, in the unit of the values: small numbers move a lot. */
  readonly slack: number;
}

/** What a curve did. */
export interface Flatness {
  /** Median of the second quarter of the time looked at, and of the last. */
  readonly early: number;
  readonly late: number;
  readonly isFlat: boolean;
}

/** A process that has just begun is still finding its level. */
export const warmUpMs = 60_000;

// Fewer points do not tell anything.
const pointsMin = 8;

/**
 * Compares the second quarter of a curve with its last one, without what each life of the server needs to warm up;
 * null where there is too little to compare.
 */
export function flatnessOf(points: readonly Point[], rule: FlatnessRule): Flatness | null {
  const begins = new Map<number, number>();
  const warm = points.filter(({ life, atMs }) => {
    const beganMs = begins.get(life) ?? atMs;
    begins.set(life, beganMs);
    return atMs - beganMs >= warmUpMs;
  });
  if (warm.length < pointsMin) return null;
  const quarter = Math.floor(warm.length / 4);
  const levelOf = (part: readonly Point[]): number => median(part.map(({ value }) => value));
  const early = levelOf(warm.slice(quarter, 2 * quarter));
  const late = levelOf(warm.slice(-quarter));
  return { early, late, isFlat: late <= early * (1 + rule.share) + rule.slack };
}

// Draws curves over time as an SVG: one row a curve, with the moments at which the server was started again.

import { format } from "../../bench/plot.ts";
import type { Flatness, Point } from "./flatness.ts";

/** A curve with its name and what was found of it. */
export interface Curve {
  /** With the unit: `heap in use, MiB`. */
  readonly title: string;
  readonly points: readonly Point[];
  readonly flatness: Flatness | null;
}

const width = 900;
const rowHeight = 130;
const left = 20;
const plotHeight = 80;
const plotWidth = width - 2 * left;

/** An SVG document with a row for each curve. */
export function chart(heading: string, curves: readonly Curve[]): string {
  const height = 40 + curves.length * rowHeight;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" font-family="sans-serif">`,
    `<rect width="100%" height="100%" fill="#fff"/>`,
    `<text x="${left}" y="24" font-size="15" font-weight="bold">${heading}</text>`,
    ...curves.map((curve, index) => rowOf(curve, 40 + index * rowHeight)),
    "</svg>",
    "",
  ].join("\n");
}

function rowOf({ title, points, flatness }: Curve, top: number): string {
  const values = points.map(({ value }) => value);
  const most = Math.max(1e-9, ...values);
  const endMs = Math.max(1, ...points.map(({ atMs }) => atMs));
  const xOf = (atMs: number): string => (left + (atMs / endMs) * plotWidth).toFixed(1);
  const yOf = (value: number): string => (top + 25 + (1 - value / most) * plotHeight).toFixed(1);
  const line = points.map(({ atMs, value }) => `${xOf(atMs)},${yOf(value)}`).join(" ");
  const starts = points.filter(({ life }, index) => index > 0 && points[index - 1]?.life !== life);
  const told =
    flatness === null
      ? "too short to compare"
      : `${format(flatness.early)} early, ${format(flatness.late)} late: ${flatness.isFlat ? "flat" : "RISING"}`;
  return [
    `<text x="${left}" y="${top + 14}" font-size="12">${title}: at most ${format(most)}; ${told}</text>`,
    `<rect x="${left}" y="${top + 25}" width="${plotWidth}" height="${plotHeight}" fill="#f8fafc" stroke="#cbd5e1"/>`,
    ...starts.map(
      ({ atMs }) =>
        `<line x1="${xOf(atMs)}" x2="${xOf(atMs)}" y1="${top + 25}" y2="${top + 25 + plotHeight}" stroke="#f59e0b" stroke-dasharray="3 3"/>`,
    ),
    `<polyline points="${line}" fill="none" stroke="#3b82a0" stroke-width="1.2"/>`,
  ].join("\n");
}

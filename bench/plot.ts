// Draws figures as an SVG a person can look at: one bar a figure, its ratio to the baseline or its share of the budget.

import type { Figure } from "./harness.ts";

const rowHeight = 46;
const labelWidth = 330;
const barWidth = 520;

/** An SVG document with one row a figure. */
export function plot(figures: readonly Figure[], machine: string): string {
  const height = 70 + figures.length * rowHeight;
  const width = labelWidth + barWidth + 190;
  const rows = figures.map((figure, index) => rowOf(figure, 60 + index * rowHeight));
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" font-family="sans-serif">`,
    `<rect width="100%" height="100%" fill="#fff"/>`,
    `<text x="12" y="24" font-size="16" font-weight="bold">Varve: figures of one run</text>`,
    `<text x="12" y="44" font-size="11" fill="#555">${escape(machine)}</text>`,
    ...rows,
    "</svg>",
    "",
  ].join("\n");
}

function rowOf(figure: Figure, top: number): string {
  const share = figure.ratio ?? null;
  const filled = share === null ? barWidth : Math.min(1.2, share) * (barWidth / 1.2);
  const mark = labelWidth + barWidth / 1.2;
  const value = `${format(figure.value)} ${figure.unit}`;
  const ratio = share === null ? "" : ` (${(share * 100).toFixed(0)} % of the baseline)`;
  return [
    `<text x="12" y="${top + 14}" font-size="13">${escape(figure.name)}</text>`,
    `<text x="12" y="${top + 29}" font-size="10" fill="#777">${escape(figure.budget ?? "")}</text>`,
    `<rect x="${labelWidth}" y="${top}" width="${filled.toFixed(0)}" height="20" fill="${share === null ? "#cbd5e1" : "#3b82a0"}"/>`,
    share === null
      ? ""
      : `<line x1="${mark}" x2="${mark}" y1="${top - 4}" y2="${top + 24}" stroke="#b91c1c"/>`,
    `<text x="${labelWidth + 8}" y="${top + 35}" font-size="11" fill="#333">${escape(value + ratio)}</text>`,
  ].join("\n");
}

/** Large numbers with thousands separators, small ones with two digits. */
export function format(value: number): string {
  return value >= 100 ? Math.round(value).toLocaleString("en-US") : value.toFixed(2);
}

function escape(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}

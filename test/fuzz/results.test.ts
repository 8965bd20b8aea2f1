import { expect, test } from "vitest";
import { lineOf, pageOf, type TargetResult } from "./results.ts";

const result: TargetResult = {
  facts: {
    target: "lz4",
    inputs: 1_200_000,
    valid: 300_000,
    kept: [],
    corpus: 31,
    outcomes: 9,
    bytesMost: 204_800,
    findings: [{ target: "lz4", input: Buffer.from("x"), what: "did not end within 20000 ms" }],
  },
  seconds: 20,
  exploredInputs: 200_000,
  bound: "64 KiB",
};

test("a line: inputs, their rate, and what was found", () => {
  expect(lineOf(result)).toMatch(/^lz4 +1,200,000 inputs, +60,000\/cpu s, +25\.0 % valid/);
  expect(lineOf(result)).toContain("1 FOUND");
  const facts = { ...result.facts, findings: [] };
  expect(lineOf({ ...result, facts })).toContain("nothing found");
});

test("the page: sums, a row for each target, and each finding by name", () => {
  const how = { date: "2026-11-27", seed: 7, workers: 2, wallSeconds: 100, machine: "a machine" };
  const page = pageOf([result, result], how);
  expect(page).toContain("2,400,000 inputs in 100 s (24,000 a second) by 2 processes on a machine");
  expect(page.match(/^\| lz4 \| 1,200,000 \| 200,000 \| 60,000 \| 25\.0 % /gm)).toHaveLength(2);
  expect(page).toContain("- lz4: did not end within 20000 ms");
});

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { torture } from "./kill-torture.ts";

test("server: killed in the middle of a load again and again: nothing acknowledged is lost", async () => {
  const dataDir = mkdtempSync(join(tmpdir(), "varve-kill-"));
  const seed = Math.floor(Math.random() * 2 ** 31);
  console.log(`seed ${seed}`);
  const facts = await torture({
    dataDir,
    cycles: 3,
    seed,
    producers: 2,
    partitions: 2,
    livesMs: [600, 1200],
    eraCycles: 2,
  });
  expect(facts.problems).toEqual([]);
  expect(facts.acknowledged).toBeGreaterThan(0);
  expect(facts.checked).toBeGreaterThan(0);
  rmSync(dataDir, { recursive: true, force: true });
}, 120_000);

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { backupTorture } from "./backup-torture.ts";

test("backup: real processes, killed in the middle: what is whole restores to all that was acknowledged", async () => {
  const root = mkdtempSync(join(tmpdir(), "varve-backups-"));
  const seed = Math.floor(Math.random() * 2 ** 31);
  console.log(`seed ${seed}`);
  const facts = await backupTorture({ root, cycles: 1, seed, lines: null });
  expect(facts.problems).toEqual([]);
  expect(facts.acknowledged).toBeGreaterThan(0);
  expect(facts.backups + facts.serverKills).toBeGreaterThan(0);
  rmSync(root, { recursive: true, force: true });
}, 120_000);

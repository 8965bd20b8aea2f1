// The short forms of what real processes and real disks are put through; `npm run torture`, `torture:power`,
// `torture:faults` and `torture:clocks` are the long ones.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { tortureClocks } from "../crash/clocks/clock-torture.ts";
import { sweepFaults } from "../crash/faults/fault-sweep.ts";
import { compiledShim, type ShimPlan } from "../crash/faults/shim.ts";
import { failingDisk } from "../crash/power/failing-disk.ts";
import { type FileSystemKind, whyNoImages } from "../crash/power/file-systems.ts";
import { torturePower } from "../crash/power/power-torture.ts";
import { findFakeTime, installedMkfs } from "./toolchain.ts";

function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "varve-crash-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

const kinds: readonly FileSystemKind[] = ["ext4", "xfs"];

test.for(kinds)("power cuts on %s: nothing acknowledged is lost", async (kind, context) => {
  installedMkfs(kind);
  const missing = whyNoImages(kind);
  if (missing !== null) return context.skip(missing);
  const size = { images: 5, eraImages: 5, seed: 5 };
  const facts = await torturePower({ folder: temporaryFolder(), kind, ...size });
  expect(facts.problems).toEqual([]);
  expect(facts.images).toBe(5);
  expect(facts.checked).toBeGreaterThan(0);
});

test("a disk whose syncs fail: what was acknowledged is there after the repair", async (context) => {
  const missing = whyNoImages("ext4");
  if (missing !== null) return context.skip(missing);
  const shim = compiledShim();
  const library = "missing" in shim ? null : shim.tool;
  // The file system may notice first, when it writes back, and refuse a write: no sync has failed then, and it is done
  // again. What was promised holds either way.
  for (let tries = 1; ; tries++) {
    const facts = await failingDisk({ folder: temporaryFolder(), library, seed: 1 });
    if (facts === null) return context.skip("a file system in memory cannot be mounted");
    expect(facts.problems).toEqual([]);
    expect(facts.acknowledged).toBeGreaterThan(0);
    if (library === null) return;
    if (facts.failedSyncs === 0 && tries < 3) continue;
    expect(facts.failedSyncs).toBe(1);
    return;
  }
});

test("calls that fail, one after the other: nothing acknowledged is lost", async (context) => {
  const shim = compiledShim();
  if ("missing" in shim) return context.skip(shim.missing);
  const plans: readonly ShimPlan[] = [
    { call: "fdatasync", at: 12, action: "eio" },
    { call: "pwrite", at: 20, action: "eio" },
    { call: "rename", at: 6, action: "eio" },
    { call: "open", at: 60, action: "eio" },
    { call: "fsync", at: 20, action: "exit" },
    { call: "any", at: 200, action: "exit" },
  ];
  const options = { library: shim.tool, plans, seed: 7, loadMs: 800 };
  const facts = await sweepFaults({ folder: temporaryFolder(), ...options });
  expect(facts.problems).toEqual([]);
  expect(facts.met).toBeGreaterThan(plans.length / 2);
});

test.for([
  { retentionHours: 12, withKills: false },
  { retentionHours: 240, withKills: true },
])(
  "a wall clock that jumps, %o: nothing is lost, leases and members stay",
  async (about, context) => {
    const found = findFakeTime();
    if ("missing" in found) return context.skip(found.missing);
    const size = { steps: 6, seed: 3, ...about };
    const facts = await tortureClocks({ folder: temporaryFolder(), library: found.tool, ...size });
    expect(facts.problems).toEqual([]);
    expect(facts.acknowledged).toBeGreaterThan(0);
  },
);

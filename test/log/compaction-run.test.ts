import fc from "fast-check";
import { expect, test } from "vitest";
import { seededRandom } from "../../src/base/random.ts";
import { CompactionWorld } from "../support/compaction-world.ts";

test("any log, compacted at any time: the model's view of it, after crashes too", async () => {
  let runs = 0;
  let removed = 0;
  const property = fc.asyncProperty(fc.nat(2 ** 31), async (seed) => {
    const world = new CompactionWorld(seededRandom(seed));
    await world.open();
    for (let step = 0; step < 120; step++) await world.step();
    await world.compact();
    await world.check();
    await world.reopen(true);
    await world.check();
    runs += world.runs;
    removed += world.removed;
  });
  await fc.assert(property, { numRuns: Number(process.env["VARVE_COMPACTION_RUNS"] ?? 12) });
  expect(runs).toBeGreaterThan(40);
  expect(removed).toBeGreaterThan(200);
});

test("the power is cut at every call to the disk: nothing that has to stay is lost", async () => {
  let cuts = 0;
  for (const seed of [1]) {
    const world = new CompactionWorld(seededRandom(seed));
    await world.open();
    for (let step = 0; step < 40; step++) await world.step();
    cuts += await world.compactUnderPowerCuts();
  }
  expect(cuts).toBeGreaterThan(40);
});

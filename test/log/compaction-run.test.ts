import fc from "fast-check";
import { expect, test } from "vitest";
import { seededRandom } from "../../src/base/random.ts";
import { CompactionWorld } from "../support/compaction-world.ts";

// More of them look at every call of more worlds.
const numRuns = Number(process.env["VARVE_COMPACTION_RUNS"] ?? 8);
const isLong = numRuns > 8;

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
  await fc.assert(property, { numRuns });
  expect(runs).toBeGreaterThan(20);
  expect(removed).toBeGreaterThan(100);
});

test("the power is cut at the calls to the disk: nothing that has to stay is lost", async () => {
  let cuts = 0;
  for (let seed = 1; seed <= (isLong ? numRuns / 20 : 1); seed++) {
    const world = new CompactionWorld(seededRandom(seed));
    await world.open();
    for (let step = 0; step < 40; step++) await world.step();
    cuts += await world.compactUnderPowerCuts(isLong ? 1 : 9);
  }
  expect(cuts).toBeGreaterThan(5);
});

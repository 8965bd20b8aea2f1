// `npm run torture:clocks -- --steps 100`: a wall clock that jumps, with progress.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { tortureClocks } from "./clock-torture.ts";
import { fakeTime } from "./fake-time.ts";

const { values } = parseArgs({
  options: {
    steps: { type: "string", default: "30" },
    seed: { type: "string", default: String(Date.now() % 2 ** 31) },
    help: { type: "boolean", default: false },
  },
});

const found = fakeTime();
if (values.help) {
  console.log("usage: npm run torture:clocks -- [--steps 30] [--seed N]");
  console.log("example: npm run torture:clocks -- --steps 100");
  console.log(
    "The server's wall clock jumps by a day, forwards and back, while it works: first with records",
  );
  console.log("that are kept for 12 hours, then with kills and records that are kept for 10 days.");
} else if ("missing" in found) {
  console.log(`skipped: ${found.missing}`);
  process.exitCode = 2;
} else {
  await torture(found.tool, { retentionHours: 12, withKills: false });
  await torture(found.tool, { retentionHours: 240, withKills: true });
}

async function torture(
  library: string,
  about: { readonly retentionHours: number; readonly withKills: boolean },
): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "varve-clocks-"));
  console.log(`seed ${values.seed}, data in ${folder}`);
  const startedAt = performance.now();
  const seconds = (): string => `${((performance.now() - startedAt) / 1000).toFixed(0)} s`;
  const facts = await tortureClocks({
    folder,
    library,
    ...about,
    steps: Number(values.steps),
    seed: Number(values.seed),
    onStep: (each) => {
      if (each.steps % 5 !== 0 && each.steps !== 1) return;
      console.log(`step ${each.steps}: ${each.acknowledged} acknowledged, ${seconds()}`);
    },
  });
  for (const problem of facts.problems) console.log(problem);
  console.log(
    `${facts.steps} jumps, ${facts.kills} kills, ${facts.acknowledged} acknowledged records, ` +
      `${facts.settled} settled messages, ${facts.checked} records checked, ` +
      `${facts.problems.length} problems, ${seconds()}`,
  );
  if (facts.problems.length === 0) rmSync(folder, { recursive: true });
  else process.exitCode = 1;
}

// `npm run torture -- --cycles 50 --seed 1`: the kill torture as long as wanted, with progress.

import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { torture } from "./ledger.ts";

const { values } = parseArgs({
  options: {
    cycles: { type: "string", default: "50" },
    seed: { type: "string", default: String(Date.now() % 2 ** 31) },
    producers: { type: "string", default: "16" },
    partitions: { type: "string", default: "4" },
    help: { type: "boolean", default: false },
  },
});

if (values.help) {
  console.log(
    "usage: npm run torture -- [--cycles 50] [--seed N] [--producers 16] [--partitions 4]",
  );
} else {
  const dataDir = mkdtempSync(join(tmpdir(), "varve-torture-"));
  console.log(`seed ${values.seed}, data in ${dataDir}`);
  const facts = await torture({
    dataDir,
    cycles: Number(values.cycles),
    seed: Number(values.seed),
    producers: Number(values.producers),
    partitions: Number(values.partitions),
    onCycle: (cycle, each) =>
      console.log(
        `kill ${cycle}: ${each.acknowledged} acknowledged, ${each.unacknowledgedFound} more found, ` +
          `${each.commits} commits, slowest restart ${each.restartMsMax.toFixed(0)} ms`,
      ),
  });
  for (const problem of facts.problems) console.log(problem);
  const lost = facts.problems.length;
  console.log(
    `${facts.cycles} kills, ${facts.acknowledged} acknowledged records, ${lost} problems`,
  );
  process.exitCode = lost === 0 ? 0 : 1;
}

// `npm run torture -- --cycles 1000 --seed 1`: the kill torture as long as wanted, with progress.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { torture } from "./kill-torture.ts";

const { values } = parseArgs({
  options: {
    cycles: { type: "string", default: "50" },
    seed: { type: "string", default: String(Date.now() % 2 ** 31) },
    producers: { type: "string", default: "3" },
    partitions: { type: "string", default: "3" },
    "era-cycles": { type: "string", default: "25" },
    help: { type: "boolean", default: false },
  },
});

if (values.help) {
  console.log(
    "usage: npm run torture -- [--cycles 50] [--seed N] [--producers 3] [--partitions 3]",
  );
  console.log("                          [--era-cycles 25]");
  console.log("example: npm run torture -- --cycles 1000");
  console.log(
    "Records over both doors, commits, a queue and transactions; the server is killed with -9 after",
  );
  console.log(
    "20 to 2000 ms again and again, and everything acknowledged is looked for each time.",
  );
} else {
  const dataDir = mkdtempSync(join(tmpdir(), "varve-torture-"));
  console.log(`seed ${values.seed}, data in ${dataDir}`);
  const startedAt = performance.now();
  const seconds = (): string => `${((performance.now() - startedAt) / 1000).toFixed(0)} s`;
  const facts = await torture({
    dataDir,
    cycles: Number(values.cycles),
    seed: Number(values.seed),
    producers: Number(values.producers),
    partitions: Number(values.partitions),
    livesMs: [20, 2000],
    eraCycles: Number(values["era-cycles"]),
    onCycle: (each) => {
      const isTold = each.kills % 10 === 0 || each.kills === 1;
      if (!isTold) return;
      console.log(
        `kill ${each.kills}: ${each.acknowledged} acknowledged, ${each.seen} more seen, ` +
          `${each.commits} commits, ${each.settled} settled, ${each.transactions} transactions, ` +
          `slowest start ${each.readyMsMax.toFixed(0)} ms, ${seconds()}`,
      );
    },
  });
  for (const problem of facts.problems) console.log(problem);
  console.log(
    `${facts.kills} kills, ${facts.acknowledged} acknowledged records, ${facts.commits} commits, ` +
      `${facts.settled} settled messages, ${facts.transactions} transactions, ` +
      `${facts.checked} records checked, ${facts.problems.length} problems, ${seconds()}`,
  );
  if (facts.problems.length === 0) rmSync(dataDir, { recursive: true });
  process.exitCode = facts.problems.length === 0 ? 0 : 1;
}

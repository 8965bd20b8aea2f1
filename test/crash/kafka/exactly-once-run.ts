// `npm run torture:transactions -- --worker kafkajs --kills 20`: the exactly-once loop under fire, with progress.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { exactlyOnce } from "./exactly-once.ts";
import { workers } from "./exactly-once-workers.ts";

const { values } = parseArgs({
  options: {
    worker: { type: "string", default: "kafkajs" },
    records: { type: "string", default: "6000" },
    kills: { type: "string", default: "20" },
    seed: { type: "string", default: String(Date.now() % 2 ** 31) },
    help: { type: "boolean", default: false },
  },
});

const find = workers[values.worker];
const found = find?.() ?? { missing: `there is no worker '${values.worker}'` };
if (values.help) {
  console.log("usage: npm run torture:transactions -- [--worker kafkajs|java] [--records 6000]");
  console.log("                                       [--kills 20] [--seed N]");
  console.log("example: npm run torture:transactions -- --worker java --kills 20");
} else if ("missing" in found) {
  console.log(found.missing);
  process.exitCode = 2;
} else {
  const dataDir = mkdtempSync(join(tmpdir(), "varve-transactions-"));
  console.log(`seed ${values.seed}, data in ${dataDir}`);
  const startedAt = performance.now();
  const facts = await exactlyOnce({
    dataDir,
    worker: found.tool,
    records: Number(values.records),
    kills: Number(values.kills),
    seed: Number(values.seed),
    onKill: (kill, victim, committed) => console.log(`kill ${kill}: ${victim}, ${committed} done`),
  });
  for (const problem of facts.problems) console.log(problem);
  const seconds = ((performance.now() - startedAt) / 1000).toFixed(0);
  console.log(
    `${facts.kills} kills, ${facts.committed} results, ${facts.problems.length} problems, ${seconds} s`,
  );
  if (facts.problems.length === 0) rmSync(dataDir, { recursive: true });
  process.exitCode = facts.problems.length === 0 ? 0 : 1;
}

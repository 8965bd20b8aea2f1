// `npm run torture:queues -- --messages 200000 --workers 50 --kills 10 --seed 1`: the torture of a queue as long as
// wanted, with progress.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { tortureQueue } from "./queue-torture.ts";

const { values } = parseArgs({
  options: {
    messages: { type: "string", default: "200000" },
    producers: { type: "string", default: "8" },
    workers: { type: "string", default: "50" },
    kills: { type: "string", default: "10" },
    order: { type: "string", default: "key" },
    "lease-ms": { type: "string", default: "1500" },
    seed: { type: "string", default: String(Date.now() % 2 ** 31) },
    help: { type: "boolean", default: false },
  },
});

if (values.help) {
  console.log(
    "usage: npm run torture:queues -- [--messages 200000] [--producers 8] [--workers 50]",
  );
  console.log("                                 [--kills 10] [--order key|none] [--lease-ms 1500]");
  console.log("                                 [--seed N]");
  console.log("example: npm run torture:queues -- --messages 200000 --workers 50 --kills 10");
} else {
  const dataDir = mkdtempSync(join(tmpdir(), "varve-torture-queues-"));
  console.log(`seed ${values.seed}, data in ${dataDir}`);
  const startedAt = performance.now();
  const facts = await tortureQueue({
    dataDir,
    messages: Number(values.messages),
    producers: Number(values.producers),
    workers: Number(values.workers),
    kills: Number(values.kills),
    order: values.order === "none" ? "none" : "key",
    leaseMs: Number(values["lease-ms"]),
    seed: Number(values.seed),
    onProgress: (each) => {
      const seconds = ((performance.now() - startedAt) / 1000).toFixed(0);
      console.log(
        `kill ${each.kills}: ${each.answered} sent, ${each.deliveries} deliveries, ` +
          `${each.acked} acknowledged, slowest start ${each.restartMsMax.toFixed(0)} ms, ` +
          `${each.problems.length} problems, ${seconds} s`,
      );
    },
  });
  for (const problem of facts.problems.slice(0, 50)) console.log(problem);
  console.log(
    `${facts.kills} kills, ${facts.answered} sent, ${facts.acked} acknowledged, ` +
      `${facts.dead} dead, ${facts.problems.length} problems`,
  );
  if (facts.problems.length === 0) rmSync(dataDir, { recursive: true });
  process.exitCode = facts.problems.length === 0 ? 0 : 1;
}

// `npm run torture:kafka -- --records 1000000 --kills 10`: the torture of an idempotent Kafka producer, with progress.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { confluentClient } from "../../interop/clients/confluent-client.ts";
import { tortureProducer } from "./producer-torture.ts";

const { values } = parseArgs({
  options: {
    records: { type: "string", default: "1000000" },
    kills: { type: "string", default: "10" },
    partitions: { type: "string", default: "6" },
    "value-bytes": { type: "string", default: "1024" },
    seed: { type: "string", default: String(Date.now() % 2 ** 31) },
    help: { type: "boolean", default: false },
  },
});

const found = confluentClient();
if (values.help) {
  console.log("usage: npm run torture:kafka -- [--records 1000000] [--kills 10] [--partitions 6]");
  console.log("                                [--value-bytes 1024] [--seed N]");
  console.log("example: npm run torture:kafka -- --records 1000000 --kills 10");
  console.log("Needs Python 3 with pip: confluent-kafka is installed below .interop.");
} else if ("missing" in found) {
  console.log(found.missing);
  process.exitCode = 2;
} else {
  const dataDir = mkdtempSync(join(tmpdir(), "varve-torture-kafka-"));
  console.log(`seed ${values.seed}, data in ${dataDir}`);
  const startedAt = performance.now();
  const facts = await tortureProducer({
    dataDir,
    pythonPath: found.tool.env?.["PYTHONPATH"] ?? "",
    records: Number(values.records),
    kills: Number(values.kills),
    partitions: Number(values.partitions),
    valueBytes: Number(values["value-bytes"]),
    seed: Number(values.seed),
    onKill: (kill, acknowledged, readyMs) =>
      console.log(
        `kill ${kill}: ${acknowledged} acknowledged, ready again in ${readyMs.toFixed(0)} ms`,
      ),
  });
  for (const problem of facts.problems) console.log(problem);
  const seconds = ((performance.now() - startedAt) / 1000).toFixed(0);
  console.log(
    `${facts.kills} kills, ${facts.acknowledged} acknowledged, ${facts.verified} read back, ` +
      `${facts.problems.length} problems, ${seconds} s`,
  );
  if (facts.problems.length === 0) rmSync(dataDir, { recursive: true });
  process.exitCode = facts.problems.length === 0 ? 0 : 1;
}

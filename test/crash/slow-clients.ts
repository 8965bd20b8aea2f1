// `npm run torture:slow -- --consumers 1000 --producers 1000`: slow clients by the hundred against a real server.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { slowClients } from "./slow-world.ts";

const usage = `usage: npm run torture:slow -- [--consumers 1000] [--producers 1000] [--seconds 30] [--budget-mib 32]

Clients that ask and do not read, and clients that send and do not go on, of every kind and through both doors. The
server's memory must stay below a bound made of its budgets, clients as they should be must be served meanwhile, and
everything must be given back afterwards. What is tried is the same in every run. Needs Linux (/proc).

example: npm run torture:slow -- --consumers 200 --producers 200 --seconds 10`;

const { values } = parseArgs({
  options: {
    consumers: { type: "string", default: "1000" },
    producers: { type: "string", default: "1000" },
    seconds: { type: "string", default: "30" },
    "budget-mib": { type: "string", default: "32" },
    help: { type: "boolean", default: false },
  },
});

const mib = (bytes: number): string => `${(bytes / 2 ** 20).toFixed(0)} MiB`;

async function main(): Promise<void> {
  const dataDir = mkdtempSync(join(tmpdir(), "varve-slow-"));
  let sampleCount = 0;
  const facts = await slowClients({
    dataDir,
    consumers: Number(values.consumers),
    producers: Number(values.producers),
    seconds: Number(values.seconds),
    budgetBytes: Number(values["budget-mib"]) * 2 ** 20,
    onSample: ({ ownBytes, openFiles }) => {
      if (sampleCount++ % 8 === 0) console.log(`${mib(ownBytes)}, ${openFiles} files open`);
    },
  }).finally(() => rmSync(dataDir, { recursive: true, force: true }));
  const { before, most, after, boundBytes, healthy, refused, problems } = facts;
  console.log(
    `memory: ${mib(before.ownBytes)} before, ${mib(most.ownBytes)} at most of ${mib(boundBytes)} allowed, ` +
      `${mib(after.ownBytes)} after`,
  );
  console.log(`files: ${before.openFiles}, ${most.openFiles} at most, ${after.openFiles} after`);
  console.log(
    `healthy clients: ${healthy} requests served, half within ${facts.healthyP50Ms.toFixed(0)} ms, ` +
      `99 % within ${facts.healthyP99Ms.toFixed(0)} ms; ${refused} refused`,
  );
  for (const problem of problems) console.log(problem);
  console.log(`${problems.length} problems`);
  process.exitCode = problems.length === 0 ? 0 : 1;
}

if (values.help) console.log(usage);
else {
  main().catch((error: unknown) => {
    console.error(error instanceof Error ? error.message : String(error));
    process.exitCode = 1;
  });
}

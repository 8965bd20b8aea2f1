// `npm run torture:delays -- --messages 1000000`: many delayed messages over an hour of simulated time, with the memory
// and the processor time that they take.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { openEngine } from "../../../src/engine.ts";
import { type DelayedFacts, delayedMessages } from "../../support/delayed-messages.ts";
import { FakeClock } from "../../support/fake-clock.ts";

const help = `usage: npm run torture:delays -- [--messages 1000000] [--step-ms 1000] [--seed N]

Sends messages whose delays lie anywhere within an hour, and lets the hour pass in steps of a simulated clock. Each must
come once, in the step in which it falls due. Exits with 1 when one did not, or when the run broke off.

  npm run torture:delays -- --messages 100000 --seed 7`;

const { values } = parseArgs({
  options: {
    messages: { type: "string", default: "1000000" },
    "step-ms": { type: "string", default: "1000" },
    seed: { type: "string", default: String(Date.now() % 2 ** 31) },
    help: { type: "boolean", default: false },
  },
});

// Node's, for a process that ends while its first file still waits.
const unsettledExitCode = 13;
// A process that ends for want of anything to wait for has not come to the end.
let isDone = false;
const startedAt = performance.now();

if (values.help) console.log(help);
else await main();

async function main(): Promise<void> {
  process.on("exit", (code) => {
    if (isDone) return;
    const isIdle = code === 0 || code === unsettledExitCode;
    const why = isIdle ? "nothing was left to wait for" : `an error that nobody expected (${code})`;
    console.error(`broke off after ${seconds()} s: ${why}`);
    process.exitCode = 1;
  });
  const path = mkdtempSync(join(tmpdir(), "varve-delays-"));
  console.log(`seed ${values.seed}, data in ${path}`);
  try {
    const isRight = await run(path);
    if (isRight) rmSync(path, { recursive: true });
    process.exitCode = isRight ? 0 : 1;
  } catch (error) {
    const { message, cause } = error as Error;
    console.error(`broke off after ${seconds()} s: ${message}${cause ? ` (${cause})` : ""}`);
    process.exitCode = 1;
  }
  isDone = true;
}

async function run(path: string): Promise<boolean> {
  const messages = Number(values.messages);
  const clock = new FakeClock();
  const engine = await openEngine({ path, clock });
  const facts = await delayedMessages(engine, clock, {
    messages,
    seed: Number(values.seed),
    stepMs: Number(values["step-ms"]),
    onSent: () => tell("sent", null),
    onMinute: (minute, each) => {
      if (minute === 1 || minute % 10 === 0) tell(`minute ${minute}`, each);
    },
  });
  tell("the end", facts);
  for (const problem of facts.problems.slice(0, 20)) console.log(problem);
  await engine.close();
  return facts.received === messages && facts.problems.length === 0;
}

function tell(when: string, facts: DelayedFacts | null): void {
  const { heapUsed, arrayBuffers, rss } = process.memoryUsage();
  const residentMax = process.resourceUsage().maxRSS * 1024;
  const { user, system } = process.cpuUsage();
  const came =
    facts === null
      ? ""
      : `${facts.received} received, ${facts.problems.length} problems, ` +
        `latest ${facts.latestMs} ms after its time, `;
  console.log(
    `${when}: ${came}heap ${megabytes(heapUsed)} MB, buffers ${megabytes(arrayBuffers)} MB, ` +
      `resident ${megabytes(rss)} MB (most ${megabytes(residentMax)}), ` +
      `processor ${((user + system) / 1e6).toFixed(0)} s, ${seconds()} s`,
  );
}

function seconds(): string {
  return ((performance.now() - startedAt) / 1000).toFixed(0);
}

function megabytes(bytes: number): string {
  return (bytes / 1e6).toFixed(0);
}

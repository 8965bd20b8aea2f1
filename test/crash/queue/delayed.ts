// `npm run torture:delays -- --messages 1000000`: many delayed messages over an hour of simulated time, with the memory
// that they take.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { openEngine } from "../../../src/engine.ts";
import { type DelayedFacts, delayedMessages } from "../../support/delayed-messages.ts";
import { FakeClock } from "../../support/fake-clock.ts";

const { values } = parseArgs({
  options: {
    messages: { type: "string", default: "1000000" },
    "step-ms": { type: "string", default: "1000" },
    seed: { type: "string", default: String(Date.now() % 2 ** 31) },
    help: { type: "boolean", default: false },
  },
});

if (values.help) {
  console.log("usage: npm run torture:delays -- [--messages 1000000] [--step-ms 1000] [--seed N]");
} else {
  const path = mkdtempSync(join(tmpdir(), "varve-delays-"));
  console.log(`seed ${values.seed}, data in ${path}`);
  const startedAt = performance.now();
  const clock = new FakeClock();
  const engine = await openEngine({ path, clock });
  const facts = await delayedMessages(engine, clock, {
    messages: Number(values.messages),
    seed: Number(values.seed),
    stepMs: Number(values["step-ms"]),
    onMinute: (minute, each) => {
      if (minute === 1 || minute % 10 === 0) tell(`minute ${minute}`, each);
    },
  });
  tell("the end", facts);
  for (const problem of facts.problems.slice(0, 20)) console.log(problem);
  await engine.close();
  const isRight = facts.received === Number(values.messages) && facts.problems.length === 0;
  if (isRight) rmSync(path, { recursive: true });
  process.exitCode = isRight ? 0 : 1;

  function tell(when: string, { received, problems }: DelayedFacts): void {
    const { heapUsed, rss } = process.memoryUsage();
    const seconds = ((performance.now() - startedAt) / 1000).toFixed(0);
    console.log(
      `${when}: ${received} received, ${problems.length} problems, ` +
        `heap ${megabytes(heapUsed)} MB, resident ${megabytes(rss)} MB, ${seconds} s`,
    );
  }
}

function megabytes(bytes: number): string {
  return (bytes / 1e6).toFixed(0);
}

// One process of the fuzzer: takes one job, fuzzes one target, tells what came of it, and ends.
//
// Nothing of the house is loaded before coverage is on: only code that is loaded later is counted block by block.

import { writeSync } from "node:fs";
import { Coverage } from "./coverage.ts";
import type { FuzzFacts } from "./fuzzer.ts";

/** What a process is to do. */
export interface FuzzJob {
  readonly target: string;
  readonly seed: number;
  readonly inputs: number;
  readonly corpus: readonly Uint8Array[];
  /** True to keep inputs by the code they reach; slower. */
  readonly isExploring: boolean;
  /** Until when, Unix milliseconds; null without end. */
  readonly deadlineMs: number | null;
  /** An open file for inputs that may be the process's last: their length as u32, then they. */
  readonly noteFd: number;
}

/** What a process says. */
export type FuzzWord =
  | { readonly kind: "progress"; readonly inputs: number }
  /** Seconds of a processor: others may be at work on the machine. */
  | { readonly kind: "done"; readonly facts: FuzzFacts; readonly seconds: number }
  | { readonly kind: "failed"; readonly detail: string };

const progressMs = 1000;

async function work(job: FuzzJob): Promise<FuzzWord> {
  // Refusals are thrown by the million; nobody reads where they came from.
  Error.stackTraceLimit = 0;
  const coverage = job.isExploring ? new Coverage() : null;
  coverage?.start();
  const { fuzz } = await import("./fuzzer.ts");
  const { prepareTargets, targets } = await import("./targets/all.ts");
  await prepareTargets();
  const target = targets.find(({ name }) => name === job.target);
  if (target === undefined) return { kind: "failed", detail: `there is no target ${job.target}` };
  const before = process.cpuUsage();
  let saidMs = performance.now();
  const { deadlineMs } = job;
  const facts = await fuzz(target, {
    seed: job.seed,
    inputs: job.inputs,
    corpus: job.corpus,
    coverage,
    note: target.isNoted === true ? noteTo(job.noteFd) : undefined,
    isOver: deadlineMs === null ? undefined : () => Date.now() >= deadlineMs,
    onProgress: async (inputs) => {
      if (performance.now() - saidMs < progressMs) return;
      saidMs = performance.now();
      say({ kind: "progress", inputs });
      await new Promise((resolve) => setImmediate(resolve));
    },
  });
  const { user, system } = process.cpuUsage(before);
  return { kind: "done", facts, seconds: (user + system) / 1e6 };
}

function noteTo(fd: number): (input: Buffer) => void {
  const head = Buffer.alloc(4);
  return (input) => {
    head.writeUInt32LE(input.length);
    writeSync(fd, head, 0, 4, 0);
    writeSync(fd, input, 0, input.length, 4);
  };
}

function say(word: FuzzWord): void {
  process.send?.(word);
}

process.once("message", (job: FuzzJob) => {
  work(job)
    .then(say, (error: unknown) => {
      const detail = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
      say({ kind: "failed", detail });
    })
    .finally(() => process.disconnect());
});

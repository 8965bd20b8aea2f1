// `npm run simulate -- --seeds 10000`: many simulations, each from a seed of its own, on several threads.

import { parseArgs } from "node:util";
import { Worker, isMainThread, parentPort, workerData } from "node:worker_threads";
import { Coverage } from "./coverage.ts";
import { expectedCoverage } from "./expected-coverage.ts";
import type { SimEvent, Violation } from "./history.ts";
import { simulate } from "./simulation.ts";

/** So many must come past everything that is expected. */
const longRunSeeds = 2000;

const usage = `usage: npm run simulate -- [--seeds 1000] [--from 1] [--workers 2]
       npm run simulate -- --seed 4711 [--history] [--shrink]

Simulates the whole server with its clients on a disk, a clock and a network that do not exist, once for each seed, and
holds what the clients saw to what the server promises. The same seed is the same run. In the end a table tells what
was come past; ${longRunSeeds} seeds and more fail where something of it was never reached. Ctrl-C ends early, with the table.

  --seeds N     how many (default 1000)
  --from N      the first seed (default 1)
  --seed N      this one alone, with its trace's digest
  --workers N   threads (default 2)
  --history     with --seed: every event as a line of JSON
  --shrink      with --seed: leaves out faults, one after the other, while it still fails
  --keep-going  goes on after a seed that fails
  --help        this text

example: npm run simulate -- --seeds 10000 --workers 2`;

interface Told {
  readonly seed: number;
  readonly violations: readonly Violation[];
  readonly tail: readonly SimEvent[];
  readonly events: number;
  readonly coverage: readonly (readonly [string, number])[];
}

interface Share {
  readonly from: number;
  readonly step: number;
  readonly end: number;
}

const tailLength = 25;
/** Longest time that one simulation takes on a machine that has other things to do; more is a loop without end. */
const hangMs = 180_000;

if (isMainThread) await main();
else await work(workerData as Share);

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      seeds: { type: "string", default: "1000" },
      from: { type: "string", default: "1" },
      seed: { type: "string" },
      workers: { type: "string", default: "2" },
      history: { type: "boolean", default: false },
      shrink: { type: "boolean", default: false },
      "keep-going": { type: "boolean", default: false },
      help: { type: "boolean", default: false },
    },
  });
  const numbers = {
    seeds: Number(values.seeds),
    from: Number(values.from),
    workers: Number(values.workers),
    seed: Number(values.seed ?? 0),
  };
  const wrong = Object.entries(numbers).find(([, value]) => !Number.isInteger(value) || value < 0);
  if (values.help) console.log(usage);
  else if (wrong !== undefined || numbers.workers === 0 || numbers.seeds === 0) {
    console.error(`--${wrong?.[0] ?? "seeds and --workers"} must be a whole number\n\n${usage}`);
    process.exitCode = 2;
  } else if (values.seed !== undefined) {
    await one(numbers.seed, { printsHistory: values.history, shrinks: values.shrink });
  } else await many({ ...numbers, goesOn: values["keep-going"] });
}

async function one(
  seed: number,
  options: { readonly printsHistory: boolean; readonly shrinks: boolean },
): Promise<void> {
  const result = await simulate({ seed });
  const { history, violations, coverage, faultCount } = result;
  if (options.printsHistory) for (const event of history) console.log(JSON.stringify(event));
  console.log(coverage.table());
  if (violations.length > 0) {
    tell({ ...result, tail: tailOf(history, violations[0]), events: history.length, coverage: [] });
    process.exitCode = 1;
    if (options.shrinks) await shrink(seed, faultCount);
  }
  console.log(`seed ${seed}: ${history.length} events, trace ${result.traceHash}`);
}

async function shrink(seed: number, faultCount: number): Promise<void> {
  const without = new Set<number>();
  for (let fault = faultCount - 1; fault >= 0; fault--) {
    without.add(fault);
    const { violations } = await simulate({ seed, withoutFaults: without });
    if (violations.length === 0) without.delete(fault);
  }
  const { violations, history } = await simulate({ seed, withoutFaults: without });
  const kept = Array.from({ length: faultCount }, (_, fault) => fault).filter(
    (fault) => !without.has(fault),
  );
  console.log(`\nof ${faultCount} faults these are enough: ${kept.join(", ") || "none"}`);
  tell({ seed, violations, tail: tailOf(history, violations[0]), events: 0, coverage: [] });
}

async function many(options: {
  readonly seeds: number;
  readonly from: number;
  readonly workers: number;
  readonly goesOn: boolean;
}): Promise<void> {
  const { seeds, from, workers, goesOn } = options;
  const startedAt = performance.now();
  const coverage = new Coverage();
  const failed: number[] = [];
  let done = 0;
  let events = 0;
  const rate = (): string => {
    const seconds = (performance.now() - startedAt) / 1000;
    return `${done} of ${seeds} seeds, ${events} events, ${(done / seconds).toFixed(1)} seeds/s`;
  };
  const progress = setInterval(() => console.log(rate()), 5000);
  const ends = Array.from({ length: workers }, (_, index) => {
    const share: Share = { from: from + index, step: workers, end: from + seeds };
    const worker = new Worker(new URL(import.meta.url), { workerData: share });
    return new Promise<void>((resolve, reject) => {
      let seed = share.from;
      const watch = setTimeout(() => {
        failed.push(seed);
        console.log(`seed ${seed} does not come to an end`);
        void worker.terminate();
      }, hangMs);
      worker.on("message", (told: Told) => {
        done++;
        seed = told.seed + workers;
        watch.refresh();
        events += told.events;
        coverage.add(told.coverage);
        if (told.violations.length === 0) return;
        failed.push(told.seed);
        tell(told);
        if (!goesOn) resolve();
      });
      worker.on("error", reject);
      worker.on("exit", () => {
        clearTimeout(watch);
        resolve();
      });
    });
  });
  const interrupted = new Promise<void>((resolve) => process.once("SIGINT", resolve));
  const ended = goesOn ? Promise.all(ends) : firstFailure(ends, failed);
  await Promise.race([ended, interrupted]);
  clearInterval(progress);
  console.log(coverage.table(expectedCoverage));
  console.log(rate());
  const isLong = done >= longRunSeeds;
  const missing = failed.length === 0 && isLong ? coverage.missing(expectedCoverage) : [];
  if (missing.length > 0) console.log(`never reached: ${missing.join("; ")}`);
  console.log(failed.length > 0 ? `failed: ${failed.join(" ")}` : "nothing found");
  process.exit(failed.length > 0 || missing.length > 0 ? 1 : 0);
}

async function firstFailure(ends: readonly Promise<void>[], failed: readonly number[]) {
  await Promise.race(ends);
  if (failed.length === 0) await Promise.all(ends);
}

function tell({ seed, violations, tail }: Told): void {
  for (const event of tail) console.log(`  ${JSON.stringify(event).slice(0, 400)}`);
  for (const { rule, detail } of violations.slice(0, 5)) {
    console.log(`seed ${seed} breaks "${rule}": ${detail}`);
  }
  console.log(`again: npm run simulate -- --seed ${seed} --shrink\n`);
}

/** The last events before a promise was seen to be broken. */
function tailOf(history: readonly SimEvent[], violation: Violation | undefined): SimEvent[] {
  const at = violation?.at ?? history.length;
  return history.slice(Math.max(0, at + 1 - tailLength), at + 1);
}

async function work({ from, step, end }: Share): Promise<void> {
  let crash: string | null = null;
  process.on("unhandledRejection", (error) => {
    crash = error instanceof Error ? (error.stack ?? error.message) : String(error);
  });
  for (let seed = from; seed < end; seed += step) {
    const { violations, history, coverage } = await simulate({ seed });
    const found = [...violations];
    if (crash !== null) found.push({ rule: "nothing is thrown at nobody", detail: crash, at: 0 });
    crash = null;
    const told: Told = {
      seed,
      violations: found,
      tail: found.length > 0 ? tailOf(history, found[0]) : [],
      events: history.length,
      coverage: [...coverage.counts],
    };
    parentPort?.postMessage(told);
  }
}

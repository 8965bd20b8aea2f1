// `npm run exhaustive`: everything that can go wrong with a small data directory, one thing at a time, all of it.

import { parseArgs } from "node:util";
import { type CrashPointFacts, everyLeft, tryCrashPoints, tryLostSectors } from "./crash-points.ts";
import { type DamageKind, tryDamages } from "./damage.ts";
import { makeSmallDirectory } from "./small-directory.ts";
import { workloads } from "./workloads.ts";

const parts = ["crash", "sectors", "damage"] as const;
type Part = (typeof parts)[number];

const help = `usage: npm run exhaustive -- [--part crash,sectors,damage] [--only NAME] [--stride N] [--seed N]

  crash     The machine stops before and after every call to the disk of each workload, in six ways; then it
            recovers, goes on, stops and recovers again. Recoveries are stopped at every call as well.
  sectors   The power goes after every call: each subset of what was not synced is lost.
  damage    Each file of a small data directory is cut at every byte, has every bit flipped, and sectors of it
            zeroed, swapped and repeated: no wrong record, and no loss that nothing tells of.

  --part    Which of these; all when absent.
  --only    A workload (${workloads.map(({ name }) => name).join(", ")}),
            or the end of a path for damage.
  --stride  One in so many calls, cuts and flips instead of all.
  --seed    For what is drawn; 1 when absent. The same seed gives the same run.
  --stop    End at the first problem.

example: npm run exhaustive -- --part crash --only roll
exit: 0 nothing was found, 1 something was, 2 the command was not understood`;

const outcomesMax = 256;

interface Tally {
  cases: number;
  readonly problems: string[];
}

interface Run {
  readonly only: string | null;
  readonly stride: number;
  readonly seed: number;
  readonly isStopping: boolean;
  readonly tally: Tally;
}

class Finished extends Error {}

function progress(line: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r${line.padEnd(100)}`);
}

// Prints problems as they come; the same many times over is no news.
function report(run: Run, { cases, problems }: Tally, told: number): number {
  for (const problem of problems.slice(told, 50)) console.log(`PROBLEM ${problem}`);
  if (problems.length > 0 && run.isStopping) {
    run.tally.cases += cases;
    run.tally.problems.push(...problems);
    throw new Finished();
  }
  return problems.length;
}

async function crashPart(run: Run): Promise<void> {
  for (const workload of chosen(run)) {
    let told = 0;
    const startedAt = performance.now();
    const onProgress = (facts: CrashPointFacts): void => {
      told = report(run, facts, told);
      progress(`crash: ${workload.name}: ${facts.cases} stops, ${facts.recoveries} in recoveries`);
    };
    const { stride, seed } = run;
    const options = { stride, seed, recoveryStride: 4, left: everyLeft, onProgress };
    const facts = await tryCrashPoints(workload, options);
    const { calls, cases, recoveries, problems } = facts;
    add(run, { cases: cases + recoveries, problems });
    console.log(
      `crash    ${workload.name}: ${calls} calls, ${cases} stops, ${recoveries} stops of recoveries, ` +
        `${problems.length} problems, ${secondsSince(startedAt)} s`,
    );
  }
}

async function sectorsPart(run: Run): Promise<void> {
  for (const workload of chosen(run)) {
    let told = 0;
    const startedAt = performance.now();
    const facts = await tryLostSectors(workload, {
      stride: run.stride,
      outcomesMax,
      seed: run.seed,
      onProgress: (each) => {
        told = report(run, each, told);
        progress(`sectors: ${workload.name}: ${each.cases} outcomes`);
      },
    });
    add(run, facts);
    console.log(
      `sectors  ${workload.name}: ${facts.calls} calls, ${facts.cases} outcomes (all of ${facts.whole} calls, ` +
        `drawn of ${facts.sampled}), ${facts.problems.length} problems, ${secondsSince(startedAt)} s`,
    );
  }
}

async function damagePart(run: Run): Promise<void> {
  for (const leaving of ["stop", "kill"] as const) {
    const small = await makeSmallDirectory(leaving);
    for (const kind of ["cut", "flip", "blocks"] satisfies DamageKind[]) {
      let told = 0;
      const startedAt = performance.now();
      const facts = await tryDamages(small, {
        kinds: [kind],
        stride: run.stride,
        seed: run.seed,
        only: run.only,
        onProgress: (each) => {
          told = report(run, each, told);
          progress(
            `damage: ${kind}: ${each.files} of ${each.filesInAll} files, ${each.cases} cases`,
          );
        },
      });
      add(run, facts);
      const { whole, partial, refused } = facts.outcomes;
      console.log(
        `damage   ${kind} after a ${leaving}: ${facts.files} files, ${facts.cases} cases: ${whole} without loss, ` +
          `${partial} with a loss that is told, ${refused} refused; at most ${facts.allocatedMax} bytes at once, ` +
          `${facts.problems.length} problems, ${secondsSince(startedAt)} s`,
      );
    }
  }
}

function chosen({ only }: Run): typeof workloads {
  return only === null ? workloads : workloads.filter(({ name }) => name === only);
}

function add({ tally }: Run, { cases, problems }: Tally): void {
  tally.cases += cases;
  tally.problems.push(...problems);
  progress("");
}

function secondsSince(startedAt: number): string {
  return ((performance.now() - startedAt) / 1000).toFixed(0);
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      part: { type: "string", default: parts.join() },
      only: { type: "string" },
      stride: { type: "string", default: "1" },
      seed: { type: "string", default: "1" },
      stop: { type: "boolean", default: false },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) {
    console.log(help);
    return;
  }
  const asked = values.part.split(",");
  const stride = Number(values.stride);
  const seed = Number(values.seed);
  const unknown = asked.find((name) => !parts.includes(name as Part));
  if (unknown !== undefined) throw new Error(`there is no part ${unknown}: ${parts.join(", ")}`);
  if (!Number.isInteger(stride) || stride < 1) throw new Error("--stride is a number from 1 on");
  if (!Number.isInteger(seed)) throw new Error("--seed is a whole number");
  const tally: Tally = { cases: 0, problems: [] };
  const run: Run = { only: values.only ?? null, stride, seed, isStopping: values.stop, tally };
  console.log(`seed ${seed}, one in ${stride}`);
  try {
    if (asked.includes("crash")) await crashPart(run);
    if (asked.includes("sectors")) await sectorsPart(run);
    if (asked.includes("damage")) await damagePart(run);
  } catch (error) {
    if (!(error instanceof Finished)) throw error;
  }
  if (tally.cases === 0) throw new Error(`nothing is called ${values.only}`);
  console.log(`${tally.cases} cases, ${tally.problems.length} problems`);
  process.exitCode = tally.problems.length === 0 ? 0 : 1;
}

try {
  await main();
} catch (error) {
  console.error(error instanceof Error ? error.message : String(error));
  console.error("npm run exhaustive -- --help tells what can be asked for");
  process.exitCode = 2;
}

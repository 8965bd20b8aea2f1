// `npm run plant`: plants faults in a copy of the source, one at a time, and sees whether somebody finds them.

import { spawn } from "node:child_process";
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { parseArgs } from "node:util";
import { projectRoot } from "../support/source-tree.ts";
import { type Hunt, plantedFaults, type PlantedFault, withFault } from "./faults.ts";

const help = `usage: npm run plant -- [--only NAME] [--seeds 60] [--from 1] [--by all|exhaustive|simulate] [--save] [--list]

Plants each fault in a copy of the source, builds it, and runs the exhaustive tests (or others, where they cannot know)
and the simulation against it. A fault that nobody finds fails the run; so does a find in the copy without a fault.

  --only NAME  this fault alone, or several with commas between
  --seeds N    of the simulation, for each fault; 60 when absent; it ends at the first that finds it
  --from N     the first seed; 1 when absent
  --by         all (when absent), exhaustive (which stands for the other tests too) or simulate
  --workers N  so many at a time; 2 when absent
  --skip-clean does not run the hunts against the copy without a fault first
  --save       writes the table to bench/results
  --list       names and meanings of the faults

example: npm run plant -- --only skip-a-sync
exit: 0 all were found, 1 some were not, 2 the command was not understood or the source has changed`;

interface Caught {
  readonly by: Hunt["by"];
  readonly hunt: string;
  readonly isCaught: boolean;
  /** What it took: cases, seeds or tests, as the hunt itself says. */
  readonly after: string;
  readonly seconds: number;
  readonly finding: string;
}

interface Result {
  readonly fault: PlantedFault;
  readonly hunts: readonly Caught[];
}

interface Options {
  readonly seeds: number;
  readonly from: number;
  readonly by: string;
}

const parts = [
  "src",
  "test",
  "bench",
  "examples",
  "package.json",
  "tsconfig.json",
  "vitest.config.ts",
];
// Ten times what the longest takes.
const huntMsMax = 600_000;

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      only: { type: "string" },
      seeds: { type: "string", default: "60" },
      from: { type: "string", default: "1" },
      workers: { type: "string", default: "2" },
      by: { type: "string", default: "all" },
      "skip-clean": { type: "boolean", default: false },
      save: { type: "boolean", default: false },
      list: { type: "boolean", default: false },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) return console.log(help);
  if (values.list) {
    for (const { name, meaning } of plantedFaults) console.log(`${name.padEnd(38)} ${meaning}`);
    return;
  }
  const seeds = Number(values.seeds);
  const from = Number(values.from);
  const workers = Number(values.workers);
  if (![seeds, from, workers].every((value) => Number.isInteger(value) && value > 0)) {
    throw new Error("--seeds, --from and --workers are numbers from 1 on");
  }
  if (!["all", "exhaustive", "simulate"].includes(values.by)) throw new Error(`--by ${values.by}?`);
  const names = values.only?.split(",") ?? plantedFaults.map(({ name }) => name);
  const faults = plantedFaults.filter(({ name }) => names.includes(name));
  if (faults.length < names.length) {
    throw new Error(`not each of these is a fault: ${values.only}; --list names them`);
  }
  const options = { seeds, from, by: values.by };
  const startedAt = performance.now();
  const copies = Array.from({ length: workers }, makeCopy);
  try {
    const isClean = values["skip-clean"] || (await tryClean(copies, faults, options));
    const results = await shared(copies, faults, (copy, fault) => tryFault(copy, fault, options));
    const missed = results.filter(({ hunts }) => !hunts.some(({ isCaught }) => isCaught));
    console.log(`${results.length - missed.length} of ${results.length} faults were found`);
    for (const { fault } of missed) console.log(`NOT FOUND ${fault.name}: ${fault.meaning}`);
    if (values.save) save(results, { isClean, startedAt, options });
    process.exitCode = missed.length === 0 && isClean ? 0 : 1;
  } finally {
    for (const copy of copies) rmSync(copy, { recursive: true, force: true });
  }
}

function makeCopy(): string {
  const copy = mkdtempSync(join(tmpdir(), "varve-planted-"));
  for (const part of parts) {
    const from = join(projectRoot, part);
    if (existsSync(from)) cpSync(from, join(copy, part), { recursive: true });
  }
  symlinkSync(join(projectRoot, "node_modules"), join(copy, "node_modules"));
  return copy;
}

async function build(copy: string): Promise<void> {
  const compiler = join(copy, "node_modules", "typescript", "bin", "tsc");
  // Types are not checked: a fault may leave a name unused.
  const { code, output } = await run(copy, [compiler, "-p", "tsconfig.json", "--noCheck"]);
  if (code !== 0) throw new Error(`the copy cannot be built:\n${output}`);
}

async function tryFault(copy: string, fault: PlantedFault, options: Options): Promise<Result> {
  const path = join(copy, fault.file);
  const before = readFileSync(path, "utf8");
  const after = withFault(before, fault);
  if (after === null) {
    throw new Error(
      `${fault.name}: ${fault.file} does not hold this exactly once:\n${fault.search}`,
    );
  }
  writeFileSync(path, after);
  try {
    await build(copy);
    const hunts: Caught[] = [];
    for (const hunt of huntsOf(fault, options)) {
      // One test that finds it is enough, but the simulation is asked for each.
      if (hunt.by !== "simulate" && hunts.some(({ isCaught }) => isCaught)) continue;
      const caught = await go(copy, hunt);
      hunts.push(caught);
      console.log(`${fault.name}: ${sentenceOf(caught)}`);
    }
    return { fault, hunts };
  } finally {
    writeFileSync(path, before);
  }
}

async function tryClean(
  copies: readonly string[],
  faults: readonly PlantedFault[],
  options: Options,
): Promise<boolean> {
  for (const copy of copies) await build(copy);
  const hunts = new Map(
    faults.flatMap((fault) => huntsOf(fault, options)).map((hunt) => [nameOf(hunt), hunt]),
  );
  const found = await shared(copies, [...hunts.values()], async (copy, hunt) => {
    const caught = await go(copy, hunt);
    console.log(`without a fault: ${sentenceOf(caught)}`);
    return caught.isCaught;
  });
  return !found.includes(true);
}

// Each copy takes the next when it has done one; results in the order of the items.
async function shared<Item, Out>(
  copies: readonly string[],
  items: readonly Item[],
  work: (copy: string, item: Item) => Promise<Out>,
): Promise<readonly Out[]> {
  const results = new Map<number, Out>();
  const waiting = items.entries();
  await Promise.all(
    copies.map(async (copy) => {
      for (const [index, item] of waiting) results.set(index, await work(copy, item));
    }),
  );
  return [...results].sort(([one], [other]) => one - other).map(([, result]) => result);
}

function huntsOf(fault: PlantedFault, { by, seeds, from }: Options): readonly Hunt[] {
  // With one thread the seed that finds it is the same each time.
  const args = ["--seeds", String(seeds), "--from", String(from), "--workers", "1"];
  const simulation: Hunt = { by: "simulate", args };
  if (by === "simulate") return [simulation];
  return by === "exhaustive" ? fault.hunts : [...fault.hunts, simulation];
}

function commandOf(copy: string, { by, args }: Hunt): readonly string[] {
  if (by === "tests") {
    const vitest = join(copy, "node_modules", "vitest", "vitest.mjs");
    return [vitest, "run", "--bail", "1", "--reporter", "verbose", ...args];
  }
  const script = by === "simulate" ? "simulation/simulate.js" : "exhaustive/exhaustive.js";
  return [join(copy, "dist", "test", script), ...args];
}

async function go(copy: string, hunt: Hunt): Promise<Caught> {
  const startedAt = performance.now();
  const { code, output } = await run(copy, commandOf(copy, hunt));
  const seconds = (performance.now() - startedAt) / 1000;
  if (hunt.by !== "tests" && code === 2) throw new Error(`${nameOf(hunt)} cannot run:\n${output}`);
  const lines = output.split("\n").filter((line) => line.trim() !== "");
  const finding = lines.find((line) => findings[hunt.by].test(line));
  return {
    by: hunt.by,
    hunt: nameOf(hunt),
    // A long simulation also ends badly for what it did not reach.
    isCaught: code !== 0 && !output.includes("never reached: "),
    after: afterOf(hunt, lines),
    seconds,
    finding: (finding ?? lines.at(-1) ?? "").trim().slice(0, 200),
  };
}

const findings: Readonly<Record<Hunt["by"], RegExp>> = {
  exhaustive: /PROBLEM/,
  tests: /×/,
  simulate: / breaks "|does not come to an end|it hangs/,
};

function afterOf({ by }: Hunt, lines: readonly string[]): string {
  const last = lines.at(-1) ?? "";
  if (by === "exhaustive") return /^\d+ cases/.exec(last)?.[0] ?? "a crash of the harness";
  if (by === "tests") return `${lines.filter((line) => /[✓×]/.test(line)).length} tests`;
  const seeds = lines.flatMap((line) => /(\d+) of \d+ seeds/.exec(line)?.[1] ?? []);
  return `${seeds.at(-1) ?? "some"} seeds`;
}

function nameOf({ by, args }: Hunt): string {
  return [by, ...args.filter((arg) => arg !== "--stop")].join(" ");
}

function sentenceOf({ hunt, isCaught, after, seconds, finding }: Caught): string {
  const verdict = isCaught ? "found" : "nothing found";
  const what = isCaught ? `: ${finding}` : "";
  return `${verdict} by ${hunt} after ${after}, ${seconds.toFixed(1)} s${what}`;
}

function run(
  cwd: string,
  args: readonly string[],
): Promise<{ readonly code: number; readonly output: string }> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, args, {
      cwd,
      stdio: ["ignore", "pipe", "pipe"],
      env: { ...process.env, NO_COLOR: "1", FORCE_COLOR: "0" },
    });
    const pieces: Buffer[] = [];
    child.stdout.on("data", (piece: Buffer) => pieces.push(piece));
    child.stderr.on("data", (piece: Buffer) => pieces.push(piece));
    // A fault may make it hang: that is found as well.
    const timer = setTimeout(() => {
      pieces.push(Buffer.from("\nit hangs\n"));
      child.kill("SIGKILL");
    }, huntMsMax);
    child.on("error", reject);
    child.on("close", (code) => {
      clearTimeout(timer);
      resolve({ code: code ?? 1, output: Buffer.concat(pieces).toString() });
    });
  });
}

interface Run {
  readonly isClean: boolean;
  readonly startedAt: number;
  readonly options: Options;
}

function save(results: readonly Result[], { isClean, startedAt, options }: Run): void {
  const day = new Date().toISOString().slice(0, 10);
  const path = join(projectRoot, "bench", "results", `planted-faults-${day}.md`);
  const minutes = ((performance.now() - startedAt) / 60_000).toFixed(1);
  const count = (isOne: (hunt: Caught) => boolean): number =>
    results.filter(({ hunts }) => hunts.some((each) => each.isCaught && isOne(each))).length;
  const bySimulation = count(({ by }) => by === "simulate");
  const last = options.from + options.seeds - 1;
  const head = [
    `# Planted faults, ${day}`,
    "",
    "Each is one change of the source in a copy of it (`npm run plant`). " +
      `The copy without a change ${isClean ? "passes all of these hunts" : "**does not pass**"}.`,
    `Of ${results.length} faults ${count(() => true)} were found: ${count(({ by }) => by !== "simulate")} by the ` +
      `exhaustive or other tests, ${bySimulation} by the simulation with its seeds ${options.from} to ${last}.`,
    `All of it took ${minutes} minutes. Times are of this run; cases and seeds are the same in each.`,
    "",
    "| fault | what is wrong | tests | found after | simulation | the first finding |",
    "|---|---|---|---|---|---|",
  ];
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, `${[...head, ...results.map(rowOf)].join("\n")}\n`);
  console.log(`the table is in ${path}`);
}

function rowOf({ fault, hunts }: Result): string {
  const tests = hunts.filter(({ by }) => by !== "simulate");
  const found = tests.filter(({ isCaught }) => isCaught);
  const simulations = hunts.filter(({ by }) => by === "simulate");
  const finding = hunts.find(({ isCaught }) => isCaught)?.finding ?? "";
  const cells = [
    fault.name,
    fault.meaning,
    (found.length > 0 ? found : tests).map(({ hunt }) => `\`${hunt}\``).join("; "),
    (found.length > 0 ? found : tests).map(verdictOf).join("; "),
    simulations.map(verdictOf).join("; "),
    finding.replaceAll("|", "\\|"),
  ];
  return `| ${cells.join(" | ")} |`;
}

function verdictOf({ isCaught, after, seconds }: Caught): string {
  return isCaught ? `${after}, ${seconds.toFixed(1)} s` : `nothing in ${after}`;
}

try {
  await main();
} catch (error) {
  console.error(error instanceof Error ? error.message : String(error));
  console.error("npm run plant -- --help tells what can be asked for");
  process.exitCode = 2;
}

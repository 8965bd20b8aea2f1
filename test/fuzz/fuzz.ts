// `npm run fuzz -- --inputs 1000000`: every decoder against changed, cut and spliced inputs, with progress.

import { mkdirSync, writeFileSync } from "node:fs";
import { cpus } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { projectRoot } from "../support/source-tree.ts";
import { readCorpus, writeCorpus } from "./corpus-files.ts";
import { runJob } from "./process.ts";
import { lineOf, pageOf, shownCount, type TargetResult } from "./results.ts";
import type { FuzzTarget } from "./target.ts";
import { targets } from "./targets/all.ts";

const usage = `usage: npm run fuzz -- [--inputs 1000000] [--target NAME] [--seed N] [--minutes M] [--workers 2]
                       [--keep N] [--save]

  --inputs   inputs in all, shared out over the targets; slow decoders get fewer
  --target   one target instead of all
  --seed     the same seed and inputs give the same run; a random one when absent
  --minutes  ends after that long; each target has its share of the time
  --workers  processes at work at once
  --keep     keeps the N smallest inputs of each target that reached new code, as files of the corpus
  --save     writes bench/results/fuzz-<date>.md

example: npm run fuzz -- --inputs 20000000 --target lz4 --seed 7

Inputs that break a promise are saved as test/fuzz/corpus/<target>/<hash>; npm test runs all files there again.
targets: ${targets.map(({ name }) => name).join(", ")}`;

// So much of a target's inputs is led by coverage, which is slower; the rest goes on from what that found.
const exploredShare = 0.1;
const exploredMax = 200_000;
const progressMs = 10_000;

interface Settings {
  readonly inputs: number;
  readonly chosen: readonly FuzzTarget[];
  readonly seed: number;
  readonly minutes: number | null;
  readonly workers: number;
  readonly keep: number;
  readonly saves: boolean;
}

function settingsOf(): Settings | null {
  const { values } = parseArgs({
    options: {
      inputs: { type: "string", default: "1000000" },
      target: { type: "string" },
      seed: { type: "string", default: String(Date.now() % 2 ** 31) },
      minutes: { type: "string" },
      workers: { type: "string", default: "2" },
      keep: { type: "string", default: "0" },
      save: { type: "boolean", default: false },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) return null;
  const chosen = targets.filter(({ name }) => (values.target ?? name) === name);
  if (chosen.length === 0) throw new Error(`there is no target '${values.target ?? ""}'`);
  return {
    inputs: wholeNumber("inputs", values.inputs),
    chosen,
    seed: wholeNumber("seed", values.seed),
    minutes: values.minutes === undefined ? null : Number(values.minutes),
    workers: Math.max(1, wholeNumber("workers", values.workers)),
    keep: wholeNumber("keep", values.keep),
    saves: values.save,
  };
}

function wholeNumber(name: string, text: string): number {
  if (/^\d{1,15}$/.test(text)) return Number(text);
  throw new Error(`--${name} must be a whole number, not '${text}'`);
}

/** Shows how far the targets under way are, now and then. */
class Progress {
  readonly #underWay = new Map<string, { done: number; readonly of: number }>();
  readonly #timer = setInterval(() => this.#show(), progressMs);

  begin(target: string, of: number): void {
    this.#underWay.set(target, { done: 0, of });
  }

  set(target: string, done: number): void {
    const entry = this.#underWay.get(target);
    if (entry !== undefined) entry.done = done;
  }

  end(target: string): void {
    this.#underWay.delete(target);
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  #show(): void {
    const parts = [...this.#underWay].map(
      ([target, { done, of }]) => `${target} ${shownCount(done)} of ${shownCount(of)}`,
    );
    console.log(`... ${parts.join(", ")}`);
  }
}

async function fuzzTarget(
  target: FuzzTarget,
  plan: { readonly settings: Settings; readonly inputs: number; readonly progress: Progress },
): Promise<TargetResult> {
  const { settings, inputs, progress } = plan;
  const { seed, minutes, workers, chosen } = settings;
  const { name } = target;
  const shareMs = minutes === null ? null : (minutes * 60_000 * workers) / chosen.length;
  const until = (share: number): number | null =>
    shareMs === null ? null : Date.now() + shareMs * share;
  const exploredInputs = Math.min(exploredMax, Math.ceil(inputs * exploredShare));
  progress.begin(name, inputs);
  const corpus = readCorpus(name);
  const common = { target: name, corpus };
  const first = await runJob(
    { ...common, seed, inputs: exploredInputs, isExploring: true, deadlineMs: until(0.25) },
    (done) => progress.set(name, done),
  );
  const found = first.facts.findings;
  const rest = {
    target: name,
    corpus: [...corpus, ...first.facts.kept],
    seed: seed + 1,
    inputs: found.length > 0 ? 0 : inputs - first.facts.inputs,
    isExploring: false,
    deadlineMs: until(0.75),
  };
  const second = await runJob(rest, (done) => progress.set(name, first.facts.inputs + done));
  progress.end(name);
  if (settings.keep > 0) keepSmallest(name, first.facts.kept, settings.keep);
  return {
    facts: {
      ...second.facts,
      inputs: first.facts.inputs + second.facts.inputs,
      valid: first.facts.valid + second.facts.valid,
      bytesMost: Math.max(first.facts.bytesMost, second.facts.bytesMost),
      findings: [...found, ...second.facts.findings],
    },
    seconds: first.seconds + second.seconds,
    exploredInputs: first.facts.inputs,
    bound: target.bound.text,
  };
}

function keepSmallest(target: string, kept: readonly Uint8Array[], count: number): void {
  const smallest = kept.toSorted((one, other) => one.length - other.length).slice(0, count);
  for (const input of smallest) writeCorpus(target, input);
}

async function run(settings: Settings): Promise<void> {
  const { chosen, seed, workers } = settings;
  console.log(`seed ${seed}, ${shownCount(settings.inputs)} inputs for ${chosen.length} targets`);
  const weights = chosen.map(({ weight = 1 }) => weight);
  const sum = weights.reduce((total, weight) => total + weight, 0);
  const startMs = Date.now();
  const progress = new Progress();
  const results: TargetResult[] = [];
  const waiting = chosen.map((target, index) => ({
    target,
    inputs: Math.ceil((settings.inputs * (weights[index] ?? 1)) / sum),
  }));
  const worker = async (): Promise<void> => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      const { target, inputs } = next;
      const result = await fuzzTarget(target, { settings, inputs, progress });
      results.push(result);
      console.log(lineOf(result));
      for (const { what, input } of result.facts.findings) {
        console.log(`  ${what}\n    kept as ${writeCorpus(target.name, input)}`);
      }
    }
  };
  await Promise.all(Array.from({ length: workers }, worker));
  progress.stop();
  const wallSeconds = (Date.now() - startMs) / 1000;
  conclude(results, { settings, wallSeconds });
}

function conclude(
  results: readonly TargetResult[],
  { settings, wallSeconds }: { readonly settings: Settings; readonly wallSeconds: number },
): void {
  const inputs = results.reduce((total, { facts }) => total + facts.inputs, 0);
  const findings = results.reduce((total, { facts }) => total + facts.findings.length, 0);
  const rate = shownCount(inputs / Math.max(0.001, wallSeconds));
  console.log(
    `${shownCount(inputs)} inputs in ${wallSeconds.toFixed(0)} s, ${rate}/s, ${findings} findings`,
  );
  if (settings.saves) {
    const date = new Date().toISOString().slice(0, 10);
    const directory = join(projectRoot, "bench/results");
    mkdirSync(directory, { recursive: true });
    const [processor] = cpus();
    const machine = `${cpus().length} × ${processor?.model ?? "an unknown processor"}, Node ${process.version}`;
    const { seed, workers } = settings;
    const order = settings.chosen.map(({ name }) => name);
    const sorted = results.toSorted(
      (one, other) => order.indexOf(one.facts.target) - order.indexOf(other.facts.target),
    );
    const path = join(directory, `fuzz-${date}.md`);
    writeFileSync(path, pageOf(sorted, { date, seed, workers, wallSeconds, machine }));
    console.log(`saved as bench/results/fuzz-${date}.md`);
  }
  process.exitCode = findings === 0 ? 0 : 1;
}

try {
  const settings = settingsOf();
  if (settings === null) console.log(usage);
  else await run(settings);
} catch (error) {
  console.error(error instanceof Error ? error.message : String(error));
  console.error("npm run fuzz -- --help says what there is");
  process.exitCode = 2;
}

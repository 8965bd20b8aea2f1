// `npm run bench`: runs the benchmarks, prints a table, writes a JSON line and an SVG into bench/results.

import { appendFileSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { projectRoot } from "../test/support/source-tree.ts";
import { engineFigures } from "./engine.bench.ts";
import { type Figure, machineLine } from "./harness.ts";
import { format, plot } from "./plot.ts";
import { produceFigures } from "./produce.bench.ts";
import { readFigures } from "./read.bench.ts";
import { restartFigures } from "./restart.bench.ts";
import type { Effort } from "./workbench.ts";

const help = `usage: npm run bench -- [--only NAME] [--rounds 5] [--seconds 4] [--scale 1] [--save]

  --only     only the figures whose name contains NAME
  --rounds   measured rounds; a baseline takes turns with Varve in each
  --seconds  length of one round of HTTP load
  --scale    factor on record and partition counts (0.05 for a quick look)
  --save     keep the figures: a JSON line and a plot in bench/results

example: npm run bench -- --only http-single --rounds 3`;

const suites = [produceFigures, readFigures, engineFigures, restartFigures];

const { values } = parseArgs({
  options: {
    only: { type: "string", default: "" },
    rounds: { type: "string", default: "5" },
    seconds: { type: "string", default: "4" },
    scale: { type: "string", default: "1" },
    save: { type: "boolean", default: false },
    help: { type: "boolean", default: false },
  },
});

if (values.help) console.log(help);
else await main();

async function main(): Promise<void> {
  const effort: Effort = {
    rounds: Number(values.rounds),
    seconds: Number(values.seconds),
    scale: Number(values.scale),
  };
  const figures: Figure[] = [];
  for (const suite of suites) {
    for (const figure of await suite(effort, values.only)) {
      figures.push(figure);
      printFigure(figure);
    }
  }
  if (values.save) save(figures, effort);
}

function printFigure(figure: Figure): void {
  const ratio = figure.ratio === null ? "" : `  ${(figure.ratio * 100).toFixed(0)} % of baseline`;
  const range = `[${format(figure.range[0])} .. ${format(figure.range[1])}]`;
  console.log(
    `${figure.name.padEnd(22)} ${format(figure.value).padStart(12)} ${figure.unit} ${range}${ratio}`,
  );
  console.log(`  ${figure.question}${figure.budget === null ? "" : `; aim: ${figure.budget}`}`);
  const facts = Object.entries(figure.facts).map(
    ([name, value]) => `${name}=${typeof value === "number" ? format(value) : value}`,
  );
  if (facts.length > 0) console.log(`  ${facts.join("  ")}`);
}

function save(figures: readonly Figure[], effort: Effort): void {
  const machine = machineLine();
  const results = join(projectRoot, "bench/results");
  mkdirSync(results, { recursive: true });
  const command = `npm run bench -- ${process.argv.slice(2).join(" ")}`;
  const line = JSON.stringify({ command, machine, effort, figures });
  appendFileSync(join(results, "figures.jsonl"), `${line}\n`);
  const facts = Object.entries(machine).map(([name, value]) => `${name} ${value}`);
  writeFileSync(join(results, "figures.svg"), plot(figures, facts.join(", ")));
  console.log(`kept in bench/results/figures.jsonl and figures.svg`);
}

// `npm run soak -- --minutes 30 --save`: mixed load at the limit with restarts. Memory, files, maps and the event
// loop's delay are plotted over time and must be flat.

import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { machineLine } from "../../bench/harness.ts";
import { format } from "../../bench/plot.ts";
import { projectRoot } from "../support/source-tree.ts";
import { chart, type Curve } from "./chart.ts";
import { type FlatnessRule, flatnessOf } from "./flatness.ts";
import type { Sample } from "./samples.ts";
import { soak, type SoakFacts } from "./soak.ts";

const { values } = parseArgs({
  options: {
    minutes: { type: "string", default: "30" },
    "restart-minutes": { type: "string", default: "8" },
    seed: { type: "string", default: String(Date.now() % 2 ** 31) },
    save: { type: "boolean", default: false },
    help: { type: "boolean", default: false },
  },
});

const usage = `usage: npm run soak -- [--minutes 30] [--restart-minutes 8] [--seed N] [--save]

  --minutes          how long the load lasts
  --restart-minutes  the server is stopped and started again so often: by SIGTERM and by SIGKILL in turns
  --save             keep plot and figures in bench/results

example: npm run soak -- --minutes 30 --save`;

/** What is plotted, and how far it may move; null: it is shown and not judged. */
const shown: readonly {
  readonly title: string;
  readonly of: keyof Sample;
  readonly rule: FlatnessRule | null;
}[] = [
  {
    title: "memory without pages of files, MiB",
    of: "anonymousMiB",
    rule: { share: 0.15, slack: 20 },
  },
  { title: "heap in use, MiB", of: "heapMiB", rule: { share: 0.2, slack: 15 } },
  { title: "buffers outside the heap, MiB", of: "externalMiB", rule: { share: 0.2, slack: 20 } },
  { title: "open files", of: "openFiles", rule: { share: 0.1, slack: 10 } },
  { title: "maps of segments", of: "maps", rule: { share: 0.1, slack: 10 } },
  { title: "event-loop delay, 99 of 100, ms", of: "delayP99Ms", rule: { share: 0.3, slack: 10 } },
  { title: "event-loop delay, longest, ms", of: "delayMaxMs", rule: null },
  { title: "data directory on the disk, MiB", of: "diskMiB", rule: { share: 0.2, slack: 10 } },
];

function curvesOf(samples: readonly Sample[]): readonly Curve[] {
  return shown.map(({ title, of, rule }) => {
    const points = samples.map(({ atMs, life, ...rest }) => {
      return { atMs, life, value: { atMs, life, ...rest }[of] };
    });
    return { title, points, flatness: rule === null ? null : flatnessOf(points, rule) };
  });
}

function told({ title, points, flatness }: Curve): string {
  const most = format(Math.max(...points.map(({ value }) => value)));
  if (flatness === null) return `| ${title} | | | ${most} | not judged |`;
  const { early, late, isFlat } = flatness;
  const verdict = isFlat ? "flat" : "**rising**";
  return `| ${title} | ${format(early)} | ${format(late)} | ${most} | ${verdict} |`;
}

function report(facts: SoakFacts, curves: readonly Curve[], command: string): string {
  const { counts, restarts, problems } = facts;
  const machine = machineLine();
  const did = Object.entries(counts).map(([name, count]) => `${name} ${format(count)}`);
  return [
    `# Soak, ${String(machine["takenAt"]).slice(0, 10)}`,
    "",
    `\`${command}\`; ${restarts} restarts; commit ${machine["commit"]}, Node ${machine["node"]}, ${machine["cores"]} cores.`,
    "Early and late are medians of the second and the last quarter, without the first minute of each life of the server.",
    "",
    "| | early | late | most | |",
    "|---|--:|--:|--:|---|",
    ...curves.map(told),
    "",
    `Load: ${did.join(", ")}.`,
    `Problems: ${problems.length === 0 ? "none" : problems.join("; ")}.`,
    "",
  ].join("\n");
}

if (values.help) {
  console.log(usage);
} else if (process.platform !== "linux") {
  console.log("skipped: what a process uses is read from /proc, which only Linux has");
} else {
  const { minutes, "restart-minutes": restartMinutes, seed } = values;
  console.log(`seed ${seed}`);
  let samplesSeen = 0;
  const facts = await soak({
    minutes: Number(minutes),
    restartMinutes: Number(restartMinutes),
    seed: Number(seed),
    onSample: (sample, counts) => {
      if (++samplesSeen % 12 !== 0) return;
      console.log(
        `minute ${(sample.atMs / 60_000).toFixed(0)}, life ${sample.life}: ` +
          `${sample.anonymousMiB.toFixed(0)} MiB, ${sample.openFiles} files, ${sample.maps} maps, ` +
          `delay ${sample.delayP99Ms.toFixed(0)} ms, disk ${sample.diskMiB.toFixed(0)} MiB; ` +
          `${counts.produced} produced, ${counts.consumed} consumed, ${counts.handled} handled`,
      );
    },
  });
  const command = `npm run soak -- --minutes ${minutes} --restart-minutes ${restartMinutes} --seed ${seed}`;
  const curves = curvesOf(facts.samples);
  const text = report(facts, curves, command);
  console.log(text);
  if (values.save) {
    const directory = join(projectRoot, "bench/results");
    const name = join(directory, `soak-${new Date().toISOString().slice(0, 10)}`);
    mkdirSync(directory, { recursive: true });
    writeFileSync(`${name}.md`, text);
    writeFileSync(`${name}.svg`, chart(`${minutes} minutes of soak`, curves));
  }
  const isFlat = curves.every(({ flatness }) => flatness?.isFlat !== false);
  process.exitCode = isFlat && facts.problems.length === 0 ? 0 : 1;
}

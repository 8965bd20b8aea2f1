// What a run of the fuzzer found, as lines on the screen and as a page to keep.

import type { FuzzFacts } from "./fuzzer.ts";

/** One target's part of a run. */
export interface TargetResult {
  readonly facts: FuzzFacts;
  /** Seconds of a processor. */
  readonly seconds: number;
  /** Inputs of the part that was led by coverage. */
  readonly exploredInputs: number;
  readonly bound: string;
}

/** A whole number with commas. */
export function shownCount(count: number): string {
  return Math.round(count).toLocaleString("en-US");
}

/** One target's part in a line. */
export function lineOf({ facts, seconds }: TargetResult): string {
  const rate = shownCount(facts.inputs / Math.max(seconds, 0.001));
  const share = ((100 * facts.valid) / Math.max(1, facts.inputs)).toFixed(1);
  const found = facts.findings.length === 0 ? "nothing found" : `${facts.findings.length} FOUND`;
  return (
    `${facts.target.padEnd(22)} ${shownCount(facts.inputs).padStart(12)} inputs, ${rate.padStart(9)}/cpu s, ` +
    `${share.padStart(5)} % valid, corpus ${facts.corpus}, ${facts.outcomes} outcomes, ${found}`
  );
}

/** The page of a run. */
export function pageOf(
  results: readonly TargetResult[],
  how: {
    readonly date: string;
    readonly seed: number;
    readonly workers: number;
    readonly wallSeconds: number;
    readonly machine: string;
  },
): string {
  const inputs = results.reduce((sum, { facts }) => sum + facts.inputs, 0);
  const findings = results.flatMap(({ facts }) => facts.findings);
  const rows = results.map(({ facts, seconds, exploredInputs, bound }) => {
    const cells = [
      facts.target,
      shownCount(facts.inputs),
      shownCount(exploredInputs),
      shownCount(facts.inputs / Math.max(seconds, 0.001)),
      `${((100 * facts.valid) / Math.max(1, facts.inputs)).toFixed(1)} %`,
      shownCount(facts.corpus),
      shownCount(facts.outcomes),
      shownCount(facts.bytesMost),
      bound,
      String(facts.findings.length),
    ];
    return `| ${cells.join(" | ")} |`;
  });
  const found = findings.map(({ target, what }) => `- ${target}: ${what}`);
  return [
    `# Fuzzing of every decoder, ${how.date}`,
    "",
    `${shownCount(inputs)} inputs in ${shownCount(how.wallSeconds)} s ` +
      `(${shownCount(inputs / Math.max(1, how.wallSeconds))} a second) by ${how.workers} processes on ${how.machine}; ` +
      `seed ${how.seed}. ${findings.length === 0 ? "Nothing was found." : `${findings.length} findings.`}`,
    "",
    "`explored`: inputs led by the code they reach. `rate`: inputs for each second of a processor. `corpus`: samples and kept",
    "inputs. `outcomes`: different results and refusals. `most bytes`: the most memory one measured input took.",
    "",
    "| decoder | inputs | explored | rate | valid | corpus | outcomes | most bytes | bound | findings |",
    "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | --- | ---: |",
    ...rows,
    ...(found.length === 0 ? [] : ["", "## Found", "", ...found]),
    "",
  ].join("\n");
}

// Measures in pairs: a baseline and Varve take turns in one run, so that a noisy machine is noisy to both. What is
// claimed is the ratio; absolute figures are there to be looked at.

import { execFileSync } from "node:child_process";
import { cpus, totalmem } from "node:os";
import autocannon from "autocannon";

/** One figure of one run, with what is needed to read it later. */
export interface Figure {
  /** What was measured: `http-single-json`. */
  readonly name: string;
  /** The question in words. */
  readonly question: string;
  /** Unit of `value` and `baseline`: `requests/s`, `records/s`, `ms`. */
  readonly unit: string;
  /** Median over the rounds. */
  readonly value: number;
  /** Median of the baseline's rounds, or null where there is none. */
  readonly baseline: number | null;
  /** value / baseline, or null. */
  readonly ratio: number | null;
  /** Lowest and highest round. */
  readonly range: readonly [number, number];
  /** What the project aims at, in words; null when nothing was promised. */
  readonly budget: string | null;
  /** Further facts: percentiles, stalls. */
  readonly facts: Readonly<Record<string, number | string>>;
}

/** The middle of a list of numbers. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  const upper = sorted[middle] ?? 0;
  return sorted.length % 2 === 1 ? upper : (upper + (sorted[middle - 1] ?? upper)) / 2;
}

/** The value below which a share (0 to 1) of the list lies. */
export function percentile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
}

/** A load for autocannon. */
export interface Load {
  readonly url: string;
  readonly method: "GET" | "POST";
  readonly connections: number;
  readonly seconds: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer | null;
}

/** Drives a load and answers requests per second; any status but 2xx fails the run. */
export async function requestsPerSecond(load: Load): Promise<{ rate: number; p99Ms: number }> {
  const result = await autocannon({
    url: load.url,
    method: load.method,
    connections: load.connections,
    duration: load.seconds,
    headers: load.headers,
    ...(load.body === null ? {} : { body: load.body }),
  });
  if (result.non2xx > 0 || result.errors > 0) {
    throw new Error(`${load.url}: ${result.non2xx} refused, ${result.errors} errors`);
  }
  return { rate: result["2xx"] / result.duration, p99Ms: result.latency.p99 };
}

/** Runs two measurements in turn, `rounds` times, after one unmeasured round of each. */
export async function alternate(
  rounds: number,
  baseline: () => Promise<number>,
  subject: () => Promise<number>,
): Promise<{ baseline: number[]; subject: number[] }> {
  const found = { baseline: [] as number[], subject: [] as number[] };
  for (let round = 0; round <= rounds; round++) {
    const base = await baseline();
    const own = await subject();
    if (round === 0) continue;
    found.baseline.push(base);
    found.subject.push(own);
  }
  return found;
}

/** A figure from rounds of Varve and, if there is one, of its baseline. */
export function figureOf(
  about: Pick<Figure, "name" | "question" | "unit" | "budget"> & { facts?: Figure["facts"] },
  values: readonly number[],
  baselines: readonly number[] | null = null,
): Figure {
  const value = median(values);
  const baseline = baselines === null ? null : median(baselines);
  return {
    name: about.name,
    question: about.question,
    unit: about.unit,
    budget: about.budget,
    value,
    baseline,
    ratio: baseline === null || baseline === 0 ? null : value / baseline,
    range: [Math.min(...values), Math.max(...values)],
    facts: about.facts ?? {},
  };
}

/** Commit, Node version, processor and memory: what a figure means nothing without. */
export function machineLine(): Readonly<Record<string, string | number>> {
  const git = (...args: string[]): string => {
    try {
      return execFileSync("git", args, { encoding: "utf8" }).trim();
    } catch {
      return "unknown";
    }
  };
  return {
    commit: git("rev-parse", "--short", "HEAD"),
    dirty: git("status", "--porcelain", "--untracked-files=no") === "" ? "no" : "yes",
    node: process.version,
    cpu: cpus()[0]?.model ?? "unknown",
    cores: cpus().length,
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    platform: `${process.platform}-${process.arch}`,
    takenAt: new Date().toISOString(),
  };
}

// Results of the interop tests: one file for each client below .interop/results, read by compatibility.ts.

import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { projectRoot } from "../support/source-tree.ts";

/** What clients are tried with, in the order of the table. A client may try a scenario in several tests. */
export const scenarios = [
  "produce",
  "consume",
  "group-rebalance",
  "group-rebalance-848",
  "offsets",
  "admin",
  "compression-gzip",
  "compression-snappy",
  "compression-lz4",
  "compression-zstd",
  "idempotence",
  "transactions",
  "share-groups",
] as const;

/** The name of a scenario. */
export type Scenario = (typeof scenarios)[number];

/** One client in one scenario. */
export interface ScenarioResult {
  readonly client: string;
  readonly version: string;
  readonly scenario: Scenario;
  readonly outcome: "ok" | "failed" | "skipped";
  /** Why it failed or was skipped; "" when ok. */
  readonly reason: string;
}

/** Takes down the results of one client, in its file at once, so that nothing is lost in a crash. */
export interface ClientResults {
  /** Runs one scenario (or a part of it); notes ok or failed, and throws what it threw. */
  run<T>(scenario: Scenario, work: () => Promise<T>): Promise<T>;
  /** Notes that a scenario was left out: the toolchain is missing, or the client cannot do it. */
  leaveOut(scenario: Scenario, reason: string): void;
}

/** Which server the interop tests speak to: Varve, or Apache Kafka with INTEROP_SERVER=kafka as the yardstick. */
export const serverUnderTest = process.env["INTEROP_SERVER"] === "kafka" ? "kafka" : "varve";

const folder = join(projectRoot, ".interop", serverUnderTest === "kafka" ? "yardstick" : "results");

/**
 * Results of a client from now on. A run of some of its tests leaves alone what an earlier run wrote of the others, as
 * long as the client is of the same version.
 */
export function clientResults(client: string, version: string): ClientResults {
  const name = client.toLowerCase().replaceAll(/[^a-z0-9]+/g, "-");
  const path = join(folder, `${name.replaceAll(/^-|-$/g, "")}.json`);
  const rows = new Map<Scenario, ScenarioResult>();
  const note = (scenario: Scenario, outcome: ScenarioResult["outcome"], reason: string): void => {
    const before = rows.get(scenario);
    // A scenario of several tests is as good as its worst one.
    if (before?.outcome === "failed" || (before?.outcome === "ok" && outcome === "skipped")) return;
    rows.set(scenario, { client, version, scenario, outcome, reason });
    mkdirSync(folder, { recursive: true });
    const earlier = existsSync(path) ? resultsIn(path) : [];
    const kept = earlier.filter((row) => row.version === version && !rows.has(row.scenario));
    writeFileSync(path, `${JSON.stringify([...kept, ...rows.values()], null, 2)}\n`);
  };
  return {
    run: async (scenario, work) => {
      try {
        const result = await work();
        note(scenario, "ok", "");
        return result;
      } catch (cause) {
        const text = cause instanceof Error ? cause.message : String(cause);
        note(scenario, "failed", text.slice(0, 500));
        throw cause;
      }
    },
    leaveOut: (scenario, reason) => {
      note(scenario, "skipped", reason);
    },
  };
}

/** All results there are, of the last run of each client, clients in the order of their names. */
export function readResults(): readonly ScenarioResult[] {
  mkdirSync(folder, { recursive: true });
  const files = readdirSync(folder).filter((name) => name.endsWith(".json"));
  return files.sort().flatMap((name) => resultsIn(join(folder, name)));
}

function resultsIn(path: string): readonly ScenarioResult[] {
  return JSON.parse(readFileSync(path, "utf8")) as ScenarioResult[];
}

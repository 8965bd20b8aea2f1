// One soak: a real server under mixed load, looked at every few seconds, stopped and started again now and then.

import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { seededRandom } from "../../src/base/random.ts";
import { cliPath, freePort, ServerProcess } from "../support/server-process.ts";
import type { LoadCounts } from "./ledger.ts";
import { Load } from "./load.ts";
import { type Sample, sampleOf } from "./samples.ts";

/** How long and how. */
export interface SoakPlan {
  readonly minutes: number;
  /** Minutes between restarts: by SIGTERM and by SIGKILL in turns. */
  readonly restartMinutes: number;
  readonly seed: number;
  onSample(sample: Sample, counts: LoadCounts): void;
}

/** What was seen. */
export interface SoakFacts {
  readonly samples: readonly Sample[];
  readonly counts: LoadCounts;
  readonly restarts: number;
  readonly problems: readonly string[];
}

const sampleEveryMs = 5_000;
// A life that ends at once would show nothing.
const lastLifeMsMin = 90_000;

/** Runs one soak in a directory of its own, which goes when nothing was found. */
export async function soak(plan: SoakPlan): Promise<SoakFacts> {
  const dataDir = mkdtempSync(join(tmpdir(), "varve-soak-"));
  const port = await freePort();
  const kafkaPort = await freePort();
  const flags = ["--kafka-port", String(kafkaPort), "--retention-check-interval-ms", "2000"];
  const start = () =>
    ServerProcess.start({ dataDir, port, flags: [...flags, "--log-level", "warn"] });
  let server = await start();
  const { url } = server;
  const load = new Load({ url, kafkaPort, random: seededRandom(plan.seed) });
  await load.start();
  const samples: Sample[] = [];
  let restarts = 0;
  const startedMs = performance.now();
  const endMs = startedMs + plan.minutes * 60_000;
  let restartAtMs = startedMs + plan.restartMinutes * 60_000;
  while (performance.now() < endMs) {
    await sleep(sampleEveryMs);
    const { pid } = server.child;
    if (pid === undefined) throw new Error("the server has no process");
    const sample = await sampleOf({ url, pid, dataDir, life: restarts, startedMs });
    samples.push(sample);
    plan.onSample(sample, load.counts);
    if (performance.now() < restartAtMs || endMs - performance.now() < lastLifeMsMin) continue;
    await server.stop(restarts % 2 === 0 ? "SIGTERM" : "SIGKILL");
    server = await start();
    restarts++;
    restartAtMs += plan.restartMinutes * 60_000;
  }
  await load.stop();
  const problems = [...(await load.check())];
  const code = await server.stop("SIGTERM");
  if (code !== 0) problems.push(`the server ended with ${code ?? "a signal"}: ${server.output}`);
  problems.push(...damageIn(dataDir));
  if (problems.length === 0) rmSync(dataDir, { recursive: true });
  else problems.push(`its data is kept in ${dataDir}`);
  return { samples, counts: load.counts, restarts, problems };
}

function damageIn(dataDir: string): readonly string[] {
  try {
    execFileSync(process.execPath, [cliPath, "check", dataDir], { stdio: "pipe" });
    return [];
  } catch (error) {
    const { stdout } = error as { readonly stdout?: Buffer };
    return [`varve check: ${stdout?.toString() ?? String(error)}`];
  }
}

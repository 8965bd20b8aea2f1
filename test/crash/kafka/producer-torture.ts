// A librdkafka producer writes numbered records while its server is killed with -9 again and again; afterwards every
// record must be there once, unchanged and in order. The client's own retries are all that stands in between.

import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { type Random, seededRandom } from "../../../src/base/random.ts";
import { cliPath, freePort, ServerProcess } from "../../support/server-process.ts";
import { projectRoot } from "../../support/source-tree.ts";

const script = join(projectRoot, "test/crash/kafka/idempotent_producer.py");

/** What is to be done. */
export interface ProducerTortureOptions {
  /** An empty directory. */
  readonly dataDir: string;
  /** Where the Python package confluent_kafka is, for PYTHONPATH. */
  readonly pythonPath: string;
  readonly records: number;
  readonly kills: number;
  readonly partitions: number;
  readonly valueBytes: number;
  readonly seed: number;
  /** Told of each kill: how many records were acknowledged then, and how long the restart took. */
  readonly onKill: (kill: number, acknowledged: number, readyMs: number) => void;
}

/** What came of it. */
export interface ProducerTortureFacts {
  readonly acknowledged: number;
  readonly verified: number;
  readonly kills: number;
  /** Sentences; empty when nothing was lost, doubled, changed or out of order. */
  readonly problems: readonly string[];
}

/** Runs one torture to its end. */
export async function tortureProducer(
  options: ProducerTortureOptions,
): Promise<ProducerTortureFacts> {
  const { dataDir, records, kills, partitions } = options;
  const random = seededRandom(options.seed);
  const [port, kafkaPort] = [await freePort(), await freePort()];
  const flags = ["--kafka-port", String(kafkaPort), "--log-level", "warn"];
  const start = (): Promise<ServerProcess> => ServerProcess.start({ dataDir, port, flags });
  let server = await start();
  await fetch(`${server.url}/v1/topics/numbers`, {
    method: "PUT",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ partitions }),
  });
  const thresholds = thresholdsOf(records, kills, random);
  const problems: string[] = [];
  let acknowledged = 0;
  let killed = 0;
  let restarts = Promise.resolve();
  let isRestarting = false;
  await scripted(options, kafkaPort, "produce", (word, rest) => {
    if (word === "problem") problems.push(rest);
    if (word !== "acknowledged") return;
    acknowledged = Number(rest);
    const threshold = thresholds[killed] ?? Number.POSITIVE_INFINITY;
    if (acknowledged < threshold || isRestarting) return;
    killed++;
    isRestarting = true;
    restarts = restarts.then(async () => {
      await server.stop("SIGKILL");
      server = await start();
      options.onKill(killed, acknowledged, server.readyMs);
      isRestarting = false;
    });
  });
  await restarts;
  let verified = 0;
  await scripted(options, kafkaPort, "verify", (word, rest) => {
    if (word === "problem") problems.push(rest);
    if (word === "verified") verified = Number(rest);
  });
  if (killed < kills) problems.push(`only ${killed} of ${kills} kills came about`);
  if (acknowledged < records) problems.push(`${acknowledged} of ${records} acknowledged`);
  await server.stop("SIGTERM");
  execFileSync(process.execPath, [cliPath, "check", dataDir], { stdio: "pipe" });
  return { acknowledged, verified, kills: killed, problems };
}

// Spread over the whole run, each at a random place of its part.
function thresholdsOf(records: number, kills: number, random: Random): readonly number[] {
  const part = Math.floor(records / (kills + 1));
  return Array.from({ length: kills }, (_, kill) => kill * part + 1 + random.below(part));
}

async function scripted(
  options: ProducerTortureOptions,
  kafkaPort: number,
  ...[command, onLine]: [string, (word: string, rest: string) => void]
): Promise<void> {
  const { partitions, records, valueBytes, pythonPath } = options;
  const numbers = [partitions, records, valueBytes].map(String);
  const args = [script, `127.0.0.1:${kafkaPort}`, command, "numbers", ...numbers];
  const env = { ...process.env, PYTHONPATH: pythonPath };
  const child = spawn("python3", args, { env, stdio: ["ignore", "pipe", "ignore"] });
  const ended = once(child, "exit");
  for await (const line of createInterface({ input: child.stdout })) {
    const cut = line.indexOf(" ");
    onLine(line.slice(0, cut), line.slice(cut + 1));
  }
  const [status] = (await ended) as [number | null];
  if (status !== 0) onLine("problem", `the script '${command}' ended with ${String(status)}`);
}

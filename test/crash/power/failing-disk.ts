// Write and sync errors that are real: an image on a file system in memory that is too small for it. Writes go into the
// page cache, and the sync finds no room behind the device. What was acknowledged must be there after the repair.

import { join } from "node:path";
import { seededRandom } from "../../../src/base/random.ts";
import { prepareCompression } from "../../../src/record/compression.ts";
import {
  freePort,
  ServerProcess,
  type ServerProcessOptions,
} from "../../support/server-process.ts";
import { audit } from "../audit.ts";
import { damageIn } from "../damage.ts";
import { eraOf } from "../era.ts";
import { createEra } from "../eras.ts";
import { resynced, shimCalls, shimEnvironment } from "../faults/shim.ts";
import { tortureFlags } from "../kill-torture.ts";
import { Ledger, valueOf } from "../ledger.ts";
import { LoadContext } from "../load.ts";
import { callHttp, type Endpoints, isBroken, Refused } from "../server-calls.ts";
import { makeImage, mountImage, mountMemory, run } from "./file-systems.ts";

/** What one run does. */
export interface FailingDiskOptions {
  /** An empty directory. */
  readonly folder: string;
  /** The shim that counts syncs; null where there is none. */
  readonly library: string | null;
  readonly seed: number;
}

/** What came of it; `problems` is empty when every promise held. */
export interface FailingDiskFacts {
  /** Records acknowledged before the first error; Kafka's code or the status of that. */
  readonly acknowledged: number;
  readonly firstError: string;
  /** Syncs that failed, as the shim saw them; null without it. */
  readonly failedSyncs: number | null;
  readonly checked: number;
  readonly problems: readonly string[];
}

const memoryMebibytes = 24;
const imageMebibytes = 128;
const fillBytes = 200_000;

/** Runs it; null where a file system in memory cannot be mounted. */
export async function failingDisk(options: FailingDiskOptions): Promise<FailingDiskFacts | null> {
  const { folder, library } = options;
  await prepareCompression();
  const memory = mountMemory(join(folder, "memory"), memoryMebibytes);
  if (memory === null) return null;
  const ports = [await freePort(), await freePort()] as const;
  const endpoints = { url: `http://127.0.0.1:${ports[0]}`, kafka: `127.0.0.1:${ports[1]}` };
  const image = makeImage(join(memory.path, "image"), "ext4", imageMebibytes);
  const path = join(folder, "mounted");
  let mounted = mountImage(image, "ext4", path);
  const start = { dataDir: join(path, "data"), port: ports[0], flags: tortureFlags(ports[1]) };
  try {
    const ledger = new Ledger();
    const log = join(folder, "calls.txt");
    const about = { dataDir: start.dataDir, log, plan: null };
    const env = library === null ? {} : shimEnvironment(library, about);
    const firstError = await fillUp({ ...options, ledger, endpoints }, { ...start, env });
    const calls = shimCalls(log);
    for (const each of resynced(calls)) ledger.problem(each);
    // The repair: room behind the device, and whatever was only in the page cache is gone.
    mounted.unmount();
    run("mount", ["-o", `remount,size=${2 * imageMebibytes}M`, memory.path]);
    mounted = mountImage(image, "ext4", path);
    const checked = await lookAgain(ledger, endpoints, start);
    const failedSyncs = calls.filter(({ name, outcome }) => {
      return name === "fdatasync" && outcome !== "ok";
    });
    return {
      acknowledged: ledger.counts.records,
      firstError,
      failedSyncs: library === null ? null : failedSyncs.length,
      checked,
      problems: ledger.problems,
    };
  } finally {
    mounted.unmount();
    memory.unmount();
  }
}

// Fills topics until an answer is a refusal; answers that. From then on that partition takes nothing.
async function fillUp(
  parts: { readonly ledger: Ledger; readonly endpoints: Endpoints; readonly seed: number },
  start: ServerProcessOptions,
): Promise<string> {
  const { ledger, endpoints } = parts;
  const context = new LoadContext({
    ledger,
    endpoints,
    era: eraOf("full", 2),
    random: seededRandom(parts.seed),
  });
  const server = await ServerProcess.start(start);
  try {
    await createEra(context);
    for (let round = 0; round < 1000; round++) {
      const partition = round % 2;
      const error = await fillOnce(context, { partition, round });
      if (error === null) continue;
      await mustStayShut(context, { partition, round: round + 1 });
      return error;
    }
    ledger.problem("the disk never failed");
    return "";
  } finally {
    await server.stop("SIGKILL");
  }
}

async function fillOnce(
  { ledger, endpoints, era }: LoadContext,
  { partition, round }: { readonly partition: number; readonly round: number },
): Promise<string | null> {
  const text = `${valueOf(`fill-${round}`)} ${"f".repeat(fillBytes)}`;
  ledger.sending(era.plain, [text]);
  const call = `POST /v1/topics/${era.plain}/records?partition=${partition}`;
  try {
    const answer = await callHttp(endpoints.url, call, { records: [{ text }] });
    const [result] = (answer as { results: readonly { offset: number }[] }).results;
    const found = [{ offset: result?.offset ?? -1, text }];
    ledger.know({ topic: era.plain, partition }, found, true);
    return null;
  } catch (error) {
    if (error instanceof Refused || isBroken(error)) return String(error);
    throw error;
  }
}

async function mustStayShut(
  context: LoadContext,
  from: { readonly partition: number; readonly round: number },
): Promise<void> {
  const { ledger, endpoints } = context;
  for (let more = 0; more < 10; more++) {
    const round = from.round + 1000 + more;
    const error = await fillOnce(context, { partition: from.partition, round });
    if (error === null) ledger.problem("an append was acknowledged after a sync had failed");
  }
  const ready = await fetch(`${endpoints.url}/readyz`);
  await ready.arrayBuffer();
  if (ready.status === 200) ledger.problem("/readyz is green after a failed sync");
  const alive = await fetch(`${endpoints.url}/livez`);
  await alive.arrayBuffer();
  if (alive.status !== 200) ledger.problem(`/livez answers ${alive.status}`);
}

async function lookAgain(
  ledger: Ledger,
  endpoints: Endpoints,
  start: ServerProcessOptions,
): Promise<number> {
  for (const each of await damageIn(start.dataDir)) ledger.problem(`check: ${each}`);
  const server = await ServerProcess.start(start);
  try {
    const scope = { endpoints, eras: [eraOf("full", 2)], upTo: ledger.now, isLive: true };
    const { problems, records } = await audit(ledger, scope);
    for (const each of problems) ledger.problem(each);
    return records;
  } finally {
    await server.stop();
  }
}

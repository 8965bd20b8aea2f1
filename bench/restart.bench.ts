// How soon is a server ready again: with 1,000 partitions, after an orderly stop and after kill -9, beside a start
// on an empty directory in the same run; and what does it weigh while idle?

import { readFileSync, rmSync } from "node:fs";
import { freePort, ServerProcess } from "../test/support/server-process.ts";
import { type Figure, figureOf } from "./harness.ts";
import { createTopic, type Effort, msgpackBody, temporaryDirectory } from "./workbench.ts";

const msgpack = { "content-type": "application/msgpack", prefer: "return=minimal" };
const quiet = ["--log-level", "warn"];

/** Runs the restart cases whose name contains `only`. */
export async function restartFigures(effort: Effort, only: string): Promise<readonly Figure[]> {
  const figures: Figure[] = [];
  if ("restart-1000-partitions restart-killed idle-memory".includes(only)) {
    figures.push(...(await manyPartitions(effort)));
  }
  if ("recovery-scan".includes(only)) figures.push(await recovery(effort));
  return figures;
}

async function manyPartitions(effort: Effort): Promise<readonly Figure[]> {
  const partitions = Math.max(10, Math.floor(1000 * effort.scale));
  const dataDir = temporaryDirectory();
  const emptyDir = temporaryDirectory();
  const port = await freePort();
  const start = (directory: string) =>
    ServerProcess.start({ dataDir: directory, port, flags: quiet });
  let server = await start(dataDir);
  await createTopic(server.url, "wide", partitions);
  await touchEach(server.url, partitions);
  const times = { empty: [] as number[], clean: [] as number[], killed: [] as number[] };
  let idleMiB = 0;
  for (let round = 0; round < effort.rounds; round++) {
    await server.stop("SIGTERM");
    server = await start(emptyDir);
    times.empty.push(server.readyMs);
    await server.stop("SIGTERM");
    server = await start(dataDir);
    times.clean.push(server.readyMs);
    idleMiB = Math.max(idleMiB, residentMiB(server.child.pid ?? 0));
    await touchEach(server.url, partitions);
    await server.stop("SIGKILL");
    server = await start(dataDir);
    times.killed.push(server.readyMs);
  }
  await server.stop("SIGTERM");
  for (const directory of [dataDir, emptyDir]) rmSync(directory, { recursive: true, force: true });
  const facts = { partitions };
  const budget = "under 1,000 ms";
  const unit = "ms";
  return [
    figureOf(
      {
        name: "restart-1000-partitions",
        question: "spawn to ready after an orderly stop",
        unit,
        budget,
        facts,
      },
      times.clean,
      times.empty,
    ),
    figureOf(
      {
        name: "restart-killed",
        question: "spawn to ready after kill -9, every partition written",
        unit,
        budget,
        facts,
      },
      times.killed,
      times.empty,
    ),
    figureOf(
      {
        name: "idle-memory",
        question: "resident memory right after start",
        unit: "MiB",
        budget: "under 150 MB",
        facts,
      },
      [idleMiB],
    ),
  ];
}

async function touchEach(url: string, partitions: number): Promise<void> {
  const body = msgpackBody(1);
  for (let from = 0; from < partitions; from += 50) {
    const some = Array.from(
      { length: Math.min(50, partitions - from) },
      (_, index) => from + index,
    );
    await Promise.all(
      some.map(async (partition) => {
        const path = `${url}/v1/topics/wide/records?partition=${partition}`;
        const response = await fetch(path, { method: "POST", headers: msgpack, body });
        if (!response.ok) throw new Error(`touch: ${response.status} ${await response.text()}`);
        await response.arrayBuffer();
      }),
    );
  }
}

async function recovery(effort: Effort): Promise<Figure> {
  const mebibytes = Math.max(8, Math.floor(256 * effort.scale));
  const dataDir = temporaryDirectory();
  const port = await freePort();
  const times: number[] = [];
  let server = await ServerProcess.start({ dataDir, port, flags: quiet });
  await createTopic(server.url, "deep");
  for (let round = 0; round < effort.rounds; round++) {
    await fill(server.url, mebibytes);
    await server.stop("SIGKILL");
    server = await ServerProcess.start({ dataDir, port, flags: quiet });
    times.push(server.readyMs);
  }
  await server.stop("SIGTERM");
  rmSync(dataDir, { recursive: true, force: true });
  const question = `spawn to ready after kill -9 right behind ${mebibytes} MiB of appends`;
  return figureOf(
    { name: "recovery-scan", question, unit: "ms", budget: null, facts: { mebibytes } },
    times,
  );
}

async function fill(url: string, mebibytes: number): Promise<void> {
  const body = msgpackBody(5000);
  for (let sent = 0; sent < mebibytes * 2 ** 20; sent += 4 * body.length) {
    await Promise.all(
      Array.from({ length: 4 }, async () => {
        const response = await fetch(`${url}/v1/topics/deep/records`, {
          method: "POST",
          headers: msgpack,
          body,
        });
        if (!response.ok) throw new Error(`fill: ${response.status} ${await response.text()}`);
        await response.arrayBuffer();
      }),
    );
  }
}

/** Resident memory of a process in MiB; 0 where /proc does not tell. */
function residentMiB(pid: number): number {
  try {
    const status = readFileSync(`/proc/${pid}/status`, "utf8");
    return Number(/VmRSS:\s+(\d+)/.exec(status)?.[1] ?? 0) / 1024;
  } catch {
    return 0;
  }
}

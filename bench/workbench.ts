// What the benchmarks share: a baseline server and a Varve server as children, topics, payloads, temporary directories.

import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Packr } from "msgpackr";
import { freePort, ServerProcess } from "../test/support/server-process.ts";
import { projectRoot } from "../test/support/source-tree.ts";

/** How long and how often each measurement runs. */
export interface Effort {
  readonly rounds: number;
  readonly seconds: number;
  /** Scales counts of records and partitions; 1 for real runs, small for a smoke test. */
  readonly scale: number;
}

/** Two servers side by side, ended together. */
export interface Pair {
  readonly varve: ServerProcess;
  readonly baselineUrl: string;
  close(): Promise<void>;
}

/** A fresh directory below the system's temporary one. */
export function temporaryDirectory(): string {
  return mkdtempSync(join(tmpdir(), "varve-bench-"));
}

/** Starts a baseline server and Varve on an empty directory. */
export async function startPair(): Promise<Pair> {
  const dataDir = temporaryDirectory();
  const port = await freePort();
  const baseline = await startBaseline(port);
  const varve = await ServerProcess.start({
    dataDir,
    port: await freePort(),
    flags: ["--log-level", "warn"],
  });
  return {
    varve,
    baselineUrl: `http://127.0.0.1:${port}`,
    async close() {
      await varve.stop();
      baseline.kill("SIGKILL");
      rmSync(dataDir, { recursive: true, force: true });
    },
  };
}

async function startBaseline(port: number): Promise<ChildProcess> {
  const script = join(projectRoot, "dist/bench/baseline-server.js");
  const child = spawn(process.execPath, [script, String(port)], { stdio: "inherit" });
  for (let attempt = 0; attempt < 200; attempt++) {
    const isUp = await fetch(`http://127.0.0.1:${port}/readyz`).then(
      (response) => response.ok,
      () => false,
    );
    if (isUp) return child;
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
  throw new Error("the baseline server did not start");
}

/** Creates a topic over HTTP. */
export async function createTopic(url: string, name: string, partitions = 1): Promise<void> {
  const response = await fetch(`${url}/v1/topics/${name}`, {
    method: "PUT",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ partitions }),
  });
  if (!response.ok) throw new Error(`create ${name}: ${response.status} ${await response.text()}`);
}

/** 100 bytes of text. */
export const value100 = "the lake lays down a layer each year and never takes one back; "
  .repeat(2)
  .slice(0, 100);

/** A JSON produce body of `count` records of 100 bytes. */
export function jsonBody(count: number): Buffer {
  return Buffer.from(
    JSON.stringify({ records: Array.from({ length: count }, () => ({ text: value100 })) }),
  );
}

/** The same as MessagePack, values as bytes. */
export function msgpackBody(count: number): Buffer {
  const packr = new Packr({ useRecords: false });
  const value = Buffer.from(value100);
  return packr.pack({ records: Array.from({ length: count }, () => ({ value })) });
}

/** One gauge or counter of `/metrics` without labels; null when absent. */
export async function metric(url: string, name: string): Promise<number | null> {
  const text = await (await fetch(`${url}/metrics`)).text();
  const line = text.split("\n").find((each) => each.startsWith(`${name} `));
  return line === undefined ? null : Number(line.slice(name.length + 1));
}

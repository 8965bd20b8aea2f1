// The other servers and their clients: found on the machine, or installed with its own package managers; started as
// children on 127.0.0.1.

import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Found } from "../../test/interop/toolchain.ts";
import { projectRoot } from "../../test/support/source-tree.ts";

const installLimitMs = 300_000;
const startLimitMs = 60_000;
const removal = { recursive: true, force: true, maxRetries: 5 } as const;

/** A program that must be there, from Debian's package of that name where it is missing and installing is allowed. */
export function findProgram(path: string, debianPackage: string): Found<string> {
  if (existsSync(path)) return { tool: path };
  const advice = `apt install ${debianPackage}`;
  if (process.getuid?.() !== 0) return { missing: `${path} is missing (${advice})` };
  // A package that brings a service would start it: no run level starts none.
  const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive", RUNLEVEL: "1" };
  const apt = (...args: string[]): void => {
    execFileSync("apt-get", args, { stdio: "pipe", env, timeout: installLimitMs });
  };
  try {
    apt("update", "-qq");
    apt("install", "-y", "-qq", "--no-install-recommends", debianPackage);
  } catch (cause) {
    return { missing: `apt could not install ${debianPackage}: ${String(cause).slice(0, 200)}` };
  }
  return existsSync(path) ? { tool: path } : { missing: `${debianPackage} brings no ${path}` };
}

const clients = ["bullmq@6", "ioredis@5", "amqplib@2", "nats@2"];

/** The clients of the other servers, installed below .interop; no dependencies of the project. */
export function findClients(): Found<NodeJS.Require> {
  const folder = join(projectRoot, ".interop/queues");
  const isThere = clients.every((name) => {
    return existsSync(join(folder, "node_modules", name.split("@")[0] ?? "", "package.json"));
  });
  if (!isThere) {
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, "package.json"), '{"private": true}');
    try {
      const args = ["install", "--no-save", "--ignore-scripts", ...clients];
      execFileSync("npm", args, { cwd: folder, stdio: "pipe", timeout: installLimitMs });
    } catch (cause) {
      return { missing: `npm could not install the clients: ${String(cause).slice(0, 200)}` };
    }
  }
  return { tool: createRequire(join(folder, "package.json")) };
}

/** The version of an installed client. */
export function clientVersion(require: NodeJS.Require, name: string): string {
  const file = require.resolve.paths(name)?.map((path) => join(path, name, "package.json"));
  const found = file?.find((path) => existsSync(path));
  if (found === undefined) return "?";
  return (require(found) as { readonly version: string }).version;
}

/** A fresh directory below the system's temporary one. */
export function freshDirectory(name: string): string {
  return mkdtempSync(join(tmpdir(), `varve-bench-${name}-`));
}

/** How a server is started. */
export interface ChildOptions {
  readonly file: string;
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** The port that tells that it is there. */
  readonly port: number;
  /** Removed when it has stopped. */
  readonly directory: string;
}

/** A running child. */
export interface Child {
  stop(): Promise<void>;
}

/** Starts a server; resolves when it accepts connections, rejects with what it wrote when it does not. */
export async function startChild(options: ChildOptions): Promise<Child> {
  const { file, args, env = {}, port, directory } = options;
  // A group of its own, so that what a start script leaves behind ends with it.
  const child = spawn(file, args, {
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...process.env, ...env },
    cwd: directory,
    detached: true,
  });
  const output: string[] = [];
  for (const stream of [child.stdout, child.stderr]) {
    stream.on("data", (chunk: Buffer) => {
      output.push(chunk.toString());
      if (output.length > 200) output.shift();
    });
  }
  child.once("error", (error) => output.push(error.message));
  const end = endWithProcess(directory, () => {
    // The whole group; nobody needs its directory again, so that an orderly stop would be for nothing.
    if (child.pid !== undefined) process.kill(-child.pid, "SIGKILL");
  });
  const stop = async (): Promise<void> => {
    const isRunning = child.exitCode === null && child.signalCode === null;
    const exited = isRunning && child.pid !== undefined ? once(child, "exit") : null;
    end();
    await exited;
    rmSync(directory, removal);
  };
  try {
    await acceptsConnections(port, child);
  } catch {
    await stop();
    throw new Error(`${file} did not start:\n${output.join("").slice(-2000)}`);
  }
  return { stop };
}

/**
 * Kills a server and removes its directory when this process ends before: a run that is broken off leaves nothing.
 *
 * @returns Kills it now; the directory is the caller's then.
 */
export function endWithProcess(directory: string, kill: () => void): () => void {
  const killIfThere = (): void => {
    try {
      kill();
    } catch {
      // It is gone.
    }
  };
  const onExit = (): void => {
    killIfThere();
    try {
      rmSync(directory, removal);
    } catch {
      // The server's last writes came in between.
    }
  };
  process.once("exit", onExit);
  return () => {
    process.off("exit", onExit);
    killIfThere();
  };
}

async function acceptsConnections(port: number, child: ChildProcess): Promise<void> {
  const deadline = performance.now() + startLimitMs;
  while (performance.now() < deadline && child.exitCode === null && child.pid !== undefined) {
    const isOpen = await new Promise<boolean>((resolve) => {
      const socket = connect(port, "127.0.0.1");
      socket.once("connect", () => {
        socket.destroy();
        resolve(true);
      });
      socket.once("error", () => {
        resolve(false);
      });
    });
    if (isOpen) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error("no connection");
}

// A real server in a child process, for tests and benchmarks that kill it, measure it or speak to it from outside.

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { projectRoot } from "./source-tree.ts";

/** The compiled command line; `npm run build` makes it. */
export const cliPath = join(projectRoot, "dist/src/cli/main.js");

/** How a child server is started. */
export interface ServerProcessOptions {
  readonly dataDir: string;
  readonly port: number;
  /** Further `varve serve` arguments. */
  readonly flags?: readonly string[];
  /** The node to run it with; this process's own by default. */
  readonly node?: string;
  /** Arguments for node itself. */
  readonly nodeFlags?: readonly string[];
  /** Added to this process's environment. */
  readonly env?: Readonly<Record<string, string>>;
}

/** A child that has loaded the server's code and waits for the word to start it. */
export interface HeldServer {
  /** Gives the word; resolves and rejects as `ServerProcess.start` does, times counted from here. */
  start(): Promise<ServerProcess>;
  /** Ends it unstarted. */
  drop(): Promise<void>;
}

const heldStart = join(projectRoot, "dist/test/support/held-start.js");

/** A running child server. */
export class ServerProcess {
  readonly url: string;
  readonly child: ChildProcess;
  /** Milliseconds from spawn until `/readyz` answered 200. */
  readonly readyMs: number;
  readonly #output: string[];

  private constructor(
    child: ChildProcess,
    facts: { url: string; readyMs: number; output: string[] },
  ) {
    this.child = child;
    this.url = facts.url;
    this.readyMs = facts.readyMs;
    this.#output = facts.output;
  }

  /** Starts a server and resolves once it is ready; rejects with its output when it ends before. */
  static async start(options: ServerProcessOptions): Promise<ServerProcess> {
    const startedAt = performance.now();
    return ServerProcess.#begun(launch(options, "ignore"), { port: options.port, startedAt });
  }

  /** Has a child ready that needs no time to load code when it is told to start. */
  static hold(options: ServerProcessOptions): HeldServer {
    const nodeFlags = [...(options.nodeFlags ?? []), "--import", heldStart];
    const launched = launch({ ...options, nodeFlags }, "pipe");
    const { child } = launched;
    return {
      start: () => {
        child.stdin?.write("start\n");
        return ServerProcess.#begun(launched, {
          port: options.port,
          startedAt: performance.now(),
        });
      },
      drop: async () => {
        const ended = once(child, "exit");
        if (child.exitCode === null && child.kill("SIGKILL")) await ended;
      },
    };
  }

  static async #begun(
    { child, output }: Launched,
    { port, startedAt }: { readonly port: number; readonly startedAt: number },
  ): Promise<ServerProcess> {
    const url = `http://127.0.0.1:${port}`;
    await waitReady(url, child, output);
    return new ServerProcess(child, { url, readyMs: performance.now() - startedAt, output });
  }

  /** What the server wrote last, for failure messages. */
  get output(): string {
    return this.#output.join("");
  }

  /** Sends a signal and resolves with the exit code (null after a signal death). */
  async stop(signal: NodeJS.Signals = "SIGTERM"): Promise<number | null> {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return this.child.exitCode;
    const ended = once(this.child, "exit");
    this.child.kill(signal);
    await ended;
    return this.child.exitCode;
  }
}

interface Launched {
  readonly child: ChildProcess;
  readonly output: string[];
}

function launch(options: ServerProcessOptions, stdin: "ignore" | "pipe"): Launched {
  if (!existsSync(cliPath)) throw new Error("dist is missing: run `npm run build` first");
  const { dataDir, port, flags = [], node = process.execPath, nodeFlags = [] } = options;
  // Where a test names no port for Kafka's protocol, any free one will do.
  const ports = ["--port", String(port), "--kafka-port", "0"];
  const serve = ["serve", ...ports, "--data-dir", dataDir, ...flags];
  const child = spawn(node, [...nodeFlags, cliPath, ...serve], {
    stdio: [stdin, "pipe", "pipe"],
    env: { ...process.env, ...options.env },
  });
  const output: string[] = [];
  for (const stream of [child.stdout, child.stderr]) {
    stream?.on("data", (chunk: Buffer) => {
      output.push(chunk.toString());
      if (output.length > 200) output.shift();
    });
  }
  return { child, output };
}

async function waitReady(url: string, child: ChildProcess, output: string[]): Promise<void> {
  const deadline = performance.now() + 60_000;
  while (performance.now() < deadline) {
    if (child.exitCode !== null || child.signalCode !== null) break;
    const isReady = await fetch(`${url}/readyz`).then(
      async (response) => {
        await response.arrayBuffer();
        return response.status === 200;
      },
      () => false,
    );
    if (isReady) return;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  child.kill("SIGKILL");
  throw new Error(`the server did not become ready:\n${output.join("")}`);
}

/** A TCP port that was free a moment ago. */
export async function freePort(): Promise<number> {
  const probe = createServer();
  probe.listen(0, "127.0.0.1");
  await once(probe, "listening");
  const address = probe.address();
  probe.close();
  await once(probe, "close");
  if (address === null || typeof address === "string") throw new Error("no port");
  return address.port;
}

// Runs a shell command with something on its standard input, in a process group of its own, so that a Ctrl-C at the
// terminal does not reach it.

import { spawn } from "node:child_process";
import type { Readable, Writable } from "node:stream";

/** What a command is given. */
export interface CommandInput {
  readonly command: string;
  /** On its standard input; null: nothing. */
  readonly stdin: Uint8Array | null;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Aborted: the command and what it started are told to end. */
  readonly signal: AbortSignal;
  /** Takes its standard output; resolves when more may come. */
  readonly write: (chunk: Uint8Array) => Promise<void>;
  /** Takes its standard error. */
  readonly stderr: Writable;
}

/** How a command ended. */
export interface CommandEnd {
  /** Null when a signal ended it. */
  readonly code: number | null;
  readonly signal: string | null;
  /** The end of its standard error. */
  readonly errorTail: string;
}

const tailLength = 800;
const groups = new Set<number>();
let isWatching = false;

/** Runs a command to its end. @throws what `write` threw, and when there is no shell */
export async function runCommand(input: CommandInput): Promise<CommandEnd> {
  const { command, stdin, environment, signal, write, stderr } = input;
  const child = spawn(command, { shell: true, detached: true, env: environment, stdio: "pipe" });
  const { pid } = child;
  const end = (): void => endGroup(pid, "SIGTERM");
  if (pid !== undefined) watch(pid);
  signal.addEventListener("abort", end);
  if (signal.aborted) end();
  // A command that does not read its input is within its rights.
  child.stdin.on("error", () => undefined);
  child.stdin.end(stdin ?? undefined);
  const ended = new Promise<Omit<CommandEnd, "errorTail">>((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code, ending) => resolve({ code, signal: ending }));
  });
  try {
    const taken = [takeOutput(child.stdout, write), tailOf(child.stderr, stderr)] as const;
    const [ending, , errorTail] = await Promise.all([ended, ...taken]);
    return { ...ending, errorTail };
  } catch (error) {
    end();
    throw error;
  } finally {
    signal.removeEventListener("abort", end);
    if (pid !== undefined) groups.delete(pid);
  }
}

async function takeOutput(output: Readable, write: CommandInput["write"]): Promise<void> {
  for await (const chunk of output as AsyncIterable<Buffer>) await write(chunk);
}

async function tailOf(output: Readable, stderr: Writable): Promise<string> {
  let tail = Buffer.alloc(0);
  for await (const chunk of output as AsyncIterable<Buffer>) {
    stderr.write(chunk);
    tail = Buffer.concat([tail, chunk]).subarray(-tailLength * 4);
  }
  return tail.toString("utf8").trim().slice(-tailLength);
}

// Nobody waits for the commands of a process that ends at once; they must not go on without it.
function watch(pid: number): void {
  groups.add(pid);
  if (isWatching) return;
  isWatching = true;
  process.on("exit", () => {
    for (const group of groups) endGroup(group, "SIGKILL");
  });
}

function endGroup(pid: number | undefined, signal: NodeJS.Signals): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, signal);
  } catch {
    // It has ended by itself.
  }
}

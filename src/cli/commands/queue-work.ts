// `varve queue work`: runs a command for each message of a work queue, until it is told to stop.

import { isUtf8 } from "node:buffer";
import type { Command } from "commander";
import {
  type HandlerContext,
  type QueueMessage,
  Rejection,
  type Worker,
  type WorkerFailure,
} from "../../client/client.ts";
import { processEnvironment } from "../../config.ts";
import { type CommandEnd, runCommand } from "../command-run.ts";
import {
  addExamples,
  addServerOptions,
  type CliContext,
  integer,
  newClient,
  type ServerOptions,
} from "../context.ts";
import { exitCode, messageOf, OutputClosed } from "../exit.ts";

interface WorkOptions extends ServerOptions {
  readonly exec: string;
  readonly concurrency: number;
  readonly leaseMs?: number;
  readonly retryMs?: number;
  readonly rejectOn?: readonly number[];
  readonly drainMs?: number;
}

const notes = `
The command runs in a shell with the message's value on its standard input. Its environment has VARVE_QUEUE, VARVE_TOPIC,
VARVE_PARTITION, VARVE_OFFSET, VARVE_DELIVERIES, VARVE_TIMESTAMP_MS, and VARVE_KEY where there is a key (VARVE_KEY_B64
where it is no text). Exit code 0: the message is done. Any other: it is delivered again by the queue's backoff, with the
end of the command's standard error as the reason; --reject-on gives it up at once instead.

Leases are extended while a command runs. Where one is lost the command is sent SIGTERM. Ctrl-C lets running commands
finish; a second one ends them.`;

const anyExitCode = integer(1, 255);

/** Adds the command. */
export function registerWork(queue: Command, context: CliContext): void {
  const command = queue
    .command("work")
    .argument("<queue>")
    .description("run a command for each message of a queue, until Ctrl-C")
    .requiredOption("--exec <command>", "what to run for a message")
    .option("--concurrency <count>", "commands at once", integer(1, 10_000), 1)
    .option("--lease-ms <ms>", "default: the queue's", integer(1, 2 ** 31 - 1))
    .option("--retry-ms <ms>", "until a message that failed comes again", integer(0, 2 ** 31 - 1))
    .option("--reject-on <code>", "exit code that gives the message up (repeatable)", rejectCode)
    .option(
      "--drain-ms <ms>",
      "after Ctrl-C: how long commands may run on",
      integer(0, 2 ** 31 - 1),
    )
    .action((name: string, options: WorkOptions) => work(name, options, context));
  addServerOptions(command);
  addExamples(
    command,
    "varve queue work thumbnails --exec 'convert - -resize 200 \"out/$VARVE_KEY.png\"' --concurrency 4",
    "varve queue work mail --exec ./send-mail.sh --reject-on 64",
  ).addHelpText("after", notes);
}

function rejectCode(text: string, previous: readonly number[] = []): readonly number[] {
  return [...previous, anyExitCode(text)];
}

async function work(name: string, options: WorkOptions, context: CliContext): Promise<void> {
  const { stop, stderr } = context.io;
  const { leaseMs, retryMs, drainMs } = options;
  const client = await newClient(context, options);
  try {
    // A worker waits for a server that is away; somebody who has just typed the command had better hear of it.
    const queue = await client.queues.describe(name, stop);
    const run = new WorkRun(name, options, context);
    const worker = client.worker({
      queue: name,
      concurrency: options.concurrency,
      leaseMs: leaseMs ?? queue.leaseMs,
      ...(retryMs === undefined ? {} : { backoff: retryMs }),
      handler: (message, handling) => run.handle(message, handling),
      onFailure: (failure) => run.tell(failure, worker),
    });
    const end = (): void => void worker.stop(drainMs === undefined ? {} : { deadlineMs: drainMs });
    stop.addEventListener("abort", end);
    if (stop.aborted) end();
    try {
      await worker.run();
    } finally {
      stop.removeEventListener("abort", end);
      stderr.write(`${summary(worker)}\n`);
    }
    if (run.outputFailure !== null) throw run.outputFailure;
  } finally {
    await client.close();
  }
  if (stop.aborted) context.exitCode = exitCode.stopped;
}

function summary({ counts }: Worker): string {
  const { acked, nacked, rejected, lost } = counts;
  return `done ${acked}, to come again ${nacked}, given up ${rejected}, lost ${lost}`;
}

class WorkRun {
  readonly #queue: string;
  readonly #options: WorkOptions;
  readonly #context: CliContext;
  /** Nobody takes the commands' output any more. */
  outputFailure: unknown = null;

  constructor(queue: string, options: WorkOptions, context: CliContext) {
    this.#queue = queue;
    this.#options = options;
    this.#context = context;
  }

  async handle(message: QueueMessage, { signal }: HandlerContext): Promise<void> {
    const { exec, rejectOn = [] } = this.#options;
    const { out, io } = this.#context;
    const end = await runCommand({
      command: exec,
      stdin: message.value,
      environment: environmentOf(this.#queue, message),
      signal,
      write: (chunk) => this.#write(() => out.write(chunk)),
      stderr: io.stderr,
    });
    if (end.code === 0) return;
    const reason = reasonOf(end);
    if (end.code !== null && rejectOn.includes(end.code)) throw new Rejection(reason);
    throw new Error(reason);
  }

  tell({ stage, error, message }: WorkerFailure, worker: Worker): void {
    if (this.outputFailure !== null) {
      void worker.stop();
      return;
    }
    const where =
      message === null ? "" : `${message.topic}:${message.partition}:${message.offset}: `;
    const what = stage === "handler" ? firstLine(error) : messageOf(error);
    this.#context.io.stderr.write(`varve: ${where}${what}\n`);
  }

  async #write(write: () => Promise<void>): Promise<void> {
    try {
      await write();
    } catch (error) {
      this.outputFailure = error instanceof OutputClosed ? error : (this.outputFailure ?? error);
      throw error;
    }
  }
}

// Its standard error has been shown already.
function firstLine(error: unknown): string {
  return messageOf(error).split("\n")[0]?.split(": ")[0] ?? "";
}

function reasonOf({ code, signal, errorTail }: CommandEnd): string {
  const how = code === null ? `ended by ${signal}` : `exit code ${code}`;
  return errorTail === "" ? how : `${how}: ${errorTail}`;
}

function environmentOf(
  queue: string,
  message: QueueMessage,
): Readonly<Record<string, string | undefined>> {
  return {
    ...processEnvironment(),
    VARVE_QUEUE: queue,
    VARVE_TOPIC: message.topic,
    VARVE_PARTITION: String(message.partition),
    VARVE_OFFSET: String(message.offset),
    VARVE_DELIVERIES: String(message.deliveries),
    VARVE_TIMESTAMP_MS: String(message.timestampMs),
    ...keyVariables(message.key),
  };
}

// An environment cannot hold a zero byte. Undefined takes away what a worker around this one may have set.
function keyVariables(key: Uint8Array | null): Readonly<Record<string, string | undefined>> {
  const none = { VARVE_KEY: undefined, VARVE_KEY_B64: undefined };
  if (key === null) return none;
  const bytes = Buffer.from(key);
  if (isUtf8(key) && !key.includes(0)) return { ...none, VARVE_KEY: bytes.toString("utf8") };
  return { ...none, VARVE_KEY_B64: bytes.toString("base64") };
}

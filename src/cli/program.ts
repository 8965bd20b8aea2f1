// The `varve` command: its verbs, and how a run of one ends.

import { Command } from "commander";
import type { CliContext, CliIo } from "./context.ts";
import { endingOf, exitCodeHelp, OutputClosed } from "./exit.ts";
import { Output } from "./output.ts";

interface Verb {
  readonly name: string;
  readonly description: string;
  readonly load: () => Promise<(program: Command, context: CliContext) => void>;
}

const verbs: readonly Verb[] = [
  {
    name: "topic",
    description: "create, look at, change and delete topics",
    load: async () => (await import("./commands/topic.ts")).registerTopic,
  },
  {
    name: "produce",
    description: "append the lines of a file to a topic",
    load: async () => (await import("./commands/produce.ts")).registerProduce,
  },
  {
    name: "consume",
    description: "print the records of a topic",
    load: async () => (await import("./commands/consume.ts")).registerConsume,
  },
  {
    name: "group",
    description: "look at, move and delete consumer groups",
    load: async () => (await import("./commands/group.ts")).registerGroup,
  },
  {
    name: "queue",
    description: "set up work queues, send to them, work through them",
    load: async () => (await import("./commands/queue.ts")).registerQueue,
  },
  {
    name: "dump",
    description: "show batches, records and index entries of files, without a server",
    load: async () => (await import("./commands/dump.ts")).registerDump,
  },
  {
    name: "check",
    description: "verify segment files without a server",
    load: async () => (await import("./commands/check.ts")).registerCheck,
  },
  {
    name: "backup",
    description: "make a consistent copy of all data, while the server runs or of a stopped one",
    load: async () => (await import("./commands/backup.ts")).registerBackup,
  },
  {
    name: "restore",
    description: "verify a backup and make a data directory of it",
    load: async () => (await import("./commands/restore.ts")).registerRestore,
  },
  {
    name: "serve",
    description: "serve a data directory over HTTP until told to stop",
    load: async () => (await import("./commands/serve.ts")).registerServe,
  },
];

/**
 * Runs one command.
 *
 * @param argv Its words, without node and script.
 * @param io   Streams, the wish to stop, and time.
 * @returns    The exit code, once all output has been taken.
 */
export async function run(argv: readonly string[], io: CliIo): Promise<number> {
  const context: CliContext = { io, out: new Output(io.stdout), exitCode: 0 };
  // A reader of complaints that has gone must not end the command.
  io.stderr.on("error", () => undefined);
  try {
    const program = buildProgram(context);
    await addVerbs(program, argv, context);
    await program.parseAsync([...argv], { from: "user" });
    await context.out.flush();
    return context.exitCode;
  } catch (error) {
    const { exitCode, line } = endingOf(error);
    if (line !== null) io.stderr.write(`${line}\n`);
    if (!(error instanceof OutputClosed)) await context.out.flush().catch(() => undefined);
    return exitCode;
  }
}

function buildProgram(context: CliContext): Command {
  const { stdout, stderr } = context.io;
  const program = new Command("varve")
    .description("An append-only partitioned log server: run it, fill it, read it, look inside.")
    .showSuggestionAfterError(true)
    .exitOverride()
    .configureOutput({
      writeOut: (text) => stdout.write(text),
      writeErr: (text) => stderr.write(text),
      outputError: (text, write) => write(usageLine(text)),
    })
    .addHelpText("after", `${exitCodeHelp}\n\nExample:\n  varve produce logs /var/log/syslog`);
  return program;
}

/** Adds the verbs; only those that are named are loaded, for loading takes longer than most of them work. */
async function addVerbs(program: Command, argv: readonly string[], context: CliContext) {
  for (const { name, description, load } of verbs) {
    if (argv.includes(name)) (await load())(program, context);
    else program.command(name).description(description);
  }
}

/** Commander's complaint as one line that says where to read on. */
function usageLine(text: string): string {
  const complaint = text
    .trim()
    .replace(/^error: /, "")
    .replaceAll(/\s*\n\s*/g, " ");
  return `varve: ${complaint}; see --help\n`;
}

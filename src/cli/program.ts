// The `varve` command: its verbs, and how a run of one ends.

import { Command } from "commander";
import { registerCheck } from "./commands/check.ts";
import { registerConsume } from "./commands/consume.ts";
import { registerDump } from "./commands/dump.ts";
import { registerGroup } from "./commands/group.ts";
import { registerProduce } from "./commands/produce.ts";
import { registerTopic } from "./commands/topic.ts";
import type { CliContext, CliIo } from "./context.ts";
import { endingOf, exitCodeHelp, OutputClosed } from "./exit.ts";
import { Output } from "./output.ts";

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
    await registerServe(program, argv);
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
  registerTopic(program, context);
  registerProduce(program, context);
  registerConsume(program, context);
  registerGroup(program, context);
  registerDump(program, context);
  registerCheck(program, context);
  return program;
}

/** Loading the server takes longer than most commands do: only those that need it wait for it. */
async function registerServe(program: Command, argv: readonly string[]): Promise<void> {
  if (argv.includes("serve")) {
    const serve = await import("./commands/serve.ts");
    serve.registerServe(program);
  } else {
    program.command("serve").description("serve a data directory over HTTP until told to stop");
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

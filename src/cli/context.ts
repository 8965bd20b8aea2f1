// What every command is given: streams, the wish to stop, time; and the options that name a server.

import type { Readable, Writable } from "node:stream";
import { type Command, InvalidArgumentError, Option } from "commander";
import type { Clock } from "../base/clock.ts";
import type { VarveClient } from "../client/client.ts";
import type { Output } from "./output.ts";

/** The world outside of a command. */
export interface CliIo {
  readonly stdin: Readable;
  readonly stdout: Writable;
  readonly stderr: Writable;
  /** Aborted when the user wants the command to end. */
  readonly stop: AbortSignal;
  readonly clock: Clock;
}

/** A command's surroundings while it runs. */
export interface CliContext {
  readonly io: CliIo;
  readonly out: Output;
  /** The exit code of a command that ends without an error; 0 unless set. */
  exitCode: number;
}

/** Options of commands that speak to a server. */
export interface ServerOptions {
  readonly url: string;
}

/** Adds `--url`. */
export function addServerOptions(command: Command): Command {
  const option = new Option("--url <url>", "address of the server")
    .env("VARVE_URL")
    .default("http://127.0.0.1:8082");
  return command.addOption(option);
}

/** Adds `--json`. */
export function addJsonOption(command: Command): Command {
  return command.option("--json", "print JSON", false);
}

/** Ends the help of a command with examples. */
export function addExamples(command: Command, ...examples: readonly string[]): Command {
  const lines = examples.map((example) => `  ${example}`);
  const title = examples.length === 1 ? "Example:" : "Examples:";
  return command.addHelpText("after", `\n${title}\n${lines.join("\n")}`);
}

/** A client for one command: it gives up soon, for somebody is waiting at a terminal. */
export async function newClient(context: CliContext, options: ServerOptions): Promise<VarveClient> {
  const { clock } = context.io;
  // Loaded by those who connect: help and the checks of words do without it.
  const { createClient } = await import("../client/client.ts");
  return createClient({ url: options.url, clock, clientId: "varve-cli", retriesMax: 3 });
}

/** Runs `use` with a client that is closed afterwards, and at once when the user wants to stop. */
export async function withClient<Result>(
  context: CliContext,
  options: ServerOptions,
  use: (client: VarveClient) => Promise<Result>,
): Promise<Result> {
  const { stop } = context.io;
  const client = await newClient(context, options);
  const end = (): void => void client.close();
  stop.addEventListener("abort", end);
  try {
    return await use(client);
  } finally {
    stop.removeEventListener("abort", end);
    await client.close();
  }
}

/** Makes a parser for whole numbers from `minimum` to `maximum`. */
export function integer(minimum: number, maximum: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (/^-?\d+$/.test(text) && value >= minimum && value <= maximum) return value;
    throw new InvalidArgumentError(`It must be a whole number from ${minimum} to ${maximum}.`);
  };
}

/** Collects `name=value` options into an object. */
export function pair(
  text: string,
  previous: Readonly<Record<string, string>> = {},
): Readonly<Record<string, string>> {
  const cut = text.indexOf("=");
  if (cut < 1) throw new InvalidArgumentError("It must be name=value.");
  return { ...previous, [text.slice(0, cut)]: text.slice(cut + 1) };
}

/** Collects a repeatable option into an array. */
export function repeated(text: string, previous: readonly string[] = []): readonly string[] {
  return [...previous, text];
}

/** Pretty JSON for output. */
export function jsonText(value: unknown): string {
  return `${JSON.stringify(value, null, 2)}\n`;
}

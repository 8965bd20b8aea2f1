// `varve queue send`: the lines of a file or of standard input into a work queue, in order.

import { createReadStream } from "node:fs";
import { addAbortSignal, type Readable } from "node:stream";
import type { Command } from "commander";
import type { MessageInput, VarveClient } from "../../client/client.ts";
import { isVarveError } from "../../client/errors.ts";
import {
  addExamples,
  addServerOptions,
  type CliContext,
  integer,
  pair,
  type ServerOptions,
  withClient,
} from "../context.ts";
import { CliError, exitCode, exitCodeOf, messageOf } from "../exit.ts";
import { recordsFrom } from "../record-source.ts";

interface SendOptions extends ServerOptions {
  readonly ndjson: boolean;
  readonly key?: string;
  readonly keySeparator?: string;
  readonly header?: Readonly<Record<string, string>>;
  readonly delayMs?: number;
  readonly priority?: number;
  readonly ttlMs?: number;
  readonly dedupId?: string;
  readonly skip: number;
}

const notes = `
One line is one message. With --ndjson a line is {"key", "value" | "text" | "b64", "headers", "delayMs", "deliverAtMs",
"priority", "ttlMs", "dedupId", …} as in the HTTP API; what a line says itself wins over the options.

Where every message has a dedup id, sending the same input again stores nothing twice within the queue's window. With
--dedup-id the first message has that id, and the others have it with -2, -3 and so on behind it.`;

const messagesInCall = 500;
const chunkBytes = 256 * 1024;
const countMax = 2 ** 53 - 1;

/** Adds the command. */
export function registerSend(queue: Command, context: CliContext): void {
  const command = queue
    .command("send")
    .argument("<queue>")
    .argument("[file]", "what to read; - is standard input", "-")
    .description("send the lines of a file to a queue")
    .option("--ndjson", "a line is a JSON message", false)
    .option("--key <text>", "the key of every message")
    .option("--key-separator <text>", "a line is a key, this text, and the value")
    .option("--header <name=value>", "a header for every message of lines (repeatable)", pair)
    .option("--delay-ms <ms>", "not delivered before", integer(0, countMax))
    .option("--priority <number>", "0 to 9, higher ones first", integer(0, 9))
    .option("--ttl-ms <ms>", "not delivered after", integer(1, countMax))
    .option("--dedup-id <id>", "not stored again within the queue's window")
    .option("--skip <count>", "leave out messages at the beginning", integer(0, countMax), 0)
    .action((name: string, file: string, options: SendOptions) =>
      withClient(context, options, async (client) => {
        const input =
          file === "-" ? context.io.stdin : createReadStream(file, { highWaterMark: chunkBytes });
        await new SendRun(name, client, { options, context }).run(input);
      }),
    );
  addServerOptions(command);
  addExamples(
    command,
    "ls *.png | varve queue send thumbnails",
    "echo 42 | varve queue send reminders --delay-ms 60000",
    "varve queue send orders orders.ndjson --ndjson",
  ).addHelpText("after", notes);
}

class SendRun {
  readonly #queue: string;
  readonly #client: VarveClient;
  readonly #options: SendOptions;
  readonly #context: CliContext;
  #sent = 0;
  /** Of the call under way. */
  #underWay = 0;

  constructor(
    queue: string,
    client: VarveClient,
    { options, context }: { readonly options: SendOptions; readonly context: CliContext },
  ) {
    this.#queue = queue;
    this.#client = client;
    this.#options = options;
    this.#context = context;
  }

  async run(input: Readable): Promise<void> {
    const { ndjson, keySeparator = null, header = {}, skip } = this.#options;
    const { stop, stderr } = this.#context.io;
    addAbortSignal(stop, input);
    const format = ndjson ? "messages" : "lines";
    try {
      const source = { format, keySeparator, headers: header, skip } as const;
      for await (const { records } of recordsFrom(input, source)) await this.#send(records);
    } catch (error) {
      throw this.#failure(error);
    }
    stderr.write(`sent ${this.#sent} messages\n`);
  }

  async #send(messages: readonly MessageInput[]): Promise<void> {
    for (let start = 0; start < messages.length; start += messagesInCall) {
      const part = messages.slice(start, start + messagesInCall);
      this.#underWay = part.length;
      const first = this.#options.skip + this.#sent;
      await this.#client.queues.send(
        this.#queue,
        part.map((message, index) => this.#withOptions(message, first + index + 1)),
        { signal: this.#context.io.stop },
      );
      this.#sent += part.length;
      this.#underWay = 0;
    }
  }

  #withOptions(message: MessageInput, number: number): MessageInput {
    const { key = null, delayMs, priority, ttlMs, dedupId } = this.#options;
    const id = dedupId === undefined || number === 1 ? dedupId : `${dedupId}-${number}`;
    const isDelayed = delayMs !== undefined && message.deliverAtMs === undefined;
    return {
      ...(isDelayed ? { delayMs } : {}),
      ...(priority === undefined ? {} : { priority }),
      ...(ttlMs === undefined ? {} : { ttlMs }),
      ...(id === undefined ? {} : { dedupId: id }),
      ...message,
      key: message.key ?? key,
    };
  }

  #failure(error: unknown): CliError {
    const { stop } = this.#context.io;
    const what = stop.aborted
      ? "stopped"
      : error instanceof CliError
        ? error.message
        : messageOf(error);
    const code = stop.aborted
      ? exitCode.stopped
      : error instanceof CliError
        ? error.exitCode
        : exitCodeOf(error);
    const isDoubtful = isVarveError(error) && error.mayHaveApplied && this.#underWay > 0;
    const doubt = isDoubtful ? `; ${this.#underWay} more may be in it` : "";
    const done = this.#options.skip + this.#sent;
    const isAny = this.#sent > 0 || isDoubtful;
    const resume = `; the first ${done} messages are in the queue, resume with --skip ${done}`;
    return new CliError(code, `varve: ${what}${isAny ? resume : ""}${doubt}`);
  }
}

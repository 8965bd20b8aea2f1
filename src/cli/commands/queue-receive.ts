// `varve queue receive`: a look at the next messages of a work queue, or taking them off it.

import type { Command } from "commander";
import type { QueueMessage } from "../../client/client.ts";
import {
  addExamples,
  addJsonOption,
  addServerOptions,
  type CliContext,
  integer,
  type ServerOptions,
  withClient,
} from "../context.ts";
import { CliError, exitCode } from "../exit.ts";
import { arrayJson, RecordPrinter, recordJson } from "../record-printer.ts";

interface ReceiveOptions extends ServerOptions {
  readonly max: number;
  readonly waitMs: number;
  readonly leaseMs?: number;
  readonly ack: boolean;
  readonly printKey: boolean;
  readonly json: boolean;
}

const notes = `
Without --ack the messages stay leased to this receiver, and are delivered again when the lease is over; --json shows
their receipts, with which POST /v1/queues/{queue}/settle takes an answer. With --ack they are done once they are
printed.`;

/** Adds the command. */
export function registerReceive(queue: Command, context: CliContext): void {
  const command = queue
    .command("receive")
    .argument("<queue>")
    .description("print the next messages of a queue")
    .option("--max <count>", "messages at most", integer(1, 1_000), 10)
    .option("--wait-ms <ms>", "how long to wait while there are none", integer(0, 60_000), 0)
    .option("--lease-ms <ms>", "default: the queue's", integer(1, 2 ** 31 - 1))
    .option("--ack", "take them off the queue once they are printed", false)
    .option("--print-key", "print the key and a tab before the value", false)
    .action((name: string, options: ReceiveOptions) => receive(name, options, context));
  addJsonOption(addServerOptions(command));
  addExamples(
    command,
    "varve queue receive thumbnails --max 1 --json",
    "varve queue receive thumbnails --ack --wait-ms 20000",
  ).addHelpText("after", notes);
}

async function receive(name: string, options: ReceiveOptions, context: CliContext): Promise<void> {
  const { max, waitMs, leaseMs } = options;
  await withClient(context, options, async (client) => {
    const messages = await client.queues.receive(name, {
      max,
      waitMs,
      ...(leaseMs === undefined ? {} : { leaseMs }),
    });
    await context.out.write(
      options.json ? arrayJson(messages.map(messageJson)) : text(messages, options),
    );
    if (messages.length === 0) {
      context.io.stderr.write("no messages\n");
      return;
    }
    if (!options.ack) return;
    // Only what the reader's side has taken may be taken off.
    await context.out.flush();
    const results = await client.queues.settle(
      name,
      { ack: messages.map(({ receipt }) => receipt) },
      { retryUnknown: false },
    );
    const refused = results.filter(({ ok }) => !ok).length;
    if (refused === 0) return;
    const say = `the leases of ${refused} messages were over before they could be acknowledged`;
    throw new CliError(exitCode.failed, `varve: ${say}; they will be delivered again`);
  });
}

function text(messages: readonly QueueMessage[], { printKey }: ReceiveOptions): Uint8Array {
  const printer = new RecordPrinter({
    format: "value",
    withKey: printKey,
    keySeparator: "\t",
    delimiter: "\n",
    isDelimiterLast: true,
    nullText: "",
  });
  return printer.print(messages);
}

function messageJson(message: QueueMessage): string {
  const { receipt, deliveries } = message;
  const head = `{"receipt":${JSON.stringify(receipt)},"deliveries":${deliveries}`;
  return `${head},${recordJson(message).slice(1)}`;
}

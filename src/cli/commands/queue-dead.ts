// `varve queue dead` and `varve queue redrive`: the messages that were given up, shown and put back.

import { type Command, InvalidArgumentError } from "commander";
import type { DeadLetter, PartitionOffset, VarveClient } from "../../client/client.ts";
import {
  addExamples,
  addJsonOption,
  addServerOptions,
  type CliContext,
  integer,
  type ServerOptions,
  withClient,
} from "../context.ts";
import { arrayJson, recordJson } from "../record-printer.ts";
import { type Cell, textTable } from "../text-table.ts";

interface DeadOptions extends ServerOptions {
  readonly from?: string;
  readonly max: number;
  readonly json: boolean;
}

interface RedriveOptions extends ServerOptions {
  readonly max?: number;
  readonly offset?: readonly PartitionOffset[];
}

const countMax = 2 ** 53 - 1;
const previewLength = 40;

/** Adds `dead`. */
export function registerDead(queue: Command, context: CliContext): void {
  const command = queue
    .command("dead")
    .argument("<queue>")
    .description("show dead letters that were not put back")
    .option("--from <position>", "where to begin: earliest, or 0:17,1:4")
    .option("--max <count>", "letters at most", integer(1, countMax), 100)
    .action((name: string, options: DeadOptions) =>
      withClient(context, options, async (client) => {
        const { letters, next } = await lettersOf(client, name, options);
        if (options.json) await context.out.write(arrayJson(letters.map(letterJson)));
        else await context.out.write(textTable(headings, letters.map(rowOf)));
        if (next !== null) context.io.stderr.write(`there may be more: --from ${next}\n`);
      }),
    );
  addJsonOption(addServerOptions(command));
  addExamples(command, "varve queue dead thumbnails", "varve queue dead thumbnails --json");
}

/** Adds `redrive`. */
export function registerRedrive(queue: Command, context: CliContext): void {
  const command = queue
    .command("redrive")
    .argument("<queue>")
    .description("put dead letters back into the queue, once each")
    .option("--max <count>", "only the oldest so many", integer(1, countMax))
    .option(
      "--offset <partition:offset>",
      "only this one, as 'queue dead' shows it (repeatable)",
      place,
    )
    .action((name: string, options: RedriveOptions) =>
      withClient(context, options, async (client) => {
        const { max, offset } = options;
        const count = await client.queues.redrive(name, {
          ...(max === undefined ? {} : { max }),
          ...(offset === undefined ? {} : { offsets: offset }),
        });
        await context.out.line(`redriven ${count} messages`);
      }),
    );
  addServerOptions(command);
  addExamples(
    command,
    "varve queue redrive thumbnails",
    "varve queue redrive thumbnails --offset 0:17 --offset 0:19",
  );
}

async function lettersOf(
  client: VarveClient,
  name: string,
  options: DeadOptions,
): Promise<{ readonly letters: readonly DeadLetter[]; readonly next: string | null }> {
  const letters: DeadLetter[] = [];
  let from = options.from ?? "earliest";
  while (letters.length < options.max) {
    const maxRecords = options.max - letters.length;
    const reply = await client.queues.dead(name, { from, maxRecords });
    letters.push(...reply.messages);
    from = reply.next;
    if (reply.messages.length === 0) return { letters, next: null };
  }
  return { letters, next: from };
}

const headings = ["LETTER", "FROM", "DELIVERIES", "DIED AT", "REASON", "VALUE"];

function rowOf(letter: DeadLetter): readonly Cell[] {
  const { topic, partition, offset } = letter.original;
  return [
    `${letter.partition}:${letter.offset}`,
    topic === null ? null : `${topic}:${partition}:${offset}`,
    letter.deliveries,
    letter.deadAtMs === null ? null : new Date(letter.deadAtMs).toISOString(),
    letter.reason === null ? null : preview(letter.reason),
    letter.value === null ? null : preview(Buffer.from(letter.value).toString("utf8")),
  ];
}

/** The beginning of a text, fit for a cell of a terminal. */
function preview(text: string): string {
  const plain = text.replaceAll(/[\s\p{Cc}]+/gu, " ").trim();
  return plain.length <= previewLength ? plain : `${plain.slice(0, previewLength - 1)}…`;
}

function letterJson(letter: DeadLetter): string {
  const { original, deliveries, reason, deadAtMs } = letter;
  const story = JSON.stringify({ original, deliveries, reason, deadAtMs });
  return `${recordJson(letter).slice(0, -1)},${story.slice(1)}`;
}

function place(
  text: string,
  previous: readonly PartitionOffset[] = [],
): readonly PartitionOffset[] {
  const [, partition, offset] = /^(\d+):(\d+)$/.exec(text) ?? [];
  if (offset === undefined) throw new InvalidArgumentError("It must be partition:offset.");
  return [...previous, { partition: Number(partition), offset: Number(offset) }];
}

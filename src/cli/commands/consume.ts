// `varve consume`: the records of a topic to standard output, alone or as a member of a group.

import { type Command, InvalidArgumentError, Option } from "commander";
import type { Clock, Timer } from "../../base/clock.ts";
import type { ConsumedRecord, GroupRecord, Isolation, VarveClient } from "../../client/client.ts";
import {
  addExamples,
  addServerOptions,
  type CliContext,
  integer,
  newClient,
  type ServerOptions,
} from "../context.ts";
import { CliError, exitCode } from "../exit.ts";
import { type PrintFormat, printFormats, RecordPrinter } from "../record-printer.ts";

interface ConsumeOptions extends ServerOptions {
  readonly from: string;
  readonly partition?: number;
  readonly follow: boolean;
  readonly group?: string;
  readonly isolation?: Isolation;
  readonly idleMs: number;
  readonly max: number;
  readonly format: PrintFormat;
  readonly printKey: boolean;
  readonly keySeparator: string;
  readonly nullDelimiter: boolean;
  readonly finalNewline: boolean;
  readonly nullText: string;
}

const notes = `
Positions for --from: earliest, latest, an offset, -N (the last N of each partition), @<milliseconds>, @<ISO 8601>.
Without --follow the partitions come one after the other, up to the end as it was at the start. A member of a group
begins at the committed offset, commits what has been written out, and stops when nothing has come for --idle-ms.`;

const positionPattern = /^(earliest|latest|\d+|-\d+|@.+)$/;

/** Adds the command. */
export function registerConsume(program: Command, context: CliContext): void {
  const command = program
    .command("consume")
    .argument("<topic>")
    .description("print the records of a topic")
    .option("--from <position>", "where to begin", position, "earliest")
    .option("--partition <number>", "only this partition", integer(0, 2 ** 31 - 1))
    .option("--follow", "go on with what is appended later", false)
    .addOption(
      new Option("--until-end", "stop at the end as it was at the start (the default)").conflicts(
        "follow",
      ),
    )
    .option("--group <group>", "read as a member of this consumer group")
    .option("--idle-ms <ms>", "with --group: stop after this silence", integer(1, 2 ** 31), 3_000)
    .addOption(
      new Option(
        "--isolation <level>",
        "records of transactions: committed ones only (the default), or all",
      ).choices(["read_committed", "read_uncommitted"]),
    )
    .option("--max <count>", "stop after so many records", integer(1, 2 ** 53 - 1), Infinity)
    .addOption(
      new Option("--format <format>", "raw values, records as JSON, or values encoded")
        .choices(printFormats)
        .default("value"),
    )
    .option("--print-key", "print the key before the value", false)
    .option("--key-separator <text>", "between key and value", "\t")
    .option("--null-delimiter", "end records with a zero byte instead of a newline", false)
    .option("--no-final-newline", "put the newline between records, not behind the last")
    .option("--null-text <text>", "printed for a null key or value", "")
    .action((topic: string, options: ConsumeOptions) => consume(topic, options, context));
  addServerOptions(command);
  addExamples(
    command,
    "varve consume logs > logs.txt",
    "varve consume logs --from -10 --follow",
    "varve consume orders --from @2024-05-01T00:00:00Z --format ndjson",
    "varve consume orders --group billing --follow",
  ).addHelpText("after", notes);
}

function position(text: string): string {
  if (positionPattern.test(text)) return text;
  throw new InvalidArgumentError("It must be earliest, latest, an offset, -N or @<time>.");
}

async function consume(topic: string, options: ConsumeOptions, context: CliContext): Promise<void> {
  const { stop } = context.io;
  const printer = new RecordPrinter({
    format: options.format,
    withKey: options.printKey,
    keySeparator: options.keySeparator,
    delimiter: options.nullDelimiter ? "\0" : "\n",
    isDelimiterLast: options.finalNewline,
    nullText: options.nullText,
  });
  const client = await newClient(context, options);
  try {
    const run = { topic, options, context, client, printer };
    if (options.group === undefined) await consumeAlone(run);
    else await consumeInGroup(run, options.group);
    await context.out.write(printer.end());
    await context.out.flush();
  } finally {
    await client.close();
  }
  if (stop.aborted) context.exitCode = exitCode.stopped;
}

interface ConsumeRun {
  readonly topic: string;
  readonly options: ConsumeOptions;
  readonly context: CliContext;
  readonly client: VarveClient;
  readonly printer: RecordPrinter;
}

async function consumeAlone(run: ConsumeRun): Promise<void> {
  const { topic, options, context, client } = run;
  const { partition, from, follow } = options;
  const records = client.consume({
    topic,
    from,
    follow,
    ...(partition === undefined ? {} : { partition }),
    ...isolationOf(options),
    signal: context.io.stop,
  });
  let left = options.max;
  for await (const batch of records.batches()) {
    await print(run, batch.length > left ? batch.slice(0, left) : batch);
    left -= batch.length;
    if (left <= 0) break;
  }
}

async function consumeInGroup(run: ConsumeRun, group: string): Promise<void> {
  const { topic, options, context, client } = run;
  const { from } = options;
  if (options.partition !== undefined || (from !== "earliest" && from !== "latest")) {
    const say = "a group shares out partitions and begins at committed offsets";
    throw new CliError(
      exitCode.usage,
      `varve: ${say}: leave out --partition, and give --from earliest or latest`,
    );
  }
  const idle = options.follow ? null : new IdleStop(context.io.clock, options.idleMs);
  const stop = idle === null ? context.io.stop : AbortSignal.any([context.io.stop, idle.signal]);
  const seen = isolationOf(options);
  const consumer = client.consumer({ group, topics: [topic], from, ...seen, signal: stop });
  let left = options.max;
  try {
    idle?.touch();
    for await (const batch of consumer.batches()) {
      idle?.hold();
      const printed = batch.length > left ? batch.slice(0, left) : batch;
      await print(run, printed);
      // Only what the reader's side has taken may be committed when the next batch is asked for.
      await context.out.flush();
      left -= batch.length;
      if (left <= 0) {
        await consumer.commit(nextOffsets(printed));
        break;
      }
      idle?.touch();
    }
  } finally {
    idle?.hold();
  }
}

function isolationOf({ isolation }: ConsumeOptions): Pick<ConsumeOptions, "isolation"> {
  return isolation === undefined ? {} : { isolation };
}

async function print(run: ConsumeRun, records: readonly ConsumedRecord[]): Promise<void> {
  await run.context.out.write(run.printer.print(records));
}

/** For each partition the offset after its last record. */
function nextOffsets(records: readonly GroupRecord[]) {
  const next = new Map<string, { topic: string; partition: number; offset: number }>();
  for (const { topic, partition, offset } of records) {
    next.set(`${partition}/${topic}`, { topic, partition, offset: offset + 1 });
  }
  return [...next.values()];
}

/** Ends a member that has had nothing to do for a while. */
class IdleStop {
  readonly #clock: Clock;
  readonly #idleMs: number;
  readonly #stop = new AbortController();
  #timer: Timer | null = null;

  constructor(clock: Clock, idleMs: number) {
    this.#clock = clock;
    this.#idleMs = idleMs;
  }

  get signal(): AbortSignal {
    return this.#stop.signal;
  }

  /** Begins to count anew. */
  touch(): void {
    this.hold();
    this.#timer = this.#clock.after(this.#idleMs, () => this.#stop.abort());
  }

  /** Stops counting. */
  hold(): void {
    this.#timer?.cancel();
    this.#timer = null;
  }
}

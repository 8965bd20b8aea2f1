// `varve queue`: create, list, describe and delete work queues; the commands for messages are beside this file.

import { type Command, InvalidArgumentError, Option } from "commander";
import type { QueueDetails, QueueSettings } from "../../client/client.ts";
import {
  addExamples,
  addJsonOption,
  addServerOptions,
  type CliContext,
  integer,
  jsonText,
  type ServerOptions,
  withClient,
} from "../context.ts";
import { CliError, exitCode } from "../exit.ts";
import { textTable } from "../text-table.ts";
import { registerDead, registerRedrive } from "./queue-dead.ts";
import { registerReceive } from "./queue-receive.ts";
import { registerSend } from "./queue-send.ts";
import { registerWork } from "./queue-work.ts";

// Commander has no null for an option's value.
type Limit = number | "none";

interface CreateOptions
  extends ServerOptions,
    Omit<QueueSettings, "backoff" | "maxDepth" | "maxBytes" | "rate" | "concurrency"> {
  readonly maxDepth?: Limit;
  readonly maxBytes?: Limit;
  readonly rate?: Limit;
  readonly concurrency?: Limit;
  readonly json: boolean;
  readonly backoff?: "fixed" | "exponential";
  readonly backoffMs?: number;
  readonly backoffMaxMs?: number;
  readonly backoffJitter?: number;
}

type ShowOptions = ServerOptions & { readonly json: boolean };

const countMax = 2 ** 53 - 1;
const milliseconds = integer(0, countMax);
const atLeastOne = integer(1, countMax);

/** Adds the command. */
export function registerQueue(program: Command, context: CliContext): void {
  const queue = program
    .command("queue")
    .description("set up work queues, send to them, work through them");
  registerCreate(queue, context);
  registerList(queue, context);
  registerDescribe(queue, context);
  registerDelete(queue, context);
  registerSend(queue, context);
  registerReceive(queue, context);
  registerWork(queue, context);
  registerDead(queue, context);
  registerRedrive(queue, context);
}

function registerCreate(queue: Command, context: CliContext): void {
  const command = queue
    .command("create")
    .argument("<queue>")
    .description("create a queue, or change the settings given of one that exists")
    .option("--topic <topic>", "where its messages are (default: the queue's name)")
    .option("--dead-letter-topic <topic>", "for what is given up (default: the name and .dead)")
    .option("--lease-ms <ms>", "how long a receiver has for a message", atLeastOne)
    .option("--max-deliveries <count>", "given up after so many", atLeastOne);
  addRetryOptions(command);
  addBoundOptions(command);
  command.action((name: string, options: CreateOptions) => {
    const settings = settingsOf(options);
    return withClient(context, options, async (client) => {
      const { isNew, ...details } = await client.queues.put(name, settings);
      const isSame = Object.keys(settings).length === 0;
      const text = `queue ${name} ${isNew ? "created" : isSame ? "exists already" : "changed"}\n`;
      await context.out.write(options.json ? jsonText(details) : text);
    });
  });
  addJsonOption(addServerOptions(command));
  addExamples(
    command,
    "varve queue create thumbnails --lease-ms 60000 --max-deliveries 3",
    "varve queue create mail --topic orders --backoff exponential --backoff-ms 1000 --backoff-max-ms 60000",
    "varve queue create frames --max-depth 100 --overflow drop-oldest",
  );
}

function addRetryOptions(command: Command): void {
  command
    .addOption(
      new Option(
        "--backoff <type>",
        "wait before a message that failed is delivered again",
      ).choices(["fixed", "exponential"]),
    )
    .option("--backoff-ms <ms>", "with --backoff: the wait, or the first one", milliseconds)
    .option("--backoff-max-ms <ms>", "with --backoff: the longest wait", milliseconds)
    .option(
      "--backoff-jitter <share>",
      "with --backoff: share of it drawn at random, 0 to 1",
      share,
    )
    .addOption(
      new Option("--order <order>", "key: messages of one key one by one, in order").choices([
        "none",
        "key",
      ]),
    )
    .addOption(
      new Option("--from <position>", "where a new queue begins in its topic").choices([
        "earliest",
        "latest",
      ]),
    );
}

function addBoundOptions(command: Command): void {
  command
    .addOption(
      new Option("--expired <fate>", "what becomes of messages that expire").choices([
        "dead-letter",
        "drop",
      ]),
    )
    .option("--max-depth <count>", "most messages not settled, or none", limit(atLeastOne))
    .option("--max-bytes <bytes>", "most bytes not settled, or none", limit(atLeastOne))
    .addOption(
      new Option("--overflow <fate>", "at a bound: refuse senders, or let the oldest go").choices([
        "reject",
        "drop-oldest",
        "dead-letter",
      ]),
    )
    .option("--rate <count>", "most deliveries a second, or none", limit(positive))
    .option("--concurrency <count>", "most messages in flight, or none", limit(atLeastOne))
    .option("--dedup-window-ms <ms>", "how long a dedup id is remembered", milliseconds);
}

const settingNames = [
  "topic",
  "deadLetterTopic",
  "leaseMs",
  "maxDeliveries",
  "order",
  "from",
  "expired",
  "maxDepth",
  "maxBytes",
  "overflow",
  "rate",
  "concurrency",
  "dedupWindowMs",
] as const satisfies readonly (keyof QueueSettings)[];

function settingsOf(options: CreateOptions): QueueSettings {
  const given = settingNames.filter((name) => options[name] !== undefined);
  const settings = Object.fromEntries(
    given.map((name) => [name, options[name] === "none" && isLimit(name) ? null : options[name]]),
  );
  const { backoff, backoffMs, backoffMaxMs, backoffJitter } = options;
  const isAny = [backoff, backoffMs, backoffMaxMs, backoffJitter].some((one) => one !== undefined);
  if (!isAny) return settings;
  if (backoffMs === undefined) {
    throw new CliError(exitCode.usage, "varve: a backoff needs --backoff-ms");
  }
  return {
    ...settings,
    backoff: {
      type: backoff ?? "fixed",
      baseMs: backoffMs,
      ...(backoffMaxMs === undefined ? {} : { maxMs: backoffMaxMs }),
      ...(backoffJitter === undefined ? {} : { jitter: backoffJitter }),
    },
  };
}

function isLimit(name: string): boolean {
  return ["maxDepth", "maxBytes", "rate", "concurrency"].includes(name);
}

function limit(parse: (text: string) => number): (text: string) => Limit {
  return (text) => (text === "none" ? text : parse(text));
}

function positive(text: string): number {
  const value = Number(text);
  if (/^\d+(\.\d+)?$/.test(text) && value > 0) return value;
  throw new InvalidArgumentError("It must be a number above 0, or none.");
}

function share(text: string): number {
  const value = Number(text);
  if (/^\d+(\.\d+)?$/.test(text) && value <= 1) return value;
  throw new InvalidArgumentError("It must be a number from 0 to 1.");
}

function registerList(queue: Command, context: CliContext): void {
  const command = queue
    .command("list")
    .description("list queues with what is in them")
    .action((options: ShowOptions) =>
      withClient(context, options, async (client) => {
        const queues = await client.queues.list();
        const rows = queues.map((one) => [
          one.queue,
          one.topic,
          one.depth,
          one.inFlight,
          one.delayed,
          one.dead,
          one.oldestAgeMs,
        ]);
        const headings = ["QUEUE", "TOPIC", "DEPTH", "IN FLIGHT", "DELAYED", "DEAD", "OLDEST MS"];
        await context.out.write(options.json ? jsonText(queues) : textTable(headings, rows));
      }),
    );
  addJsonOption(addServerOptions(command));
  addExamples(command, "varve queue list");
}

function registerDescribe(queue: Command, context: CliContext): void {
  const command = queue
    .command("describe")
    .argument("<queue>")
    .description("show a queue's counts and settings")
    .action((name: string, options: ShowOptions) =>
      withClient(context, options, async (client) => {
        const found = await client.queues.describe(name);
        await context.out.write(options.json ? jsonText(found) : describeText(found));
      }),
    );
  addJsonOption(addServerOptions(command));
  addExamples(command, "varve queue describe thumbnails");
}

function describeText({ queue, backoff, ...found }: QueueDetails): string {
  const isSetting = (name: string): boolean => settingNames.some((one) => one === name);
  const entries = Object.entries(found).map(
    ([name, value]) => [name, value as string | number | null] as const,
  );
  const counts = entries.filter(([name]) => !isSetting(name));
  const { type, baseMs, maxMs, jitter } = backoff;
  const wait = type === "fixed" ? `${baseMs} ms` : `${baseMs} to ${maxMs} ms`;
  const settings = [
    ...entries.filter(([name]) => isSetting(name)),
    ["backoff", `${type}, ${wait}${jitter > 0 ? `, jitter ${jitter}` : ""}`] as const,
  ].map(([name, value]) => [name, value === null ? "none" : String(value)]);
  return `${queue}\n\n${textTable(["COUNT", ""], counts)}\n${textTable(["SETTING", "VALUE"], settings)}`;
}

function registerDelete(queue: Command, context: CliContext): void {
  const command = queue
    .command("delete")
    .argument("<queues...>")
    .description("forget queues; their topics stay")
    .action((names: readonly string[], options: ServerOptions) =>
      withClient(context, options, async (client) => {
        for (const name of names) {
          await client.queues.delete(name);
          await context.out.line(`queue ${name} deleted`);
        }
      }),
    );
  addServerOptions(command);
  addExamples(command, "varve queue delete thumbnails");
}

// `varve topic`: create, list, describe, alter and delete topics.

import type { Command } from "commander";
import {
  addExamples,
  addJsonOption,
  addServerOptions,
  type CliContext,
  integer,
  jsonText,
  pair,
  repeated,
  type ServerOptions,
  withClient,
} from "../context.ts";
import { CliError, exitCode } from "../exit.ts";
import { textTable } from "../text-table.ts";

type Config = Readonly<Record<string, string>>;

interface ChangeOptions extends ServerOptions {
  readonly partitions?: number;
  readonly config?: Config;
}

const partitions = integer(1, 1_000_000);

/** Adds the command. */
export function registerTopic(program: Command, context: CliContext): void {
  const topic = program.command("topic").description("create, look at, change and delete topics");
  registerCreate(topic, context);
  registerList(topic, context);
  registerDescribe(topic, context);
  registerAlter(topic, context);
  registerDelete(topic, context);
}

function registerCreate(topic: Command, context: CliContext): void {
  const command = topic
    .command("create")
    .argument("<topic>", "its name: 1 to 249 of a-z A-Z 0-9 . _ -")
    .description("create a topic, or confirm that it exists just like that")
    .option("--partitions <count>", "how many partitions (default: the server's)", partitions)
    .option("--config <key=value>", "a setting, such as retention.ms (repeatable)", pair)
    .action((name: string, options: ChangeOptions) =>
      withClient(context, options, async (client) => {
        const { partitions: count, config } = options;
        const isNew = await client.topics.create(name, {
          ...(count === undefined ? {} : { partitions: count }),
          ...(config === undefined ? {} : { config }),
        });
        await context.out.line(`topic ${name} ${isNew ? "created" : "exists already"}`);
      }),
    );
  addServerOptions(command);
  addExamples(command, "varve topic create orders --partitions 3 --config retention.ms=86400000");
}

function registerList(topic: Command, context: CliContext): void {
  const command = topic
    .command("list")
    .description("list topics")
    .option("--prefix <text>", "only names that begin like this")
    .action((options: ServerOptions & { readonly prefix?: string; readonly json: boolean }) =>
      withClient(context, options, async (client) => {
        const topics = await client.topics.list(options.prefix ?? null);
        const rows = topics.map((one) => [
          one.name,
          one.partitions,
          one.internal ? "internal" : "",
        ]);
        const text = options.json ? jsonText(topics) : textTable(["TOPIC", "PARTITIONS", ""], rows);
        await context.out.write(text);
      }),
    );
  addJsonOption(addServerOptions(command));
  addExamples(command, "varve topic list --prefix orders");
}

function registerDescribe(topic: Command, context: CliContext): void {
  const command = topic
    .command("describe")
    .argument("<topic>")
    .description("show a topic's partitions and settings")
    .action((name: string, options: ServerOptions & { readonly json: boolean }) =>
      withClient(context, options, async (client) => {
        const found = await client.topics.describe(name);
        if (options.json) {
          await context.out.write(jsonText(found));
          return;
        }
        const headings = ["PARTITION", "START", "READABLE", "END", "SEGMENTS", "BYTES"];
        const rows = found.partitions.map((one) => [
          one.partition,
          one.logStartOffset,
          one.highWatermark,
          one.logEndOffset,
          one.segments,
          one.bytes,
        ]);
        const config = Object.entries(found.config).map(([key, entry]) => [
          key,
          entry.value,
          entry.source,
        ]);
        const title = `${found.name} (id ${found.id})\n\n`;
        const settings = textTable(["SETTING", "VALUE", "FROM"], config);
        await context.out.write(`${title}${textTable(headings, rows)}\n${settings}`);
      }),
    );
  addJsonOption(addServerOptions(command));
  addExamples(command, "varve topic describe orders");
}

function registerAlter(topic: Command, context: CliContext): void {
  const command = topic
    .command("alter")
    .argument("<topic>")
    .description("add partitions or change settings")
    .option("--partitions <count>", "the new total, never fewer than now", partitions)
    .option("--config <key=value>", "a setting (repeatable)", pair)
    .option("--reset <key>", "give a setting its default again (repeatable)", repeated)
    .action((name: string, options: ChangeOptions & { readonly reset?: readonly string[] }) => {
      const { partitions: count, config = {}, reset = [] } = options;
      const changes = { ...config, ...Object.fromEntries(reset.map((key) => [key, null])) };
      if (count === undefined && Object.keys(changes).length === 0) {
        const say = "varve: nothing to change: give --partitions, --config or --reset";
        throw new CliError(exitCode.usage, say);
      }
      return withClient(context, options, async (client) => {
        await client.topics.alter(name, {
          ...(count === undefined ? {} : { partitions: count }),
          ...(Object.keys(changes).length === 0 ? {} : { config: changes }),
        });
        await context.out.line(`topic ${name} changed`);
      });
    });
  addServerOptions(command);
  addExamples(
    command,
    "varve topic alter orders --partitions 6",
    "varve topic alter orders --config retention.bytes=1073741824 --reset retention.ms",
  );
}

function registerDelete(topic: Command, context: CliContext): void {
  const command = topic
    .command("delete")
    .argument("<topics...>")
    .description("delete topics with all their records")
    .action((names: readonly string[], options: ServerOptions) =>
      withClient(context, options, async (client) => {
        for (const name of names) {
          await client.topics.delete(name);
          await context.out.line(`topic ${name} deleted`);
        }
      }),
    );
  addServerOptions(command);
  addExamples(command, "varve topic delete orders");
}

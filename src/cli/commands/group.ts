// `varve group`: list, describe, reset and delete consumer groups.

import { type Command, InvalidArgumentError } from "commander";
import type {
  AssignedTopic,
  GroupDetails,
  ResetRequest,
  TopicOffset,
} from "../../client/client.ts";
import {
  addExamples,
  addJsonOption,
  addServerOptions,
  type CliContext,
  jsonText,
  repeated,
  type ServerOptions,
  withClient,
} from "../context.ts";
import { CliError, exitCode } from "../exit.ts";
import { textTable } from "../text-table.ts";

type ListOptions = ServerOptions & { readonly json: boolean };

interface ResetOptions extends ListOptions {
  readonly to?: string;
  readonly offset?: readonly TopicOffset[];
  readonly topic?: readonly string[];
  readonly dryRun: boolean;
}

/** Adds the command. */
export function registerGroup(program: Command, context: CliContext): void {
  const group = program.command("group").description("look at, move and delete consumer groups");
  registerList(group, context);
  registerDescribe(group, context);
  registerReset(group, context);
  registerDelete(group, context);
}

function registerList(group: Command, context: CliContext): void {
  const command = group
    .command("list")
    .description("list consumer groups")
    .action((options: ListOptions) =>
      withClient(context, options, async (client) => {
        const groups = await client.groups.list();
        const rows = groups.map((one) => [one.group, one.state, one.members, one.topics.join(" ")]);
        const table = textTable(["GROUP", "STATE", "MEMBERS", "TOPICS"], rows);
        await context.out.write(options.json ? jsonText(groups) : table);
      }),
    );
  addJsonOption(addServerOptions(command));
  addExamples(command, "varve group list");
}

function registerDescribe(group: Command, context: CliContext): void {
  const command = group
    .command("describe")
    .argument("<group>")
    .description("show a group's members, committed offsets and lag")
    .action((name: string, options: ListOptions) =>
      withClient(context, options, async (client) => {
        const found = await client.groups.describe(name);
        await context.out.write(options.json ? jsonText(found) : describeText(found));
      }),
    );
  addJsonOption(addServerOptions(command));
  addExamples(command, "varve group describe billing");
}

function describeText(found: GroupDetails): string {
  const members = found.members.map((one) => [
    one.member,
    one.client,
    assignmentText(one.assignment),
    new Date(one.lastSeenMs).toISOString(),
  ]);
  const offsets = found.offsets.map((one) => [
    one.topic,
    one.partition,
    one.committedOffset,
    one.logEndOffset,
    one.lag,
  ]);
  const title = `${found.group}: ${found.state}, epoch ${found.epoch}\n\n`;
  const offsetTable = textTable(["TOPIC", "PARTITION", "COMMITTED", "END", "LAG"], offsets);
  const memberTable = textTable(["MEMBER", "CLIENT", "PARTITIONS", "LAST SEEN"], members);
  return `${title}${offsetTable}\n${memberTable}`;
}

function assignmentText(assignment: readonly AssignedTopic[]): string {
  return assignment.map(({ topic, partitions }) => `${topic}:${partitions.join(",")}`).join(" ");
}

function registerReset(group: Command, context: CliContext): void {
  const command = group
    .command("reset")
    .argument("<group>")
    .description("move a group without active members back or forward")
    .option("--to <position>", "earliest, latest, an offset, -N, @<ms> or @<ISO 8601>")
    .option(
      "--offset <topic:partition=offset>",
      "instead of --to: one partition (repeatable)",
      topicOffset,
    )
    .option("--topic <topic>", "only this topic (repeatable; default: all it has)", repeated)
    .option("--dry-run", "show what would change and change nothing", false)
    .action((name: string, options: ResetOptions) => {
      const request = resetRequest(options);
      return withClient(context, options, async (client) => {
        const offsets = await client.groups.reset(name, request);
        const rows = offsets.map((one) => [one.topic, one.partition, one.before, one.after]);
        const table = textTable(["TOPIC", "PARTITION", "BEFORE", "AFTER"], rows);
        await context.out.write(options.json ? jsonText(offsets) : table);
      });
    });
  addJsonOption(addServerOptions(command));
  addExamples(
    command,
    "varve group reset billing --to earliest --topic orders",
    "varve group reset billing --to @2024-05-01T00:00:00Z --dry-run",
    "varve group reset billing --offset orders:0=1200 --offset orders:1=900",
  );
}

function resetRequest({ to, offset, topic, dryRun }: ResetOptions): ResetRequest {
  if ((to === undefined) === (offset === undefined)) {
    throw new CliError(exitCode.usage, "varve: give either --to or --offset");
  }
  return {
    ...(to === undefined ? {} : { to }),
    ...(offset === undefined ? {} : { offsets: offset }),
    ...(topic === undefined ? {} : { topics: topic }),
    dryRun,
  };
}

function topicOffset(text: string, previous: readonly TopicOffset[] = []): readonly TopicOffset[] {
  const [, topic, partition, offset] = /^(.+):(\d+)=(\d+)$/.exec(text) ?? [];
  if (topic === undefined) throw new InvalidArgumentError("It must be topic:partition=offset.");
  return [...previous, { topic, partition: Number(partition), offset: Number(offset) }];
}

function registerDelete(group: Command, context: CliContext): void {
  const command = group
    .command("delete")
    .argument("<groups...>")
    .description("forget groups and their committed offsets")
    .action((names: readonly string[], options: ServerOptions) =>
      withClient(context, options, async (client) => {
        for (const name of names) {
          await client.groups.delete(name);
          await context.out.line(`group ${name} deleted`);
        }
      }),
    );
  addServerOptions(command);
  addExamples(command, "varve group delete billing");
}

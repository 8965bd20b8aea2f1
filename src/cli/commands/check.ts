// `varve check`: verifies segment files, their indexes and the files around them, with no server needed.

import { stat } from "node:fs/promises";
import type { Command } from "commander";
import { prepareCompression } from "../../record/compression.ts";
import { addExamples, addJsonOption, type CliContext } from "../context.ts";
import { ByteProgress } from "../byte-progress.ts";
import {
  checkDataDirectory,
  checkOne,
  type DirectoryReport,
  isDataDirectory,
} from "../directory-check.ts";
import { CliError, exitCode } from "../exit.ts";
import type { PartitionReport } from "../partition-check.ts";
import type { Problem } from "../segment-check.ts";

interface CheckOptions {
  readonly deep: boolean;
  readonly allowHoles: boolean;
  readonly json: boolean;
}

const notes = `
Reads only, in bounded memory, and may run beside a server: the end of an active segment may then be seen half written,
which is noted and is no damage. Exit code 4 means damage, each one named with file and position.`;

/** Adds the command. */
export function registerCheck(program: Command, context: CliContext): void {
  const command = program
    .command("check")
    .argument("[path]", "a data directory, a partition's directory, or a .log file", "./segments")
    .description("verify segment files without a server")
    .option("--deep", "decode every record, replay groups, transactions and queues too", false)
    .option("--allow-holes", "offsets may be missing, as compaction leaves them", false)
    .action((path: string, options: CheckOptions) => check(path, options, context));
  addJsonOption(command);
  addExamples(
    command,
    "varve check ./segments",
    "varve check ./segments/orders-0 --deep",
  ).addHelpText("after", notes);
}

interface Totals {
  partitions: number;
  segments: number;
  records: number;
  bytes: number;
  readonly problems: Problem[];
  readonly notes: Problem[];
}

async function check(path: string, options: CheckOptions, context: CliContext): Promise<void> {
  await prepareCompression();
  const totals: Totals = {
    partitions: 0,
    segments: 0,
    records: 0,
    bytes: 0,
    problems: [],
    notes: [],
  };
  const reports: PartitionReport[] = [];
  const progress = new ByteProgress(context.io.stderr);
  const look = {
    onBytes: (doneBytes: number, totalBytes: number): void => {
      if (context.io.stop.aborted) throw new CliError(exitCode.stopped, "varve: stopped");
      progress.show(doneBytes, totalBytes);
    },
    isDeep: options.deep,
    mayHaveHoles: options.allowHoles,
    onPartition: async (report: PartitionReport): Promise<void> => {
      add(totals, report);
      if (options.json) reports.push(report);
      else await context.out.write(partitionText(report));
    },
  };
  let events: DirectoryReport["events"] = {};
  try {
    if (await isWholeDirectory(path)) {
      const own = await checkDataDirectory(path, look);
      progress.end();
      events = own.events;
      totals.problems.push(...own.problems);
      totals.notes.push(...own.notes);
      if (!options.json) await context.out.write(linesOf(own.problems, own.notes));
    } else {
      await checkOne(path, look);
    }
  } finally {
    progress.end();
  }
  const text = options.json ? jsonOf(totals, { events, reports }) : totalsText(totals, events);
  await context.out.write(text);
  if (totals.problems.length > 0) context.exitCode = exitCode.damage;
}

async function isWholeDirectory(path: string): Promise<boolean> {
  if ((await stat(path)).isDirectory()) return isDataDirectory(path);
  if (/(^|\/)\d{20}\.log$/.test(path)) return false;
  const say = "name a data directory, a partition's directory, or a segment's .log file";
  throw new CliError(exitCode.usage, `varve: ${path} cannot be checked: ${say}`);
}

function add(totals: Totals, report: PartitionReport): void {
  totals.partitions++;
  totals.segments += report.segments;
  totals.records += report.records;
  totals.bytes += report.bytes;
  totals.problems.push(...report.problems);
  totals.notes.push(...report.notes);
}

function partitionText(report: PartitionReport): string {
  const { name, segments, records, bytes, firstOffset, nextOffset, problems } = report;
  const verdict = problems.length === 0 ? "ok" : "DAMAGED";
  const facts = `${segments} segments, ${records} records, ${bytes} bytes, offsets ${firstOffset} to ${nextOffset} (not included)`;
  return `${name}: ${verdict}, ${facts}\n${linesOf(problems, report.notes)}`;
}

function linesOf(problems: readonly Problem[], found: readonly Problem[]): string {
  const lines = [
    ...problems.map((problem) => `  damage: ${problemText(problem)}\n`),
    ...found.map((note) => `  note: ${problemText(note)}\n`),
  ];
  return lines.join("");
}

function problemText({ file, position, detail }: Problem): string {
  return position === null ? `${file}: ${detail}` : `${file}: position ${position}: ${detail}`;
}

function totalsText(totals: Totals, events: DirectoryReport["events"]): string {
  const { partitions, segments, records, bytes, problems } = totals;
  const replayed = Object.entries(events)
    .map(([topic, count]) => `${topic}: ${count} events replayed\n`)
    .join("");
  const verdict = problems.length === 0 ? "no damage found" : `${problems.length} problems found`;
  return `${replayed}${partitions} partitions, ${segments} segments, ${records} records, ${bytes} bytes: ${verdict}\n`;
}

function jsonOf(
  totals: Totals,
  more: Pick<DirectoryReport, "events"> & { readonly reports: readonly PartitionReport[] },
): string {
  const { partitions, segments, records, bytes, problems, notes: found } = totals;
  const isSound = problems.length === 0;
  const summary = { isSound, partitions, segments, records, bytes, problems, notes: found };
  return `${JSON.stringify({ ...summary, ...more }, null, 2)}\n`;
}

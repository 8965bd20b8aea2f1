// `varve backup`: a consistent copy of all data, by the server that has it open, or of a directory that nobody serves.

import { resolve } from "node:path";
import type { Command } from "commander";
import type { BackupDetails, VarveClient } from "../../client/client.ts";
import { backUpStopped } from "../../backup/stopped-backup.ts";
import { sleep } from "../../base/clock.ts";
import { LoopShare } from "../../base/loop-share.ts";
import { NodeDisk } from "../../storage/node-disk.ts";
import { ByteProgress, sizeText } from "../byte-progress.ts";
import {
  addExamples,
  addJsonOption,
  addServerOptions,
  type CliContext,
  jsonText,
  newClient,
  type ServerOptions,
  withClient,
} from "../context.ts";
import { CliError, exitCode } from "../exit.ts";

interface BackupOptions extends ServerOptions {
  readonly dataDir?: string;
  readonly json: boolean;
}

const lookIntervalMs = 250;

const notes = `
The backup shows one instant: everything acknowledged before it is there, whole, with groups, transactions and queues as
they were. Sealed segments become hard links where the backup is on the disk of the data, so it takes little room there;
for safety from that disk, put it on another or copy it on. Every byte is read and checked on the way.

Through a server the directory is one of the server's machine. 'varve restore --verify' reads a backup again.`;

/** Adds the command. */
export function registerBackup(program: Command, context: CliContext): void {
  const command = program
    .command("backup")
    .argument("<directory>", "where to; a new or empty directory")
    .description("make a consistent copy of all data, while the server runs or of a stopped one")
    .option("--data-dir <directory>", "back up this directory, which no server has open")
    .action((target: string, options: BackupOptions) =>
      options.dataDir === undefined
        ? throughServer(target, options, context)
        : ofDirectory({ target, dataDir: options.dataDir, isJson: options.json }, context),
    );
  addJsonOption(addServerOptions(command));
  addExamples(
    command,
    "varve backup /backups/2026-01-31",
    "varve backup /backups/2026-01-31 --data-dir ./segments",
  ).addHelpText("after", notes);
}

async function throughServer(
  target: string,
  options: BackupOptions,
  context: CliContext,
): Promise<void> {
  const path = resolve(target);
  const ended = await withClient(context, options, async (client) => {
    await client.backup.begin(path);
    return follow(client, options, context);
  });
  if (ended.state !== "done") {
    const why = ended.problem === null ? "" : `: ${ended.problem}`;
    throw new CliError(exitCode.failed, `varve: the backup ${ended.state}${why}`);
  }
  const { partitions, files, bytes, cutMs } = ended;
  await context.out.write(
    options.json ? jsonText(ended) : doneText({ path, partitions, files, bytes, cutMs }),
  );
}

// A user who stops the command means the backup too.
async function follow(
  client: VarveClient,
  options: ServerOptions,
  context: CliContext,
): Promise<BackupDetails> {
  const { clock, stderr, stop } = context.io;
  const progress = new ByteProgress(stderr);
  try {
    for (;;) {
      const now = await client.backup.show();
      progress.show(now.doneBytes, now.bytes);
      if (now.state !== "running") return now;
      await sleep(clock, lookIntervalMs);
    }
  } catch (error) {
    if (stop.aborted) await giveUp(options, context);
    throw error;
  } finally {
    progress.end();
  }
}

// The command's own client is closed by then.
async function giveUp(options: ServerOptions, context: CliContext): Promise<void> {
  const client = await newClient(context, options);
  try {
    await client.backup.cancel();
  } finally {
    await client.close();
  }
}

async function ofDirectory(
  order: { readonly target: string; readonly dataDir: string; readonly isJson: boolean },
  context: CliContext,
): Promise<void> {
  const { clock, stderr, stop } = context.io;
  const path = resolve(order.target);
  const progress = new ByteProgress(stderr);
  let doneBytes = 0;
  let totalBytes = 0;
  const parts = {
    disk: new NodeDisk({ readMode: "pread" }),
    share: new LoopShare(clock),
    onBytes: (bytes: number) => {
      if (stop.aborted) throw new CliError(exitCode.stopped, "varve: stopped");
      doneBytes += bytes;
      progress.show(doneBytes, totalBytes);
    },
  };
  const cutMs = clock.nowMs();
  try {
    const written = await backUpStopped(parts, {
      path: resolve(order.dataDir),
      target: path,
      nowMs: cutMs,
      onPlan: (bytes) => {
        totalBytes = bytes;
      },
    });
    progress.end();
    const done = { path, cutMs, ...written };
    await context.out.write(order.isJson ? jsonText(done) : doneText(done));
  } finally {
    progress.end();
  }
}

function doneText(done: {
  readonly path: string;
  readonly partitions: number;
  readonly files: number;
  readonly bytes: number;
  readonly cutMs: number | null;
}): string {
  const { path, partitions, files, bytes, cutMs } = done;
  const at = cutMs === null ? "" : ` as of ${new Date(cutMs).toISOString()}`;
  return `${path}: ${partitions} partitions, ${files} files, ${sizeText(bytes)}${at}\n`;
}

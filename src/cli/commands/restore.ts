// `varve restore`: verifies a backup and makes a data directory of it.

import { resolve } from "node:path";
import type { Command } from "commander";
import type { BackupManifest } from "../../backup/backup-manifest.ts";
import { restore } from "../../backup/restore.ts";
import { LoopShare } from "../../base/loop-share.ts";
import { NodeDisk } from "../../storage/node-disk.ts";
import { ByteProgress, sizeText } from "../byte-progress.ts";
import { addExamples, addJsonOption, type CliContext, jsonText } from "../context.ts";
import { CliError, exitCode } from "../exit.ts";

interface RestoreOptions {
  readonly dataDir?: string;
  readonly verify: boolean;
  readonly json: boolean;
}

const notes = `
Every file is held to the checksum in the backup's manifest. A damaged or unfinished backup is refused (exit code 4), and so
is a directory that is not empty. The backup itself is not changed, and may be restored again.`;

/** Adds the command. */
export function registerRestore(program: Command, context: CliContext): void {
  const command = program
    .command("restore")
    .argument("<backup>", "the directory that 'varve backup' wrote")
    .description("verify a backup and make a data directory of it")
    .option("--data-dir <directory>", "where to; a new or empty directory")
    .option("--verify", "only read the backup and say whether it is whole", false)
    .action((from: string, options: RestoreOptions) => run(from, options, context));
  addJsonOption(command);
  addExamples(
    command,
    "varve restore /backups/2026-01-31 --data-dir ./segments",
    "varve restore /backups/2026-01-31 --verify",
  ).addHelpText("after", notes);
}

async function run(from: string, options: RestoreOptions, context: CliContext): Promise<void> {
  const { dataDir, verify } = options;
  if ((dataDir === undefined) !== verify) {
    throw new CliError(exitCode.usage, "varve: restore takes either --data-dir or --verify");
  }
  const to = dataDir === undefined ? null : resolve(dataDir);
  const { clock, stderr, stop } = context.io;
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
  let manifest: BackupManifest;
  try {
    manifest = await restore(parts, {
      from: resolve(from),
      to,
      onManifest: (_manifest, bytes) => {
        totalBytes = bytes;
      },
    });
  } finally {
    progress.end();
  }
  const { createdMs, partitions, files } = manifest;
  const facts = { from: resolve(from), to, createdMs, partitions, files: files.length };
  const text =
    `${facts.from}: whole, ${partitions} partitions, ${files.length} files, ${sizeText(totalBytes)}, as of ` +
    `${new Date(createdMs).toISOString()}${to === null ? "" : `; restored to ${to}`}\n`;
  await context.out.write(options.json ? jsonText({ ...facts, bytes: totalBytes }) : text);
}

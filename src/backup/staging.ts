// From a cut to a plan: gives every file of it a second name inside the data directory, so that the server may go on
// renaming and removing its own while they are read.
//
//   <data directory>/backup.staging/<topic>-<partition>/...
//
// Where the file system has no links the files stay where they are, and the cuts are held until the backup is written.

import { LogError } from "../base/error.ts";
import type { BrokerCut } from "../broker/broker-cut.ts";
import { type CutFile, filesOfCut, type LogCut } from "../log/log-cut.ts";
import { encodeCheckpoint } from "../storage/checkpoint-file.ts";
import type { Disk } from "../storage/disk.ts";
import { readWhole } from "../storage/disk.ts";
import type { Format } from "../storage/format-file.ts";
import type { BackupPlan, PlannedFile } from "./backup-writer.ts";

/** The name of the directory in a data directory; no partition can have it. */
export const stagingName = "backup.staging";

/** What staging works with. */
export interface StagingParts {
  readonly disk: Disk;
  /** The data directory. */
  readonly path: string;
  readonly format: Format;
  /** No stored batch is larger, bytes. */
  readonly batchBytesMax: number;
  /** Called between files; what it throws ends the work. */
  readonly onFile: () => void;
}

/**
 * Makes the plan of a backup; releases each cut as soon as its files are safe.
 * @throws KAFKA_STORAGE_ERROR, DISK_FULL
 */
export async function stage(parts: StagingParts, cut: BrokerCut): Promise<BackupPlan> {
  const { disk, path, format } = parts;
  const root = `${path}/${stagingName}`;
  await disk.remove(root);
  const files: PlannedFile[] = [];
  for (const [name, log] of cut.logs) {
    await disk.makeDirectory(`${root}/${name}`);
    let isAllStaged = true;
    for (const file of await filesOfCut(disk, log)) {
      parts.onFile();
      const from = `${log.directory}/${file.name}`;
      const staged = `${root}/${name}/${file.name}`;
      const isStaged = await isSafe(disk, file, { from, staged });
      isAllStaged &&= isStaged;
      files.push(planned(parts, { log, file, name, from: isStaged ? staged : from }));
    }
    if (isAllStaged) log.release();
  }
  const entries = new Map([...cut.logs].map(([name, log]) => [name, log.checkpoint]));
  return {
    createdMs: cut.atMs,
    format,
    partitions: [...cut.logs.keys()],
    files,
    checkpoint: encodeCheckpoint(entries).bytes,
  };
}

interface Place {
  readonly from: string;
  readonly staged: string;
}

async function isSafe(disk: Disk, file: CutFile, { from, staged }: Place): Promise<boolean> {
  if (file.kind !== "beside") return disk.link(from, staged);
  // Such a file may be written in place, so a second name for it would change with it.
  const bytes = await readWhole(disk, from);
  if (bytes === null) throw new LogError("KAFKA_STORAGE_ERROR", `${from} is gone`);
  const copy = await disk.open(staged, "write");
  try {
    await copy.write([bytes], 0);
  } finally {
    await copy.close();
  }
  return true;
}

function planned(
  { batchBytesMax }: StagingParts,
  place: {
    readonly log: LogCut;
    readonly file: CutFile;
    readonly name: string;
    readonly from: string;
  },
): PlannedFile {
  const { log, file, name, from } = place;
  const { offsets, bytes, kind } = file;
  const segment =
    offsets === null
      ? null
      : {
          baseOffset: offsets.from,
          endOffset: offsets.to,
          mayHaveHoles: offsets.from < log.holesBelow,
          batchBytesMax,
        };
  return { path: `${name}/${file.name}`, from, bytes, segment, mayLink: kind === "sealed" };
}

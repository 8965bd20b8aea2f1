// A backup of a data directory that nobody serves: its files as they stand, under its lock. Nothing in it is changed.
//
// What a killed server left unfinished is taken along: a start makes the same of the backup as of the directory.

import { LogError } from "../base/error.ts";
import { defaultLimits } from "../log/log-options.ts";
import { readCompaction } from "../log/compaction-file.ts";
import { baseOffsetOfName } from "../log/segment.ts";
import { type Disk, readWhole } from "../storage/disk.ts";
import { decodeFormat } from "../storage/format-file.ts";
import { parsePartitionName } from "../storage/partition-name.ts";
import { isWithin, refusal } from "./backup-place.ts";
import { type PlannedFile, type WrittenBackup, writeBackup } from "./backup-writer.ts";
import type { CopyParts } from "./file-copy.ts";

/** What to back up, and where to. */
export interface StoppedBackup {
  /** The data directory, absolute. */
  readonly path: string;
  /** A directory that is not there or empty, absolute. */
  readonly target: string;
  /** Unix milliseconds. */
  readonly nowMs: number;
  /** Hears how much there is, before anything is read. */
  readonly onPlan: (bytes: number) => void;
}

const unwantedName = /\.(deleted|tmp)$/;

/**
 * Writes the backup.
 * @throws KAFKA_STORAGE_ERROR when a server has the directory, or it is none; else as `writeBackup`.
 */
export async function backUpStopped(
  parts: CopyParts,
  order: StoppedBackup,
): Promise<WrittenBackup> {
  const { disk } = parts;
  const { path, target, nowMs } = order;
  if (isWithin(target, path)) throw refusal(target, "lies inside the data directory");
  const identity = await readWhole(disk, `${path}/format.json`);
  const reading = identity === null ? null : decodeFormat(identity);
  if (reading?.kind !== "known") {
    const why = reading === null ? "has no format.json" : `has a ${reading.kind} format.json`;
    throw new LogError("KAFKA_STORAGE_ERROR", `${path} cannot be backed up: it ${why}`);
  }
  const unlock = await disk.lock(`${path}/.lock`);
  try {
    const names = await disk.list(path);
    const partitions = names.filter((name) => parsePartitionName(name) !== null).toSorted();
    const files: PlannedFile[] = [];
    let bytes = 0;
    for (const name of partitions) {
      for (const file of await filesOf(disk, `${path}/${name}`)) {
        bytes += (await disk.sizeOf(file.from)) ?? 0;
        files.push({ ...file, path: `${name}/${file.path}` });
      }
    }
    order.onPlan(bytes);
    const checkpoint = await readWhole(disk, `${path}/checkpoint`);
    const { format } = reading;
    return await writeBackup(
      parts,
      { createdMs: nowMs, format, partitions, files, checkpoint },
      target,
    );
  } finally {
    await unlock();
  }
}

async function filesOf(disk: Disk, directory: string): Promise<readonly PlannedFile[]> {
  const names = (await disk.list(directory)).filter((name) => !unwantedName.test(name)).toSorted();
  const bases = names.flatMap((name) => baseOffsetOfName(name) ?? []);
  const { holesBelow } = await readCompaction(disk, directory);
  const files: PlannedFile[] = [];
  for (const name of names) {
    const from = `${directory}/${name}`;
    // What recovery set aside stays here, and so does whatever else is no file of a log.
    if ((await disk.sizeOf(from)) === null) continue;
    const base = baseOffsetOfName(name);
    const next = base === null ? undefined : bases[bases.indexOf(base) + 1];
    const { unsyncedBytesMax: batchBytesMax } = defaultLimits;
    // Of the last segment only a start can say how far it counts.
    const segment =
      base === null || next === undefined
        ? null
        : { baseOffset: base, endOffset: next, mayHaveHoles: base < holesBelow, batchBytesMax };
    files.push({ path: name, from, bytes: null, segment, mayLink: segment !== null });
  }
  return files;
}

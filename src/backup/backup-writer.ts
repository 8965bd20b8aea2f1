// Writes a backup from a plan: every file taken, checked and made durable, then the manifest, last.
//
//   <backup>/varve-backup.manifest          what belongs to it; without it the backup is not one
//   <backup>/checkpoint                     of the instant that the backup shows
//   <backup>/<topic>-<partition>/...        as in a data directory; sealed segments are links where the disk can

import { LogError } from "../base/error.ts";
import { makeDirectoryDurably, parentOf, replaceWhole } from "../storage/disk.ts";
import type { Format } from "../storage/format-file.ts";
import { type BackupFile, encodeManifest, manifestName } from "./backup-manifest.ts";
import { requireEmpty } from "./backup-place.ts";
import { type Copied, type CopyOrder, type CopyParts, copyFile } from "./file-copy.ts";

/** One file to be taken. */
export interface PlannedFile extends Omit<CopyOrder, "to"> {
  /** Its path in the backup. */
  readonly path: string;
  /** True for a file that never changes again: a second name for it is as good as a copy. */
  readonly mayLink: boolean;
}

/** What a backup is to hold. */
export interface BackupPlan {
  readonly createdMs: number;
  readonly format: Format;
  /** Names of the partitions' directories. */
  readonly partitions: readonly string[];
  readonly files: readonly PlannedFile[];
  /** The bytes of the checkpoint; null for none. */
  readonly checkpoint: Uint8Array | null;
}

/** What was written. */
export interface WrittenBackup {
  readonly partitions: number;
  readonly files: number;
  readonly bytes: number;
  /** Bytes of them that were copied; the others are links. */
  readonly copiedBytes: number;
}

/**
 * Writes a backup into a directory that is not there yet or empty.
 *
 * @throws BACKUP_PLACE_REFUSED; CORRUPT_MESSAGE when a segment is damaged; DISK_FULL, KAFKA_STORAGE_ERROR. What was
 *         written stays and is no backup: it has no manifest.
 */
export async function writeBackup(
  parts: CopyParts,
  plan: BackupPlan,
  target: string,
): Promise<WrittenBackup> {
  const { disk } = parts;
  await requireEmpty(disk, target);
  await makeDirectoryDurably(disk, target);
  for (const name of plan.partitions) await disk.makeDirectory(`${target}/${name}`);
  const files: BackupFile[] = [];
  let copiedBytes = 0;
  for (const file of plan.files) {
    const { copied, isLink } = await take(parts, file, `${target}/${file.path}`);
    files.push({ path: file.path, bytes: copied.bytes, crc: copied.crc });
    if (!isLink) copiedBytes += copied.bytes;
  }
  if (plan.checkpoint !== null) {
    const path = `${target}/checkpoint`;
    await replaceWhole(disk, path, plan.checkpoint);
    const { bytes, crc } = await copyFile(parts, {
      from: path,
      to: null,
      bytes: null,
      segment: null,
    });
    files.push({ path: "checkpoint", bytes, crc });
  }
  for (const name of plan.partitions) await disk.syncDirectory(`${target}/${name}`);
  await disk.syncDirectory(target);
  const { createdMs, format } = plan;
  const partitions = plan.partitions.length;
  const manifest = encodeManifest({ createdMs, format, partitions, files });
  await replaceWhole(disk, `${target}/${manifestName}`, manifest);
  await disk.syncDirectory(parentOf(target));
  const bytes = files.reduce((sum, file) => sum + file.bytes, 0);
  return { partitions, files: files.length, bytes, copiedBytes };
}

async function take(
  parts: CopyParts,
  file: PlannedFile,
  to: string,
): Promise<{ readonly copied: Copied; readonly isLink: boolean }> {
  const isLink = file.mayLink && (await parts.disk.link(file.from, to));
  const order = isLink ? { ...file, from: to, to: null } : { ...file, to };
  const copied = await copyFile(parts, order);
  if (copied.damage === null) return { copied, isLink };
  const { position, fromOffset, toOffset, what } = copied.damage;
  throw new LogError(
    "CORRUPT_MESSAGE",
    `${file.path} is damaged at position ${position} (${what}): offsets ${fromOffset} to ${toOffset - 1} ` +
      "cannot be read; nothing that holds them is called a backup",
    { facts: { file: file.path, position, fromOffset, toOffset } },
  );
}

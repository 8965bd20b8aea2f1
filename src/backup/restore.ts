// Makes a data directory of a backup: every file is held to the manifest, and the directory becomes one last.
//
// While it is being filled the target has no `format.json`, and no server takes a directory without one that holds
// partitions: what a crash leaves of a restore cannot be served.

import { hexOfCrc } from "../storage/checkpoint-file.ts";
import { LogError } from "../base/error.ts";
import {
  type Disk,
  makeDirectoryDurably,
  parentOf,
  readWhole,
  replaceWhole,
} from "../storage/disk.ts";
import { encodeFormat, encodeMetaProperties } from "../storage/format-file.ts";
import {
  type BackupFile,
  type BackupManifest,
  decodeManifest,
  manifestName,
} from "./backup-manifest.ts";
import { requireEmpty } from "./backup-place.ts";
import { type CopyParts, copyFile } from "./file-copy.ts";

/** A backup that is being restored or verified. */
export interface RestoreOrder {
  /** The backup. */
  readonly from: string;
  /** A directory that is not there or empty; null to verify only. */
  readonly to: string | null;
  /** Hears what there is, before anything is read. */
  readonly onManifest: (manifest: BackupManifest, bytes: number) => void;
}

/**
 * Reads the whole backup, and writes it into the target.
 *
 * @returns Its manifest.
 * @throws  BACKUP_DAMAGED naming the file; BACKUP_PLACE_REFUSED; DISK_FULL, KAFKA_STORAGE_ERROR. The target is
 *          empty then, or at least no data directory.
 */
export async function restore(parts: CopyParts, order: RestoreOrder): Promise<BackupManifest> {
  const { disk } = parts;
  const { from, to } = order;
  if (to !== null) await requireEmpty(disk, to);
  const manifest = await readManifest(disk, from);
  await requireSizes(disk, from, manifest);
  order.onManifest(
    manifest,
    manifest.files.reduce((sum, file) => sum + file.bytes, 0),
  );
  const directories = new Set(manifest.files.map(({ path }) => directoryOf(path)));
  directories.delete("");
  if (to === null) {
    for (const file of manifest.files) await take(parts, order, file);
    return manifest;
  }
  await makeDirectoryDurably(disk, to);
  try {
    for (const name of directories) await disk.makeDirectory(`${to}/${name}`);
    for (const file of manifest.files) await take(parts, order, file);
    for (const name of directories) await disk.syncDirectory(`${to}/${name}`);
    await disk.syncDirectory(to);
    await becomeDirectory(disk, to, manifest);
  } catch (error) {
    // All of it is this restore's own. What cannot be removed is no data directory either.
    const names = ["format.json", "meta.properties", ...directories, "checkpoint"];
    for (const name of names) await disk.remove(`${to}/${name}`).catch(() => undefined);
    throw error;
  }
  return manifest;
}

async function becomeDirectory(disk: Disk, to: string, { format }: BackupManifest): Promise<void> {
  await replaceWhole(disk, `${to}/meta.properties`, encodeMetaProperties(format));
  await replaceWhole(disk, `${to}/format.json`, encodeFormat(format));
  await disk.syncDirectory(parentOf(to));
}

async function readManifest(disk: Disk, from: string): Promise<BackupManifest> {
  const path = `${from}/${manifestName}`;
  const bytes = await readWhole(disk, path);
  if (bytes === null) {
    const isThere = await disk.exists(from);
    throw damaged(
      isThere
        ? `${from} has no ${manifestName}: it is no backup, or one that was not finished`
        : `${from} does not exist`,
    );
  }
  const reading = decodeManifest(bytes);
  if (reading.kind === "whole") return reading.manifest;
  if (reading.kind === "damaged") throw damaged(`${path} does not match its own checksum`);
  throw damaged(`${path} is of version ${reading.version}, made by a newer Varve`);
}

// Before anything is written: what is missing or cut short is known by name and size.
async function requireSizes(disk: Disk, from: string, manifest: BackupManifest): Promise<void> {
  for (const { path, bytes } of manifest.files) {
    const size = await disk.sizeOf(`${from}/${path}`);
    if (size === bytes) continue;
    const what = size === null ? "is missing" : `has ${size} bytes instead of ${bytes}`;
    throw damaged(`${path} of the backup ${what}`);
  }
}

async function take(parts: CopyParts, { from, to }: RestoreOrder, file: BackupFile): Promise<void> {
  const copied = await copyFile(parts, {
    from: `${from}/${file.path}`,
    to: to === null ? null : `${to}/${file.path}`,
    bytes: file.bytes,
    segment: null,
  });
  if (copied.crc === file.crc) return;
  const checksums = `${hexOfCrc(copied.crc)} instead of ${hexOfCrc(file.crc)}`;
  throw damaged(`${file.path} of the backup is damaged: its checksum is ${checksums}`);
}

function directoryOf(path: string): string {
  return path.slice(0, Math.max(0, path.indexOf("/")));
}

function damaged(detail: string): LogError {
  return new LogError("BACKUP_DAMAGED", detail);
}

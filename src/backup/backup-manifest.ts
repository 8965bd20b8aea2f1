// The manifest of a backup: what belongs to it, with size and checksum of each file. Written last, so that a backup
// that has one is whole.
//
//   varve-backup <version> <CRC-32C of all that follows the first line, 8 hex digits>
//   { "createdMs": ..., "clusterId": ..., "directoryId": ..., "directoryCreatedMs": ..., "partitions": ..., "files": [
//     { "path": "orders-0/00000000000000000000.log", "bytes": ..., "crc": "xxxxxxxx" }, ...] }
//
// The identity of the data directory is in here and in no file beside it: a backup cannot be served by mistake.

import { crc32c } from "../base/crc32c.ts";
import { hexOfCrc } from "../storage/checkpoint-file.ts";
import { type Format, formatVersion, parseObject } from "../storage/format-file.ts";

/** The name of the manifest in a backup. */
export const manifestName = "varve-backup.manifest";

/** One file of a backup. */
export interface BackupFile {
  /** Relative to the backup, parted by "/". */
  readonly path: string;
  readonly bytes: number;
  /** CRC-32C of the whole file. */
  readonly crc: number;
}

/** What a backup holds. */
export interface BackupManifest {
  /** Unix milliseconds: the instant that the backup shows. */
  readonly createdMs: number;
  /** Who the data directory is. */
  readonly format: Format;
  readonly partitions: number;
  /** In order of path. */
  readonly files: readonly BackupFile[];
}

/** What a manifest turned out to be. */
export type ManifestReading =
  | { readonly kind: "whole"; readonly manifest: BackupManifest }
  | { readonly kind: "newer"; readonly version: number }
  | { readonly kind: "damaged" };

const version = 1;
const headerPattern = /^varve-backup (\d{1,9}) ([0-9a-f]{8})$/;
const crcPattern = /^[0-9a-f]{8}$/;
// One directory deep at the most, and nothing that leads out of it.
const pathPattern = /^(?:[a-zA-Z0-9._-]+\/)?[a-zA-Z0-9_-][a-zA-Z0-9._-]*$/;

/** The bytes of a manifest. */
export function encodeManifest(manifest: BackupManifest): Uint8Array {
  const { createdMs, format, partitions, files } = manifest;
  const fields = {
    createdMs,
    formatVersion,
    clusterId: format.clusterId,
    directoryId: format.directoryId,
    directoryCreatedMs: format.createdMs,
    partitions,
    files: files.map(({ path, bytes, crc }) => ({ path, bytes, crc: hexOfCrc(crc) })),
  };
  const body = Buffer.from(`${JSON.stringify(fields, null, 1)}\n`);
  const header = `varve-backup ${version} ${hexOfCrc(crc32c(body))}\n`;
  return Buffer.concat([Buffer.from(header), body]);
}

/** Reads what `encodeManifest` wrote; damaged when a single bit is not as it was. */
export function decodeManifest(bytes: Uint8Array): ManifestReading {
  const headerEnd = bytes.indexOf(0x0a);
  const header = headerPattern.exec(
    Buffer.from(bytes.subarray(0, Math.max(0, headerEnd))).toString("latin1"),
  );
  if (header === null) return { kind: "damaged" };
  if (Number(header[1]) > version) return { kind: "newer", version: Number(header[1]) };
  const body = bytes.subarray(headerEnd + 1);
  if (header[1] !== String(version) || hexOfCrc(crc32c(body)) !== header[2]) {
    return { kind: "damaged" };
  }
  const fields = parseObject(body);
  const storedVersion = fields?.["formatVersion"];
  if (typeof storedVersion === "number" && storedVersion > formatVersion) {
    return { kind: "newer", version: storedVersion };
  }
  const manifest = fields === null ? null : manifestIn(fields);
  return manifest === null ? { kind: "damaged" } : { kind: "whole", manifest };
}

function manifestIn(fields: Record<string, unknown>): BackupManifest | null {
  const { createdMs, clusterId, directoryId, directoryCreatedMs, partitions, files } = fields;
  const isWhole =
    typeof createdMs === "number" &&
    typeof clusterId === "string" &&
    typeof directoryId === "string" &&
    typeof directoryCreatedMs === "number" &&
    typeof partitions === "number" &&
    Array.isArray(files);
  if (!isWhole) return null;
  const read = files.map(fileIn);
  if (!read.every((file) => file !== null)) return null;
  const format = { clusterId, directoryId, createdMs: directoryCreatedMs };
  return { createdMs, format, partitions, files: read };
}

function fileIn(value: unknown): BackupFile | null {
  if (typeof value !== "object" || value === null) return null;
  const { path, bytes, crc } = value as Record<string, unknown>;
  if (typeof path !== "string" || typeof bytes !== "number" || typeof crc !== "string") return null;
  if (!pathPattern.test(path) || path.startsWith("../") || path.startsWith("./")) return null;
  if (!Number.isSafeInteger(bytes) || bytes < 0 || !crcPattern.test(crc)) return null;
  return { path, bytes, crc: Number.parseInt(crc, 16) };
}

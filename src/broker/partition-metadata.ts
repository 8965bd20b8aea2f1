// The file `partition.metadata`: which incarnation of a topic a partition directory belongs to. Kafka's format:
//
//   version: 0
//   topic_id: <22 characters of base64url>

import { type Disk, type DiskFile, replaceWhole } from "../storage/disk.ts";

const fileName = "partition.metadata";
const fileBytesMax = 128;
const pattern = /^version: 0\r?\ntopic_id: ([A-Za-z0-9_-]{22})\s*$/;

/** A topic id as Kafka's tools write it: 22 characters of base64url instead of a UUID with dashes. */
export function shortTopicId(topicId: string): string {
  return Buffer.from(topicId.replaceAll("-", ""), "hex").toString("base64url");
}

/** The UUID text of a topic id in Kafka's short form. */
export function longTopicId(short: string): string {
  const hex = Buffer.from(short, "base64url").toString("hex");
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}

/**
 * Writes the file into a directory that exists; durable when it resolves.
 *
 * @throws DISK_FULL, KAFKA_STORAGE_ERROR
 */
export async function writePartitionMetadata(
  disk: Disk,
  { directory, topicId }: { readonly directory: string; readonly topicId: string },
): Promise<void> {
  const text = `version: 0\ntopic_id: ${shortTopicId(topicId)}\n`;
  await replaceWhole(disk, `${directory}/${fileName}`, new TextEncoder().encode(text));
}

/** The topic id (UUID text) in the bytes of the file; null when they are not such a file's. */
export function decodePartitionMetadata(bytes: Uint8Array): string | null {
  const short = pattern.exec(Buffer.from(bytes).toString("latin1"))?.[1];
  return short === undefined ? null : longTopicId(short);
}

/** The topic id (UUID text) a directory belongs to; null when the file is missing or cannot be understood. */
export async function readPartitionMetadata(disk: Disk, directory: string): Promise<string | null> {
  // Opened without asking first whether it exists: every partition goes through here at every start.
  const file = await openIfThere(disk, `${directory}/${fileName}`);
  if (file === null) return null;
  try {
    const bytes = new Uint8Array(fileBytesMax);
    const count = await file.read(bytes, 0);
    return decodePartitionMetadata(bytes.subarray(0, count));
  } finally {
    await file.close();
  }
}

async function openIfThere(disk: Disk, path: string): Promise<DiskFile | null> {
  try {
    return await disk.open(path, "read");
  } catch (error) {
    if (await disk.exists(path)) throw error;
    return null;
  }
}

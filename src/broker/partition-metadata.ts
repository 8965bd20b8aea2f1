// The file `partition.metadata`: which incarnation of a topic a partition directory belongs to. Kafka's format:
//
//   version: 0
//   topic_id: <22 characters of base64url>

import type { Disk } from "../storage/disk.ts";
import { readWhole, replaceWhole } from "../storage/disk.ts";

const fileName = "partition.metadata";
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

/** The topic id (UUID text) a directory belongs to; null when the file is missing or cannot be understood. */
export async function readPartitionMetadata(disk: Disk, directory: string): Promise<string | null> {
  const bytes = await readWhole(disk, `${directory}/${fileName}`);
  const short = bytes === null ? null : pattern.exec(new TextDecoder().decode(bytes))?.[1];
  return short === undefined || short === null ? null : longTopicId(short);
}

// Names of the directories inside a data directory, as Kafka gives them.
//
// <topic>-<partition>                         a partition; the partition is behind the last dash
// <topic>-<partition>.<32 hex digits>-delete  deleted, to be removed
// <topic>-<partition>.<32 hex digits>-stray   belongs to no known topic; kept for its owner

/** A partition directory's name, taken apart. */
export interface PartitionName {
  readonly topic: string;
  /** 0 to 2^31 - 1. */
  readonly partition: number;
}

/** Why a partition directory was moved aside. */
export type AsideReason = "delete" | "stray";

const partitionPattern = /^([a-zA-Z0-9._-]{1,249})-(0|[1-9][0-9]{0,9})$/;
const retiredPattern = /^[a-zA-Z0-9._-]+-(0|[1-9][0-9]{0,9})\.[0-9a-f]{32}-delete$/;
const partitionMax = 2 ** 31 - 1;
// The longest name that the usual file systems take, bytes; topic names are ASCII.
const nameBytesMax = 255;

/** The name of a partition's directory. */
export function partitionNameOf({ topic, partition }: PartitionName): string {
  return `${topic}-${partition}`;
}

/** Takes a partition directory's name apart; null when it is not one. */
export function parsePartitionName(name: string): PartitionName | null {
  const match = partitionPattern.exec(name);
  const topic = match?.[1];
  const partition = Number(match?.[2]);
  if (topic === undefined || partition > partitionMax) return null;
  return topic === "." || topic === ".." ? null : { topic, partition };
}

/** True for the name of a deleted partition's directory. */
export function isRetiredName(name: string): boolean {
  return retiredPattern.test(name);
}

/**
 * The name under which a partition is moved aside.
 *
 * @param name   A partition's directory name. Its topic is cut short where the result would pass 255 bytes, as Kafka
 *               does it.
 * @param uuid   Told apart by this: 32 hexadecimal digits, dashes allowed, or 22 characters of base64url.
 * @param reason Ends the name.
 */
export function asideName(name: string, uuid: string, reason: AsideReason): string {
  const ending = `.${hexOf(uuid)}-${reason}`;
  const cut = name.lastIndexOf("-");
  const kept = name.slice(cut) + ending;
  return name.slice(0, Math.min(cut, nameBytesMax - kept.length)) + kept;
}

function hexOf(uuid: string): string {
  if (uuid.length === 22) return Buffer.from(uuid, "base64url").toString("hex");
  return uuid.replaceAll("-", "").toLowerCase();
}

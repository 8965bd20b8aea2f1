// Where a backup, or a restored directory, may go: a directory that is not there yet or empty.

import { LogError } from "../base/error.ts";
import type { Disk } from "../storage/disk.ts";

// What a file system puts into an empty disk by itself.
const ownNames = new Set(["lost+found"]);

/**
 * Refuses a place in which something is.
 * @throws BACKUP_PLACE_REFUSED, KAFKA_STORAGE_ERROR
 */
export async function requireEmpty(disk: Disk, path: string): Promise<void> {
  if ((await disk.sizeOf(path)) !== null) throw refusal(path, "is a file");
  const found = (await disk.list(path)).find((name) => !ownNames.has(name));
  if (found !== undefined) throw refusal(path, `is not empty: it holds ${found}`);
}

/** The refusal of a place. */
export function refusal(path: string, reason: string): LogError {
  return new LogError("BACKUP_PLACE_REFUSED", `${path} ${reason}`, { facts: { path } });
}

/** True when one absolute path is another, or lies in it. */
export function isWithin(path: string, directory: string): boolean {
  const whole = normal(path);
  const outer = normal(directory);
  return whole === outer || whole.startsWith(outer === "/" ? "/" : `${outer}/`);
}

// Without `.`, `..` and doubled slashes; links are taken as they are named.
function normal(path: string): string {
  const parts: string[] = [];
  for (const part of path.split("/")) {
    if (part === "..") parts.pop();
    else if (part !== "" && part !== ".") parts.push(part);
  }
  return `/${parts.join("/")}`;
}

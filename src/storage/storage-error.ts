// How a refusal of the operating system becomes one of the house's errors.

import { LogError } from "../base/error.ts";

/**
 * A LogError for a failed call: DISK_FULL for ENOSPC and EDQUOT, else KAFKA_STORAGE_ERROR.
 *
 * @param action What was tried, as a noun: "write", "open".
 * @param path   Only its last part is named, because clients may see the sentence; `cause` has the rest.
 * @param cause  The system's error.
 */
export function storageError(action: string, path: string, cause: unknown): LogError {
  const code = systemCodeOf(cause);
  const isFull = code === "ENOSPC" || code === "EDQUOT";
  const detail = `${action} of ${path.slice(path.lastIndexOf("/") + 1)} failed`;
  const name = isFull ? "DISK_FULL" : "KAFKA_STORAGE_ERROR";
  return new LogError(name, code === null ? detail : `${detail} (${code})`, { cause });
}

/** The code of a system error ("ENOENT"), also of one that a LogError has as its cause; null when there is none. */
export function systemCodeOf(error: unknown): string | null {
  if (error instanceof LogError) return systemCodeOf(error.cause);
  const code = error instanceof Error && "code" in error ? error.code : null;
  return typeof code === "string" ? code : null;
}

/** A system error by number, for calls that Node does not make itself. */
export function errnoError(call: string, code: { name: string; number: number }): Error {
  return Object.assign(new Error(`${code.name}: ${call} (errno ${code.number})`), {
    code: code.name,
    errno: -code.number,
  });
}

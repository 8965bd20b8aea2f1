// How a command ends: exit codes, and one line for the person at the terminal.

import { CommanderError } from "commander";
import { LogError } from "../base/error.ts";
import { isVarveError } from "../client/errors.ts";

/** Exit codes of every command; `--help` lists them. */
export const exitCode = {
  ok: 0,
  failed: 1,
  usage: 2,
  unreachable: 3,
  damage: 4,
  /** Stopped by SIGINT or SIGTERM: 128 and the number of SIGINT, as shells count. */
  stopped: 130,
} as const;

/** The part of `--help` that lists the exit codes. */
export const exitCodeHelp = `
Exit codes:
  0    done
  1    the operation failed
  2    the command line is wrong
  3    the server cannot be reached
  4    'check' or 'restore' found damage
  130  stopped by the user`;

/** An end of a command with its exit code and the line to show. */
export class CliError extends Error {
  readonly exitCode: number;

  /** @param code An exit code; @param message What happened and what to do, in one line. */
  constructor(code: number, message: string) {
    super(message);
    this.name = "CliError";
    this.exitCode = code;
  }
}

/** Nobody reads the output any more: the command ends quietly, as `head` wants it. */
export class OutputClosed extends Error {
  constructor() {
    super("the output was closed");
    this.name = "OutputClosed";
  }
}

/** What to do with an error: the exit code, and the line for stderr, or null when nothing needs saying. */
export interface Ending {
  readonly exitCode: number;
  readonly line: string | null;
}

/** Decides how a command ends that threw `error`. */
export function endingOf(error: unknown): Ending {
  if (error instanceof OutputClosed) return { exitCode: exitCode.ok, line: null };
  if (error instanceof CommanderError) return endingOfUsage(error);
  if (error instanceof CliError) return { exitCode: error.exitCode, line: error.message };
  return { exitCode: exitCodeOf(error), line: `varve: ${oneLine(messageOf(error))}` };
}

// Commander has shown help, version or its own complaint by the time it throws.
function endingOfUsage(error: CommanderError): Ending {
  const isUsage = error.exitCode !== 0;
  return { exitCode: isUsage ? exitCode.usage : exitCode.ok, line: null };
}

/** The exit code for an error of the client, the log or the file system. */
export function exitCodeOf(error: unknown): number {
  if (isVarveError(error, "CONNECT_FAILED")) return exitCode.unreachable;
  if (isVarveError(error, "ABORTED", "CLIENT_CLOSED")) return exitCode.stopped;
  if (isVarveError(error, "INVALID_REQUEST") && error.status === 0) return exitCode.usage;
  const isDamage = error instanceof LogError && error.code === "BACKUP_DAMAGED";
  return isDamage ? exitCode.damage : exitCode.failed;
}

/** A sentence for an error, with what to do where that is known. */
export function messageOf(error: unknown): string {
  if (isVarveError(error, "CONNECT_FAILED")) {
    return `${error.message}; start one with 'varve serve', or name another with --url`;
  }
  if (isVarveError(error, "ABORTED", "CLIENT_CLOSED")) return "stopped";
  if (isVarveError(error)) {
    const request = error.requestId === null ? "" : `, request ${error.requestId}`;
    return error.status === 0 ? error.message : `${error.message} (${error.code}${request})`;
  }
  if (error instanceof LogError) return `${error.message} (${error.code})`;
  const { code, path, message } = error as NodeJS.ErrnoException;
  if (path !== undefined && code === "ENOENT") return `${path}: no such file or directory`;
  if (path !== undefined && code === "EACCES") return `${path}: permission denied`;
  if (path !== undefined && code === "EISDIR") return `${path}: is a directory`;
  return error instanceof Error ? message : String(error);
}

function oneLine(text: string): string {
  return text.replaceAll(/\s*\n\s*/g, " ");
}

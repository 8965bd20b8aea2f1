// The shim between a server and its disk: compiled when it is needed, and what it notes.

import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Found } from "../../support/found.ts";
import { projectRoot } from "../../support/source-tree.ts";

/** Compiles the shim; answers the library's path. */
export function compiledShim(): Found<string> {
  if (process.platform !== "linux") return { missing: "a library is put before others on Linux" };
  const library = join(projectRoot, "dist/test/crash/faults/shim.so");
  const source = join(projectRoot, "test/crash/faults/shim.c");
  mkdirSync(join(library, ".."), { recursive: true });
  try {
    const flags = ["-shared", "-fPIC", "-O1", "-o", library, source, "-ldl"];
    execFileSync("cc", flags, { stdio: "pipe" });
    return { tool: library };
  } catch (cause) {
    return { missing: `no C compiler could make the shim: ${String(cause).slice(0, 200)}` };
  }
}

/** What a server's calls shall meet. */
export interface ShimPlan {
  /** `fdatasync`, `pwrite`, `rename`, …; `any` counts all of them. */
  readonly call: string;
  /** The first is 1. */
  readonly at: number;
  /** Fails with EIO, or ends the process before the call. */
  readonly action: "eio" | "exit";
}

/** The environment of a process under the shim. */
export function shimEnvironment(
  library: string,
  about: { readonly dataDir: string; readonly log: string; readonly plan: ShimPlan | null },
): Readonly<Record<string, string>> {
  const { dataDir, log, plan } = about;
  return {
    LD_PRELOAD: library,
    SHIM_DIR: dataDir,
    SHIM_LOG: log,
    ...(plan === null ? {} : { SHIM_PLAN: `${plan.call}:${plan.at}:${plan.action}` }),
  };
}

/** A call as the shim noted it. */
export interface ShimCall {
  readonly name: string;
  /** `ok`, `failed`, `planned` (failed as planned) or `exit`. */
  readonly outcome: string;
  readonly path: string;
}

/** The calls of a log; none where there is no log. */
export function shimCalls(log: string): readonly ShimCall[] {
  if (!existsSync(log)) return [];
  const lines = readFileSync(log, "utf8").split("\n").slice(0, -1);
  return lines.map((line) => {
    const [name = "", outcome = "", ...path] = line.split(" ");
    return { name, outcome, path: path.join(" ") };
  });
}

/** Segment files that were synced or written again after a sync of them had failed, in one life of a process. */
export function resynced(calls: readonly ShimCall[]): readonly string[] {
  const failed = new Set<string>();
  const problems: string[] = [];
  for (const { name, outcome, path } of calls) {
    if (!path.endsWith(".log")) continue;
    const isSync = name === "fdatasync" || name === "fsync";
    const isWrite = name === "pwrite" || name === "pwritev" || name === "write";
    if (failed.has(path) && (isSync || isWrite))
      problems.push(`${name} of ${path} after it failed`);
    if (isSync && outcome !== "ok") failed.add(path);
  }
  return problems;
}

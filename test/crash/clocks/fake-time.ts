// The library that fakes the wall clock of a process, where it is installed.

import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import type { Found } from "../../support/found.ts";

/** The path of libfaketime, and whether Node runs under it. */
export function fakeTime(): Found<string> {
  if (process.platform !== "linux") return { missing: "libfaketime is looked for on Linux only" };
  const folders = ["x86_64-linux-gnu/", "aarch64-linux-gnu/", ""];
  const paths = folders.map((folder) => `/usr/lib/${folder}faketime/libfaketime.so.1`);
  const library = paths.find((path) => existsSync(path));
  if (library === undefined) {
    return { missing: "libfaketime is not installed (apt-get install faketime)" };
  }
  const env = { LD_PRELOAD: library, FAKETIME: "-1000d", FAKETIME_DONT_FAKE_MONOTONIC: "1" };
  try {
    const script = "console.log(Date.now())";
    const said = execFileSync(process.execPath, ["-e", script], { env, encoding: "utf8" });
    const isFaked = Date.now() - Number(said) > 900 * 86_400_000;
    return isFaked ? { tool: library } : { missing: "libfaketime does not reach Node's clock" };
  } catch (cause) {
    return { missing: `Node does not run under libfaketime: ${String(cause).slice(0, 200)}` };
  }
}

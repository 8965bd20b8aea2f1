#!/usr/bin/env node
// Starts the `varve` command in this process: its streams, its signals, its exit code.

import { foregroundClock } from "../base/clock.ts";
import { run } from "./program.ts";

const stop = new AbortController();
for (const signal of ["SIGINT", "SIGTERM"] as const) {
  process.on(signal, () => {
    // Asked twice: at once, whatever is still under way.
    if (stop.signal.aborted) process.exit(130);
    stop.abort();
  });
}

const code = await run(process.argv.slice(2), {
  stdin: process.stdin,
  stdout: process.stdout,
  stderr: process.stderr,
  stop: stop.signal,
  clock: foregroundClock,
});
// Standard input may still be open and would hold the process.
process.exit(code);

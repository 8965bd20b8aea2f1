// Runs an example when its file is the program; when a test imports it, nothing happens.

import { realpathSync } from "node:fs";
import { createClient } from "../src/client/client.ts";

/** What an example shows as it goes. */
export type Say = (line: string) => void;

/** Runs `example` against the server named on the command line, in VARVE_URL, or on this machine. */
export async function startExample(
  file: string,
  example: (url: string, say: Say) => Promise<unknown>,
): Promise<void> {
  const program = process.argv[1];
  if (program === undefined || realpathSync(program) !== realpathSync(file)) return;
  const url = process.argv[2] ?? process.env["VARVE_URL"] ?? "http://127.0.0.1:8082";
  const client = createClient({ url, retriesMax: 0 });
  try {
    // Here and now, and not by the failure of whatever the example does first.
    await client.health();
    await example(url, (line) => console.log(line));
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    process.exitCode = 1;
  } finally {
    await client.close();
  }
}

// Loaded before the command line in a child that is held: loads the server's code, then waits for a line on standard
// input, so that a start after a kill takes the time of the start alone.

import { once } from "node:events";
import "../../src/server.ts";

const outcome = await Promise.race([
  once(process.stdin, "data").then(() => "start"),
  once(process.stdin, "end").then(() => "end"),
]);
// Whoever held it is gone.
if (outcome === "end") process.exit(0);
process.stdin.destroy();

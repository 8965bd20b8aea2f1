// The same tests on a newer Node, whose built-ins (zstd, source text of JSON numbers) take other paths through the
// house.

import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { expect, test } from "vitest";
import { projectRoot } from "../support/source-tree.ts";
import { nodeBinary } from "./toolchain.ts";

test("Node 24: the whole test suite passes", (context) => {
  const found = nodeBinary(24);
  if ("missing" in found) return context.skip(found.missing);
  const vitest = join(projectRoot, "node_modules/vitest/vitest.mjs");
  const run = spawnSync(found.tool, [vitest, "run", "--reporter=dot"], {
    cwd: projectRoot,
    encoding: "utf8",
    env: { ...process.env, CI: "" },
  });
  const said = `${run.stdout.slice(-8000)}\n${run.stderr.slice(-4000)}`;
  expect(said).toMatch(/Tests\s+.*passed/);
  // What failed is said at the end.
  expect(run.status, said).toBe(0);
});

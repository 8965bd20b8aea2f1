// franz-go (github.com/twmb/franz-go) against the server: the scenarios of test/interop/go.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { projectRoot } from "../support/source-tree.ts";
import { describeProgram } from "./outcomes.ts";
import { scenarios } from "./results.ts";
import { compiledGo } from "./toolchain.ts";

const module = readFileSync(join(projectRoot, "test/interop/go/go.mod"), "utf8");

describeProgram({
  name: "franz-go",
  version: /twmb\/franz-go v(\S+)/.exec(module)?.[1] ?? "",
  scenarios: scenarios.filter((scenario) => scenario !== "share-groups"),
  prepare: () => {
    const found = compiledGo("go");
    if ("missing" in found) return found;
    return { tool: (bootstrap) => ({ file: found.tool, args: [bootstrap] }) };
  },
});

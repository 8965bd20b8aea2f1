// The workers there are for the exactly-once loop, by name: the command of each, or why there is none.

import { join } from "node:path";
import { compiledJava, type Found } from "../../interop/toolchain.ts";
import { projectRoot } from "../../support/source-tree.ts";

/** Command and first arguments of each worker. */
export const workers: Readonly<Record<string, () => Found<readonly string[]>>> = {
  kafkajs: () => ({
    tool: [process.execPath, join(projectRoot, "dist/test/crash/kafka/exactly-once-worker.js")],
  }),
  java: () => {
    const found = compiledJava("java");
    if ("missing" in found) return found;
    return { tool: ["java", "-Xmx256m", "-cp", found.tool, "ExactlyOnce"] };
  },
};

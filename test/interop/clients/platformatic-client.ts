// Where the script of @platformatic/kafka is, and the package and the Node it needs.

import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { projectRoot } from "../../support/source-tree.ts";
import { type Found, nodeBinary } from "../toolchain.ts";
import type { ScriptedClient } from "./scripted.ts";

const folder = join(projectRoot, ".interop/platformatic");
const packageFile = join(folder, "node_modules/@platformatic/kafka/package.json");

/** The client's script on Node 24, with the package installed below .interop. */
export function platformaticClient(): Found<ScriptedClient> {
  const node = nodeBinary(24);
  if ("missing" in node) return node;
  try {
    if (!existsSync(packageFile)) {
      mkdirSync(folder, { recursive: true });
      writeFileSync(join(folder, "package.json"), '{"private": true}');
      const install = ["install", "--no-save", "--ignore-scripts", "@platformatic/kafka@2"];
      execFileSync("npm", install, { cwd: folder, stdio: "pipe" });
    }
    const { version } = JSON.parse(readFileSync(packageFile, "utf8")) as { version: string };
    const script = join(projectRoot, "test/interop/clients/platformatic_client.mjs");
    const command = [node.tool, script];
    return { tool: { name: "@platformatic/kafka", version, command, env: { PACKAGE: folder } } };
  } catch (cause) {
    return { missing: `npm could not install the client: ${String(cause).slice(0, 200)}` };
  }
}

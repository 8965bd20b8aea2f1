// Where the script of confluent-kafka for Python is, and the wheel it needs.

import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { projectRoot } from "../../support/source-tree.ts";
import type { Found } from "../toolchain.ts";
import type { ScriptedClient } from "./scripted.ts";

const target = join(projectRoot, ".interop/python");

/** The client's script, with the wheel installed below .interop. */
export function confluentClient(): Found<ScriptedClient> {
  const env = { PYTHONPATH: target };
  try {
    if (!existsSync(join(target, "confluent_kafka"))) {
      const install = ["-m", "pip", "install", "-q", "--only-binary", ":all:", "--target", target];
      execFileSync("python3", [...install, "confluent-kafka"], { stdio: "pipe" });
    }
    const ask = "import confluent_kafka as c; print(c.version(), c.libversion()[0])";
    const options = { encoding: "utf8", env: { ...process.env, ...env } } as const;
    const [version, library] = execFileSync("python3", ["-c", ask], options).trim().split(" ");
    const script = join(projectRoot, "test/interop/clients/confluent_client.py");
    const name = "confluent-kafka (Python)";
    return {
      tool: {
        name,
        version: `${version} / librdkafka ${library}`,
        command: ["python3", script],
        env,
      },
    };
  } catch (cause) {
    return { missing: `pip could not install confluent-kafka: ${String(cause).slice(0, 200)}` };
  }
}

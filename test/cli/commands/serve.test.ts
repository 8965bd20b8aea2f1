import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Command } from "commander";
import { expect, test } from "vitest";
import { registerServe } from "../../../src/cli/commands/serve.ts";
import { configFlags } from "../../../src/config.ts";
import { freePort, ServerProcess } from "../../support/server-process.ts";

test("serve --help: shows every setting with its variable and default, and an example", () => {
  const program = new Command();
  registerServe(program);
  let text = "";
  const serve = program.commands[0]?.configureOutput({ writeOut: (part) => (text += part) });
  serve?.outputHelp();
  const words = text.replaceAll(/\s+/g, " ");
  for (const flag of configFlags()) {
    expect(words).toContain(flag.option.split(" ")[0]);
    expect(words).toContain(`[${flag.variable}] (default: ${flag.defaultText})`);
  }
  expect(words).toContain("Example:");
});

test.each(["SIGTERM", "SIGINT"] as const)(
  "serve: %s: stops in order with exit code 0",
  async (signal) => {
    const dataDir = mkdtempSync(join(tmpdir(), "varve-serve-"));
    const server = await ServerProcess.start({ dataDir, port: await freePort() });
    expect(await server.stop(signal)).toBe(0);
    expect(server.output).toContain("varve has stopped");
    rmSync(dataDir, { recursive: true, force: true });
  },
);

test("serve --no-kafka: serves HTTP alone, and says so when it is ready", async () => {
  const dataDir = mkdtempSync(join(tmpdir(), "varve-serve-"));
  const flags = ["--no-kafka"];
  const server = await ServerProcess.start({ dataDir, port: await freePort(), flags });
  expect(server.output).toContain('"kafka":null');
  await server.stop();
  rmSync(dataDir, { recursive: true, force: true });
});

// Clients that are not of this process: a script runs scenarios and prints a line for each, `ok <scenario>`,
// `failed <scenario> <why>` or `skipped <scenario> <why>`; each becomes a test.

import { spawn } from "node:child_process";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type ClientResults, clientResults, type Scenario, scenarios } from "../results.ts";
import { type ServerUnderTest, startServerUnderTest } from "../server-under-test.ts";
import type { Found } from "../toolchain.ts";

/** A client's script and what it needs to run. */
export interface ScriptedClient {
  readonly name: string;
  readonly version: string;
  /** The command with its first arguments; the address and the name of a scenario follow. */
  readonly command: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

const scenarioMsMax = 180_000;
// None of these clients has a share consumer.
const scripted = scenarios.filter((scenario) => scenario !== "share-groups");

/** Makes a test of every scenario; those of `absent` are noted as left out, with the reason given there. */
export function testScripted(
  label: string,
  find: () => Found<ScriptedClient>,
  absent: Partial<Record<Scenario, string>> = {},
): void {
  let found: Found<ScriptedClient> = { missing: "not looked for" };
  let server: ServerUnderTest | null = null;
  let results: ClientResults = clientResults(label, "");

  beforeAll(async () => {
    found = find();
    if ("tool" in found) results = clientResults(found.tool.name, found.tool.version);
    if ("tool" in found) server = await startServerUnderTest();
  });

  afterAll(async () => {
    await server?.stop();
  });

  for (const scenario of scripted) {
    test(`${label}: ${scenario}`, async (context) => {
      const reason = "missing" in found ? found.missing : absent[scenario];
      if ("missing" in found || reason !== undefined || server === null) {
        results.leaveOut(scenario, reason ?? "no server");
        return context.skip(reason ?? "no server");
      }
      const client = found.tool;
      const { bootstrap } = server;
      await results.run(scenario, async () => {
        const { line, output } = await runScenario(client, [bootstrap, scenario]);
        const [outcome, , ...why] = line.split(" ");
        if (outcome !== "ok") throw new Error(`${why.join(" ")}\n${output.slice(-3000)}`);
        expect(outcome).toBe("ok");
      });
    });
  }
}

function runScenario(
  client: ScriptedClient,
  args: readonly string[],
): Promise<{ readonly line: string; readonly output: string }> {
  const [command = "", ...first] = client.command;
  const child = spawn(command, [...first, ...args], { env: { ...process.env, ...client.env } });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.on("data", (chunk: Buffer) => {
      output += chunk.toString();
    });
  }
  const timer = setTimeout(() => child.kill("SIGKILL"), scenarioMsMax);
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("close", () => {
      clearTimeout(timer);
      const line = /^(?:ok|failed|skipped) .*$/m.exec(output)?.[0];
      resolve({ line: line ?? "failed - the script ended without a result", output });
    });
  });
}

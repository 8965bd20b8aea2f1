// Scenario programs of other languages: each prints a line for each of its checks, `ok <scenario>/<check>` or
// `failed <scenario>/<check> <why>`, and becomes a test for each scenario here.

import { execFile } from "node:child_process";
import { afterAll, beforeAll, describe, test } from "vitest";
import { clientResults, type Scenario } from "./results.ts";
import { type ServerUnderTest, startServerUnderTest } from "./server-under-test.ts";
import type { Found } from "./toolchain.ts";

/** A program to run: its file and arguments. */
export interface Program {
  readonly file: string;
  readonly args: readonly string[];
  /** The folder it runs in; this process's own when left out. */
  readonly cwd?: string;
}

/** A client whose scenarios are a program. */
export interface ProgramClient {
  readonly name: string;
  readonly version: string;
  /** Only what the program has; the rest of the scenarios are not in the table. */
  readonly scenarios: readonly Scenario[];
  /** Installs and compiles; answers how to run all scenarios against a server. */
  prepare(): Found<(bootstrap: string) => Program>;
}

/** Runs a program to its end and answers both outputs; a status other than 0 is no error here. */
export function runProgram(program: Program, timeoutMs: number): Promise<string> {
  return new Promise((resolve) => {
    const { file, args, cwd } = program;
    const options = {
      ...(cwd === undefined ? {} : { cwd }),
      timeout: timeoutMs,
      maxBuffer: 64 * 2 ** 20,
    };
    execFile(file, [...args], options, (error, stdout, stderr) => {
      const status = error === null ? "" : `\n${error.message.slice(0, 200)}`;
      resolve(`${stdout}\n${stderr}${status}`);
    });
  });
}

/** Makes a test for each scenario of the program; the program runs once, before them. */
export function describeProgram(client: ProgramClient): void {
  describe(`${client.name} ${client.version}`, () => {
    const results = clientResults(client.name, client.version);
    let server: ServerUnderTest | null = null;
    let output = "";
    let missing: string | null = null;

    beforeAll(async () => {
      const found = client.prepare();
      if ("missing" in found) {
        missing = found.missing;
        return;
      }
      server = await startServerUnderTest();
      output = await runProgram(found.tool(server.bootstrap), 300_000);
    });
    afterAll(async () => {
      await server?.stop();
    });

    test.for(client.scenarios)("%s", async (scenario, context) => {
      if (missing !== null) {
        results.leaveOut(scenario, missing);
        return context.skip(missing);
      }
      await results.run(scenario, async () => judge(scenario, output, server));
    });
  });
}

function judge(scenario: Scenario, output: string, server: ServerUnderTest | null): void {
  const lines = output.split("\n").filter((line) => line.includes(` ${scenario}/`));
  const failed = lines.filter((line) => !line.startsWith("ok "));
  if (failed.length > 0) {
    const log = server?.output().slice(-2000) ?? "";
    throw new Error(`${failed.join("; ")}${log === "" ? "" : `\nThe server: ${log}`}`);
  }
  if (lines.length === 0) throw new Error(`no outcome; the program wrote:\n${output.slice(-2000)}`);
}

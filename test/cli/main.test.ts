import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { afterEach, beforeEach, expect, test } from "vitest";
import { FakeVarve } from "../support/fake-varve.ts";
import { cliPath } from "../support/server-process.ts";

// The process itself is what is judged here, so it is the compiled one: `npm run build` makes it.
const isBuilt = existsSync(cliPath);

let server: FakeVarve;

beforeEach(async () => {
  server = await FakeVarve.start({ logs: 1 });
});

afterEach(() => server.stop());

function start(words: readonly string[]) {
  const child = spawn(process.execPath, [cliPath, ...words], {
    env: { ...process.env, VARVE_URL: server.url },
    stdio: ["pipe", "pipe", "pipe"],
  });
  const output = { stdout: "", stderr: "" };
  child.stdout.on("data", (chunk: Buffer) => (output.stdout += chunk.toString()));
  child.stderr.on("data", (chunk: Buffer) => (output.stderr += chunk.toString()));
  return { child, output, ended: once(child, "close") };
}

test.runIf(isBuilt)(
  "main: SIGINT while following: ends with 130 and all output written",
  async () => {
    server.append("logs", 0, "a", "b");
    const { child, output, ended } = start(["consume", "logs", "--follow"]);
    while (output.stdout !== "a\nb\n") await once(child.stdout, "data");
    child.kill("SIGINT");
    const [code] = (await ended) as [number];
    expect({ code, ...output }).toEqual({ code: 130, stdout: "a\nb\n", stderr: "" });
  },
);

test.runIf(isBuilt)(
  "main: the reader of the pipe goes away: ends by itself, quietly, with 0",
  async () => {
    server.append("logs", 0, ...Array.from({ length: 50_000 }, () => "x".repeat(50)));
    const { child, output, ended } = start(["consume", "logs"]);
    await once(child.stdout, "data");
    child.stdout.destroy();
    const [code] = (await ended) as [number];
    expect([code, output.stderr]).toEqual([0, ""]);
  },
);

test.runIf(isBuilt)(
  "main: an open standard input: does not hold a command that has failed",
  async () => {
    server.spoil = ({ method }) =>
      method === "POST" ? { status: 400, body: { code: "INVALID_RECORD", detail: "no" } } : null;
    const { child, output, ended } = start(["produce", "logs"]);
    child.stdin.on("error", () => undefined);
    child.stdin.write("line\n");
    const [code] = (await ended) as [number];
    expect(code).toBe(1);
    expect(output.stderr).toMatch(/^varve: no \(INVALID_RECORD\)/);
  },
);

import { PassThrough } from "node:stream";
import { expect, test } from "vitest";
import { type CommandInput, runCommand } from "../../src/cli/command-run.ts";
import { until } from "../support/until.ts";

const runIt = (command: string, changes: Partial<CommandInput> = {}) => {
  const out: Buffer[] = [];
  const stderr = new PassThrough();
  const ended = runCommand({
    command,
    stdin: null,
    environment: { PATH: process.env["PATH"] },
    signal: new AbortController().signal,
    write: async (chunk) => void out.push(Buffer.from(chunk)),
    stderr,
    ...changes,
  });
  return { ended, stderr, text: () => Buffer.concat(out).toString() };
};

test("command run: standard input in, output and exit code out", async () => {
  const run = runIt('cat; printf %s "$WHO"; exit 3', {
    stdin: Buffer.from("value "),
    environment: { PATH: process.env["PATH"], WHO: "me" },
  });
  expect(await run.ended).toEqual({ code: 3, signal: null, errorTail: "" });
  expect(run.text()).toBe("value me");
});

test("command run: standard error: passed on, and its end kept", async () => {
  const run = runIt("printf '%01000d' 7 >&2; echo >&2; echo ' last line ' >&2");
  const { errorTail } = await run.ended;
  expect(errorTail).toMatch(/^0+7\n last line$/);
  expect(errorTail.length).toBe(800);
  expect(String(run.stderr.read())).toHaveLength(1_000 + 1 + 12);
});

test("command run: one that does not read its input: is no failure", async () => {
  const run = runIt("exit 0", { stdin: Buffer.alloc(1024 * 1024) });
  expect((await run.ended).code).toBe(0);
});

test("command run: aborted: it and what it started end, also when it was aborted before", async () => {
  const stop = new AbortController();
  const run = runIt("echo up; sleep 600 | sleep 600; echo never", { signal: stop.signal });
  await until(() => run.text() === "up\n");
  stop.abort();
  expect(await run.ended).toEqual({ code: null, signal: "SIGTERM", errorTail: "" });
  expect((await runIt("sleep 600", { signal: stop.signal }).ended).signal).toBe("SIGTERM");
});

test("command run: output that nobody takes: ends the command and is thrown", async () => {
  const run = runIt("while echo y; do :; done", {
    write: async () => {
      throw new Error("nobody reads");
    },
  });
  await expect(run.ended).rejects.toThrow("nobody reads");
});

import { CommanderError } from "commander";
import { expect, test } from "vitest";
import { LogError } from "../../src/base/error.ts";
import { CliError, endingOf, OutputClosed } from "../../src/cli/exit.ts";
import { VarveError } from "../../src/client/client.ts";

const cases: readonly (readonly [string, unknown, number, string | null])[] = [
  ["a closed output", new OutputClosed(), 0, null],
  ["help that was asked for", new CommanderError(0, "commander.help", ""), 0, null],
  ["a wrong command line", new CommanderError(1, "commander.unknownOption", ""), 2, null],
  ["a command's own ending", new CliError(4, "found"), 4, "found"],
  [
    "an unreachable server",
    new VarveError("cannot reach", { code: "CONNECT_FAILED" }),
    3,
    "varve: cannot reach; start one with 'varve serve', or name another with --url",
  ],
  ["a wish to stop", new VarveError("x", { code: "ABORTED" }), 130, "varve: stopped"],
  [
    "an argument the client refuses",
    new VarveError("no", { code: "INVALID_REQUEST" }),
    2,
    "varve: no",
  ],
  [
    "a refusal of the server",
    new VarveError("not there", { code: "NOT_FOUND", status: 404, requestId: "r" }),
    1,
    "varve: not there (NOT_FOUND, request r)",
  ],
  [
    "an error of the log",
    new LogError("CORRUPT_MESSAGE", "bad"),
    1,
    "varve: bad (CORRUPT_MESSAGE)",
  ],
  [
    "a missing file",
    Object.assign(new Error("ENOENT: no such file, open 'f'"), { code: "ENOENT", path: "f" }),
    1,
    "varve: f: no such file or directory",
  ],
  ["a message of several lines", new Error("one\n  two"), 1, "varve: one two"],
];

test.each(cases)("ending: %s: its exit code and one line", (...row) => {
  const [, error, exitCode, line] = row;
  expect(endingOf(error)).toEqual({ exitCode, line });
});

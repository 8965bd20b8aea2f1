import { expect, test } from "vitest";
import { varve } from "../support/cli-run.ts";

const verbs = [
  ["serve"],
  ["topic", "create"],
  ["topic", "list"],
  ["topic", "describe"],
  ["topic", "alter"],
  ["topic", "delete"],
  ["produce"],
  ["consume"],
  ["group", "list"],
  ["group", "describe"],
  ["group", "reset"],
  ["group", "delete"],
  ["queue", "create"],
  ["queue", "list"],
  ["queue", "describe"],
  ["queue", "delete"],
  ["queue", "send"],
  ["queue", "receive"],
  ["queue", "work"],
  ["queue", "dead"],
  ["queue", "redrive"],
  ["dump"],
  ["check"],
];

test.each(verbs.map((words) => [words]))(
  "program: %j --help: exit code 0, with an example",
  async (words) => {
    const got = await varve([...words, "--help"]);
    expect(got.code).toBe(0);
    expect(got.stdout.toString()).toMatch(
      new RegExp(`Examples?:\\n\\s+(\\$ |tail .*)?.*varve ${words.join(" ")}`),
    );
  },
);

test("program: --help: names every verb and every exit code", async () => {
  const text = (await varve(["--help"])).stdout.toString();
  for (const [verb] of verbs) expect(text).toMatch(new RegExp(`^  ${verb}`, "m"));
  expect(text).toContain("4    'check' or 'restore' found damage");
});

test.each([
  [["frobnicate"], /unknown command 'frobnicate'/],
  [["consum", "t"], /Did you mean consume/],
  [["produce"], /missing required argument 'topic'/],
  [["consume", "t", "--max", "none"], /whole number/],
  [["consume", "t", "--from", "yesterday"], /earliest, latest/],
  [["consume", "t", "--follow", "--until-end"], /cannot be used with/],
  [["topic", "create", "t", "--config", "novalue"], /name=value/],
  [["topic", "list", "--url", "nonsense"], /not an http/],
  [["produce", "t", "--acks", "2"], /Allowed choices are 0, 1, all/],
])("program: %j: exit code 2 and one line", async (words, complaint) => {
  const got = await varve(words);
  expect(got.stderr).toMatch(complaint);
  expect(got.stderr).toMatch(/^varve: [^\n]+\n$/);
  expect(got.code).toBe(2);
  expect(got.stdout.toString()).toBe("");
});

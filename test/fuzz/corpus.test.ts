// Every kept input again, and a short run of every target.

import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { corpusTargets, readCorpus } from "./corpus-files.ts";
import { faultUnder, fuzz } from "./fuzzer.ts";
import { prepareTargets, targets } from "./targets/all.ts";

const inputs = 400;

// Refusals are thrown by the thousand; nobody reads where they came from.
const { stackTraceLimit } = Error;
beforeAll(async () => {
  await prepareTargets();
  Error.stackTraceLimit = 0;
});
afterAll(() => {
  Error.stackTraceLimit = stackTraceLimit;
});

test("every kept input belongs to a target", () => {
  const names = targets.map(({ name }) => name);
  expect(corpusTargets().filter((name) => !names.includes(name))).toEqual([]);
});

describe.each(targets.map((target) => ({ name: target.name, target })))("$name", ({ target }) => {
  test("holds its promises under every kept input", async () => {
    const faults: string[] = [];
    for (const input of readCorpus(target.name)) {
      const fault = await faultUnder(target, input);
      if (fault !== null) faults.push(`${Buffer.from(input).toString("hex")}: ${fault}`);
    }
    expect(faults).toEqual([]);
  });

  test("holds its promises in a short run", async () => {
    const weight = Math.min(1, target.weight ?? 1);
    const options = { seed: 1, inputs: Math.ceil(inputs * weight), corpus: [], coverage: null };
    const facts = await fuzz(target, options);
    expect(facts.findings.map(({ what }) => what)).toEqual([]);
    expect(facts.valid).toBeGreaterThan(0);
  });
});

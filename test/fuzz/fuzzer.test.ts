// The fuzzer finds what it is there to find: each kind of broken promise, planted in a decoder of a few lines.

import { expect, test } from "vitest";
import { LogError } from "../../src/base/error.ts";
import { faultUnder, fuzz } from "./fuzzer.ts";
import type { FuzzTarget } from "./target.ts";

const sound: FuzzTarget = {
  name: "planted",
  bound: { text: "nothing", bytes: () => 0 },
  refusals: ["INVALID_RECORD"],
  samples: () => [Buffer.from("ab")],
  run: (input) => {
    if (input[0] !== 0x61) throw new LogError("INVALID_RECORD", "does not begin with an a");
    return 1;
  },
};

async function found(target: FuzzTarget, inputs = 3000): Promise<readonly string[]> {
  const facts = await fuzz(target, { seed: 5, inputs, corpus: [], coverage: null });
  return facts.findings.map(({ what }) => what);
}

test("a sound decoder: nothing, and valid inputs among the others", async () => {
  const facts = await fuzz(sound, { seed: 5, inputs: 3000, corpus: [], coverage: null });
  expect(facts).toMatchObject({ inputs: 3000, findings: [], outcomes: 2 });
  expect(facts.valid).toBeGreaterThan(300);
  expect(facts.valid).toBeLessThan(3000);
});

test("the same seed: the same run", async () => {
  const seen: string[][] = [[], []];
  for (const inputs of seen) {
    const target: FuzzTarget = {
      ...sound,
      run: (input) => {
        inputs.push(input.toString("hex"));
        return input.length;
      },
    };
    await fuzz(target, { seed: 9, inputs: 500, corpus: [], coverage: null });
  }
  expect(seen[0]).toEqual(seen[1]);
});

test("an error of another kind, with the input that brings it", async () => {
  const target: FuzzTarget = {
    ...sound,
    run: (input) => (input[1] === 0xff ? input.readUInt32BE(9) : 1),
  };
  const facts = await fuzz(target, { seed: 5, inputs: 5000, corpus: [], coverage: null });
  const [finding] = facts.findings;
  expect(finding?.what).toContain("RangeError");
  expect(await faultUnder(target, finding?.input ?? Buffer.alloc(0))).toContain("RangeError");
});

test("a refusal that is not documented", async () => {
  expect(await found({ ...sound, refusals: ["INVALID_REQUEST"] })).toEqual([
    "an undocumented refusal, INVALID_RECORD: does not begin with an a",
  ]);
});

test("memory above the bound", async () => {
  const kept: unknown[] = [];
  const target: FuzzTarget = {
    ...sound,
    run: () => {
      kept[0] = new Uint8Array(4 << 20);
      return 1;
    },
  };
  expect((await found(target, 20))[0]).toMatch(/bytes took \d{7} bytes of memory, the bound is 0/);
});

test("an input that is changed", async () => {
  const target: FuzzTarget = {
    ...sound,
    run: (input) => {
      input.fill(7);
      return 1;
    },
  };
  expect(await found(target)).toContain("the input was changed");
});

test("a loop without an end", async () => {
  const target: FuzzTarget = {
    ...sound,
    run: (input) => {
      for (; input[0] === 0x62; );
      return 1;
    },
  };
  const options = { seed: 5, inputs: 2000, corpus: [], coverage: null, hangMs: 100 };
  const { findings } = await fuzz(target, options);
  expect(findings[0]?.what).toBe("did not end within 100 ms");
  expect(findings[0]?.input[0]).toBe(0x62);
});

test("a batch that others kept from the processor: goes on behind it", async () => {
  let isHeldUp = true;
  const target: FuzzTarget = {
    ...sound,
    run: (input) => {
      if (input[0] !== 0x62 || !isHeldUp) return 1;
      isHeldUp = false;
      for (;;);
    },
  };
  const options = { seed: 5, inputs: 2000, corpus: [], coverage: null, hangMs: 100 };
  const { inputs, findings } = await fuzz(target, options);
  expect(isHeldUp).toBe(false);
  expect([inputs, findings]).toEqual([2000, []]);
});

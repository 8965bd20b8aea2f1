import { expect, test } from "vitest";
import { FuzzRandom } from "./fuzz-random.ts";
import { Mutator } from "./mutator.ts";

const corpus = [Buffer.from("one sample of a few bytes"), Buffer.from("another"), Buffer.alloc(0)];
const source = { corpus, words: [Buffer.from("word")], isJson: false };

function inputs(run: number, count: number): readonly string[] {
  const random = new FuzzRandom();
  const mutator = new Mutator(random, 4096);
  return Array.from({ length: count }, (_, index) => {
    random.seed(run, index);
    mutator.make(source, 40);
    return mutator.input.toString("latin1");
  });
}

test("the same seed gives the same inputs, another gives others", () => {
  expect(inputs(1, 500)).toEqual(inputs(1, 500));
  expect(inputs(1, 500)).not.toEqual(inputs(2, 500));
});

test("inputs differ, keep to the limit, and take what there is to take", () => {
  const made = inputs(3, 3000);
  expect(new Set(made).size).toBeGreaterThan(1500);
  expect(Math.max(...made.map((input) => input.length))).toBeLessThanOrEqual(40);
  expect(made.some((input) => input.includes("word"))).toBe(true);
  expect(made.some((input) => input.length === 0)).toBe(true);
});

test("a long input repeats a part of a sample, up to the limit", () => {
  const random = new FuzzRandom();
  const mutator = new Mutator(random, 65_536);
  const lengths = Array.from({ length: 200 }, (_, index) => {
    random.seed(4, index);
    mutator.make(source, 65_536);
    return mutator.length;
  });
  expect(Math.max(...lengths)).toBeGreaterThan(30_000);
  expect(Math.max(...lengths)).toBeLessThanOrEqual(65_536);
});

test("JSON: most of what is made of it is JSON still, and not the same", () => {
  const random = new FuzzRandom();
  const mutator = new Mutator(random, 65_536);
  const texts = ['{"a":[1,2,{"b":"c"}],"d":null}', '[{"e":true}]'];
  const json = { corpus: texts.map((text) => Buffer.from(text)), words: [], isJson: true };
  const valid = new Set<string>();
  for (let index = 0; index < 1000; index++) {
    random.seed(6, index);
    mutator.make(json, 200);
    const text = mutator.input.toString();
    try {
      JSON.parse(text);
      valid.add(text);
    } catch {
      // One of those that are broken.
    }
  }
  expect(valid.size).toBeGreaterThan(100);
});

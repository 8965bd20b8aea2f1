import { expect, test } from "vitest";
import { mapParallel } from "../../src/base/parallel.ts";
import { settle } from "../support/fake-clock.ts";

test("parallel: more items than the limit: never more at once, results in order", async () => {
  let running = 0;
  let most = 0;
  const results = await mapParallel([5, 1, 4, 2, 3], {
    limit: 2,
    work: async (item) => {
      running++;
      most = Math.max(most, running);
      await settle(item);
      running--;
      return item * 10;
    },
  });
  expect(results).toEqual([50, 10, 40, 20, 30]);
  expect(most).toBe(2);
});

test("parallel: no items: resolves to nothing", async () => {
  expect(await mapParallel([], { limit: 3, work: () => Promise.resolve(1) })).toEqual([]);
});

test("parallel: one fails: nothing new begins, and the rejection waits for what runs", async () => {
  const begun: number[] = [];
  const ended: number[] = [];
  const all = mapParallel([0, 1, 2, 3, 4], {
    limit: 2,
    work: async (item) => {
      begun.push(item);
      await settle(item === 0 ? 1 : 5);
      ended.push(item);
      if (item === 0) throw new Error("first");
    },
  });
  await expect(all).rejects.toThrow("first");
  expect(begun).toEqual([0, 1]);
  expect(ended).toEqual([0, 1]);
});

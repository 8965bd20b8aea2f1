import { expect, test } from "vitest";
import { Turns } from "../../src/broker/turns.ts";
import { settle } from "../support/fake-clock.ts";

test("turns: one key: one after the other in order of calling, also after a failure", async () => {
  const turns = new Turns();
  const seen: string[] = [];
  const step =
    (name: string, waitTurns: number, fails = false) =>
    async (): Promise<string> => {
      seen.push(`${name} begins`);
      await settle(waitTurns);
      seen.push(`${name} ends`);
      if (fails) throw new Error(name);
      return name;
    };
  const first = turns.run("a", step("first", 3, true));
  const second = turns.run("a", step("second", 1));
  await expect(first).rejects.toThrow("first");
  expect(await second).toBe("second");
  expect(seen).toEqual(["first begins", "first ends", "second begins", "second ends"]);
});

test("turns: different keys: run at the same time, and only the one is busy", async () => {
  const turns = new Turns();
  let release = (): void => undefined;
  const blocked = turns.run("a", () => new Promise<void>((resolve) => (release = resolve)));
  expect([turns.isBusy("a"), turns.isBusy("b")]).toEqual([true, false]);
  expect(await turns.run("b", () => Promise.resolve("b"))).toBe("b");
  release();
  await blocked;
});

test("turns: idle: resolves after all work, and no key is remembered", async () => {
  const turns = new Turns();
  let ended = 0;
  for (const key of ["a", "a", "b"]) {
    void turns.run(key, async () => {
      await settle(2);
      ended++;
    });
  }
  await turns.idle();
  expect(ended).toBe(3);
  await settle();
  expect(turns.busyCount).toBe(0);
});

test("turns: alone: after all that was called before, of any key, and before all that comes later", async () => {
  const turns = new Turns();
  const seen: string[] = [];
  const step = (name: string, waitTurns: number) => async (): Promise<void> => {
    seen.push(`${name} begins`);
    await settle(waitTurns);
    seen.push(`${name} ends`);
  };
  const all = [
    turns.run("a", step("a", 5)),
    turns.run("b", step("b", 2)),
    turns.alone(() => seen.push("alone")),
    turns.run("a", step("later a", 1)),
    turns.run("c", step("c", 1)),
  ];
  await Promise.all(all);
  expect(seen.slice(0, 5)).toEqual(["a begins", "b begins", "b ends", "a ends", "alone"]);
  expect(seen.slice(5).toSorted()).toEqual([
    "c begins",
    "c ends",
    "later a begins",
    "later a ends",
  ]);
  await expect(turns.alone(() => Promise.reject(new Error("no")))).rejects.toThrow("no");
  await turns.run("a", step("d", 0));
  await turns.idle();
});

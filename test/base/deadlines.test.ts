import { expect, test } from "vitest";
import { Deadlines } from "../../src/base/deadlines.ts";
import { FakeClock } from "../support/fake-clock.ts";

const forever = (): Promise<void> => new Promise(() => undefined);

test("work that ends in time: its end is the answer, well or not", async () => {
  const deadlines = new Deadlines(new FakeClock(), 1000);
  await deadlines.within(Promise.resolve());
  await expect(deadlines.within(Promise.reject(new Error("broken")))).rejects.toThrow("broken");
  expect(deadlines.count).toBe(0);
});

test("work that does not end: the wait does, never early, at most a quarter late", async () => {
  const clock = new FakeClock();
  const deadlines = new Deadlines(clock, 1000);
  const ended: string[] = [];
  void deadlines.within(forever()).then(() => ended.push("first"));
  await clock.run(600);
  void deadlines.within(forever()).then(() => ended.push("second"));
  await clock.run(399);
  expect(ended).toEqual([]);
  await clock.run(251);
  expect(ended).toEqual(["first"]);
  await clock.run(600);
  expect(ended).toEqual(["first", "second"]);
  expect([deadlines.count, clock.timerCount]).toEqual([0, 0]);
});

test("close: no timer is left, and a wait lasts as long as its work", async () => {
  const clock = new FakeClock();
  const deadlines = new Deadlines(clock, 1000);
  let isOver = false;
  let finish = (): void => undefined;
  const work = new Promise<void>((resolve) => {
    finish = resolve;
  });
  void deadlines.within(work).then(() => {
    isOver = true;
  });
  deadlines.close();
  expect(clock.timerCount).toBe(0);
  await clock.run(5000);
  expect(isOver).toBe(false);
  finish();
  await clock.run(0);
  expect(isOver).toBe(true);
});

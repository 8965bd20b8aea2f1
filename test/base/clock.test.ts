import { expect, test } from "vitest";
import { type Clock, foregroundClock, sleep, systemClock } from "../../src/base/clock.ts";

test("system clock: a cancelled timer: never fires", async () => {
  let fired = false;
  systemClock
    .after(1, () => {
      fired = true;
    })
    .cancel();
  await new Promise<void>((resolve) => systemClock.after(10, resolve));
  expect(fired).toBe(false);
});

test("system clock: a delay longer than setTimeout can hold: does not fire at once", async () => {
  let fired = false;
  const timer = systemClock.after(2 ** 40, () => {
    fired = true;
  });
  await new Promise<void>((resolve) => systemClock.after(10, resolve));
  timer.cancel();
  expect(fired).toBe(false);
});

test("system clock: a negative delay: fires like zero", async () => {
  await new Promise<void>((resolve) => systemClock.after(-5, resolve));
});

test("system clock: monotonic time: does not go back", () => {
  const first = systemClock.monotonicMs();
  expect(systemClock.monotonicMs()).toBeGreaterThanOrEqual(first);
  expect(Number.isInteger(systemClock.nowMs())).toBe(true);
});

test("foreground clock: a timer: fires, and holds the process unlike the system clock's", async () => {
  const holding = (): number =>
    process.getActiveResourcesInfo().filter((kind) => kind === "Timeout").length;
  const before = holding();
  systemClock.after(60_000, () => undefined);
  expect(holding()).toBe(before);
  const timer = foregroundClock.after(60_000, () => undefined);
  expect(holding()).toBe(before + 1);
  timer.cancel();
  expect(holding()).toBe(before);
  await new Promise<void>((resolve) => foregroundClock.after(1, resolve));
});

test("sleep: resolves when its clock says so, not before", async () => {
  let release = (): void => undefined;
  const clock: Clock = {
    nowMs: () => 0,
    monotonicMs: () => 0,
    after(_delayMs, callback) {
      release = callback;
      return { cancel: () => undefined };
    },
  };
  let awake = false;
  const sleeping = sleep(clock, 5).then(() => {
    awake = true;
  });
  await Promise.resolve();
  expect(awake).toBe(false);
  release();
  await sleeping;
  expect(awake).toBe(true);
});

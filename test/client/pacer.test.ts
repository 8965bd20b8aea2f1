import { expect, test } from "vitest";
import { Pacer } from "../../src/client/pacer.ts";
import { FakeClock, settle } from "../support/fake-clock.ts";

test("pacer: empty answers at once: pauses that double up to five seconds, small again after a record", async () => {
  const clock = new FakeClock();
  const pacer = new Pacer(clock, null);
  const pauses: (number | null)[] = [];
  for (let round = 0; round < 9; round++) {
    const pausing = pacer.afterEmpty(20_000);
    pauses.push(clock.nextTimerMs);
    clock.advance(clock.nextTimerMs ?? 0);
    await pausing;
  }
  expect(pauses).toEqual([50, 100, 200, 400, 800, 1_600, 3_200, 5_000, 5_000]);
  pacer.reset();
  void pacer.afterEmpty(20_000);
  expect(clock.nextTimerMs).toBe(50);
});

test("pacer: an answer that took its time: no pause", async () => {
  const clock = new FakeClock();
  const pacer = new Pacer(clock, null);
  clock.advance(10_000);
  await pacer.afterEmpty(20_000);
  expect(clock.timerCount).toBe(0);
});

test("pacer: the signal: ends a pause and leaves no timer", async () => {
  const clock = new FakeClock();
  const stop = new AbortController();
  const pausing = new Pacer(clock, stop.signal).pause();
  stop.abort();
  await pausing;
  await settle();
  expect(clock.timerCount).toBe(0);
});
